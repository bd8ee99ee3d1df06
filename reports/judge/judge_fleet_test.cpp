// Many devices, ratios between figures, spreads, conceded nodes, and what still needs launches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/judge/judge.h"
#include "reports/judge/scene_testing.h"

namespace assay {
namespace {

using testing::Given;
using testing::has_finding;
using ::testing::HasSubstr;
using testing::nothing;
using testing::Scene;
using testing::values;

Scene four_devices(Across across) {
  Scene scene;
  scene.plan_gemm(4);
  scene.at_least(100, across);
  return scene;
}

TEST(JudgeFleet, EachDeviceMustPass) {
  Scene scene = four_devices(Across::each_device);
  for (int i = 0; i < 7; ++i) scene.launch(values({101, 102, 103, 104}));
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.part().devices, 4U);

  Scene one_slow = four_devices(Across::each_device);
  for (int i = 0; i < 7; ++i) one_slow.launch(values({120, 90, 130, 140}));  // the mean is 120
  const PartVerdict part = one_slow.part();
  EXPECT_EQ(part.verdict, Verdict::inconclusive);  // mean of E_fail: (31.875 + 3 x 0.125) / 4 is about 8
  EXPECT_NEAR(part.e_fail, (255.0 / 8 + 3 * 0.125) / 4, 1e-12);
  EXPECT_DOUBLE_EQ(*part.measured, 90);  // of the worst device, which is named
  EXPECT_EQ(part.worst_devices[0].rank, 1);
  EXPECT_THAT(part.reason, HasSubstr("n1 rank 1"));
  for (int i = 0; i < 2; ++i) one_slow.launch(values({120, 90, 130, 140}));
  // Nine misses: (2^10 - 1) / 10 = 102.3, over four devices 25.6.
  const TargetVerdict target = one_slow.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::fail);
  EXPECT_TRUE(target.parts[0].worst_devices[0].blamed);
  EXPECT_FALSE(target.parts[0].worst_devices[1].blamed);
  EXPECT_TRUE(has_finding(target.findings, "ASY-2005"));
}

TEST(JudgeFleet, EachDeviceSticksAtItsOwnCrossing) {
  // Device 0 misses once, early; device 1 once, after its seven. Both have been shown to pass at some launch.
  Scene scene = four_devices(Across::each_device);
  for (int i = 0; i < 11; ++i) {
    scene.launch(values({i == 0 ? 90.0 : 101.0, i == 8 ? 90.0 : 101.0, 101, 101}));
  }
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.part().decided_at, 11);
}

TEST(JudgeFleet, AShareOfDevices) {
  Scene scene;
  scene.plan_gemm(10);
  Target& target = scene.at_least(100, Across::share_of_devices);
  target.device_share = 0.9;  // one of ten may miss
  std::vector<double> row(10, 105);
  row[3] = 50;
  for (int i = 0; i < 7; ++i) scene.launch(values(row));
  // Mean of the two smallest: (1/8 + 31.875) / 2 is 16.
  PartVerdict part = scene.part();
  EXPECT_EQ(part.verdict, Verdict::inconclusive);
  EXPECT_DOUBLE_EQ(part.e_pass, 16);
  // The one that may miss cannot hold up the others for ever: (1/9 + 511/9) / 2 is 28.4.
  scene.launch(values(row));
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_NEAR(scene.part().e_pass, 512.0 / 18, 1e-12);
  row[3] = 105;
  row[4] = 105;
  Scene good;
  good.plan_gemm(10);
  good.at_least(100, Across::share_of_devices).device_share = 0.9;
  for (int i = 0; i < 7; ++i) good.launch(values(row));
  EXPECT_EQ(good.verdict(), Verdict::pass);
  EXPECT_EQ(good.judged().targets[0].across_text, "at least 90 % of devices");
  // Two of ten slow: the mean of the nine smallest E_fail is (8 / (n + 1) + (2^(n+1) - 1) / (n + 1)) / 9,
  // which is 11.5 after nine launches and 20.8 after ten.
  Scene bad;
  bad.plan_gemm(10);
  bad.at_least(100, Across::share_of_devices).device_share = 0.9;
  row[3] = row[4] = 50;
  int launches = 0;
  while (bad.data.cases().empty() || bad.verdict() == Verdict::inconclusive) {
    bad.launch(values(row));
    ASSERT_LT(++launches, 20);
  }
  EXPECT_EQ(bad.verdict(), Verdict::fail);
  EXPECT_EQ(launches, 10);
}

TEST(JudgeFleet, WithinALaunch) {
  const std::vector<double> row = {80, 100, 110, 130};  // worst 80, median 105, mean 105, sum 420
  const auto judged = [&](Across across, double limit) {
    Scene scene = four_devices(across);
    scene.targets.targets[0].at_least->value = limit;
    for (int i = 0; i < 7; ++i) scene.launch(values(row));
    return scene.verdict();
  };
  EXPECT_EQ(judged(Across::worst, 80), Verdict::pass);
  EXPECT_EQ(judged(Across::worst, 81), Verdict::fail);
  EXPECT_EQ(judged(Across::median, 105), Verdict::pass);
  EXPECT_EQ(judged(Across::median, 106), Verdict::fail);
  EXPECT_EQ(judged(Across::mean, 105), Verdict::pass);
  EXPECT_EQ(judged(Across::mean, 106), Verdict::fail);
  EXPECT_EQ(judged(Across::sum, 420), Verdict::pass);
  EXPECT_EQ(judged(Across::sum, 421), Verdict::fail);
}

TEST(JudgeFleet, ADeviceWithoutAValueMakesTheLaunchAMiss) {
  for (const Across across : {Across::worst, Across::median, Across::mean, Across::sum}) {
    Scene scene = four_devices(across);
    for (int i = 0; i < 7; ++i) scene.launch(values({120, 130, nothing, 140}));
    EXPECT_EQ(scene.verdict(), Verdict::missing);
    scene.launch(values({120, 130, 140, 150}));
    EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
    EXPECT_EQ(scene.part().without_value, 7);
    EXPECT_THAT(scene.part().launches[0].trouble, HasSubstr("n1 rank 2"));
  }
}

TEST(JudgeFleet, AnExpectedDeviceNeverSeenIsAMiss) {
  Scene scene = four_devices(Across::each_device);
  for (int i = 0; i < 12; ++i) scene.launch(values({101, 102, 103}));  // three of four
  const TargetVerdict target = scene.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::inconclusive);
  EXPECT_EQ(target.parts[0].devices, 4U);
  EXPECT_EQ(target.parts[0].without_value, 12);
  EXPECT_TRUE(has_finding(target.findings, "ASY-1012"));
  EXPECT_EQ(scene.judged().coverage[0].coverage, Coverage::part);
}

TEST(JudgeFleet, ANodeKnownByItsFactsOnlyIsAMiss) {
  Scene scene;
  scene.plan_gemm(1, Placement::each);
  scene.at_least(100);
  scene.data.nodes = {{"n1", {}}, {"n2", {}}};
  for (int i = 0; i < 12; ++i) scene.launch(values({101}));
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.coverage[0].coverage, Coverage::part);
  EXPECT_THAT(judgement.coverage[0].note, HasSubstr("measured on 1 of 2 nodes"));
}

TEST(JudgeFleet, AFixedNumberOfNodesMayBeAnyNodes) {
  Scene scene;
  scene.plan_gemm(1);  // one node, whichever
  scene.at_least(100);
  for (int i = 0; i < 7; ++i) scene.launch(values({101}), 0, "n1");
  for (int i = 0; i < 7; ++i) scene.launch(values({102}), 0, "n2");
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.part().without_value, 0);
}

TEST(JudgeFleet, ConcededNodes) {
  const auto scene_with = [](double device_share, int launches) {
    Scene scene;
    scene.plan_gemm(1, Placement::each);
    scene.at_least(100, device_share < 1 ? Across::share_of_devices : Across::each_device).device_share =
        device_share;
    for (int i = 0; i < launches; ++i) {
      std::map<std::string, std::vector<Given>> nodes;
      for (int n = 1; n <= 9; ++n) nodes["n" + std::to_string(n)] = values({101.0 + n});
      scene.launch_on(nodes);
    }
    scene.data.concede("n10", "does not boot");
    return scene;
  };
  // Ten nodes, one conceded: nine remain, and one that misses was allowed.
  const PartVerdict allowed = scene_with(0.9, 7).part();
  EXPECT_EQ(allowed.verdict, Verdict::pass);
  EXPECT_EQ(allowed.devices, 10U);
  EXPECT_EQ(allowed.devices_conceded, 1U);
  EXPECT_TRUE(allowed.worst_devices[0].conceded);
  // "each device" allows none.
  const Scene strict = scene_with(1, 7);
  EXPECT_EQ(strict.verdict(), Verdict::fail);
  EXPECT_THAT(strict.judged().targets[0].reason, HasSubstr("1 of 10 devices were conceded"));
  EXPECT_TRUE(has_finding(strict.judged().findings, "ASY-4012"));
  // A node that gave values and then left is not conceded: its launches are misses.
  Scene left = scene_with(0.9, 3);
  left.data.concede("n9", "excluded");
  EXPECT_EQ(left.part().devices_conceded, 1U);
}

TEST(JudgeFleet, SpreadIsALimitOfItsOwn) {
  Scene scene = four_devices(Across::each_device);
  scene.targets.targets[0].spread_at_most = 0.05;
  for (int i = 0; i < 7; ++i) scene.launch(values({100, 101, 102, 110}));  // (110 - 100) / 103.25 = 9.7 %
  const TargetVerdict target = scene.judged().targets[0];
  ASSERT_EQ(target.parts.size(), 2U);
  EXPECT_EQ(target.parts[0].verdict, Verdict::pass);
  EXPECT_EQ(target.parts[1].verdict, Verdict::fail);
  EXPECT_EQ(target.parts[1].required_text, "spread <= 5 %");
  EXPECT_NEAR(*target.parts[1].measured, 10 / 103.25, 1e-12);
  EXPECT_EQ(target.verdict, Verdict::fail);
  EXPECT_THAT(target.reason, HasSubstr("9.69 %"));

  Scene lone;
  lone.plan_gemm(1);
  lone.at_least(100).spread_at_most = 0.05;
  for (int i = 0; i < 7; ++i) lone.launch(values({105}));
  EXPECT_EQ(lone.verdict(), Verdict::missing);  // one device has no spread
}

TEST(JudgeFleet, PeaksOfDifferentDevices) {
  Scene scene;
  scene.plan_gemm(2);
  scene.at_least(0.7).at_least->kind = LimitKind::of_peak;
  for (int i = 1; i <= 7; ++i) {
    Record record = scene.record(scene.planned(), i, "n1", values({80, 150}));
    record.devices[0].name = "Old accelerator";
    record.devices[1].name = "New accelerator";
    scene.data.add(record);
  }
  scene.peaks["Old accelerator"]["bf16"] = {100, PeakBasis::theoretical, "data sheet"};
  scene.peaks["New accelerator"]["bf16"] = {200, PeakBasis::theoretical, "data sheet"};
  const PartVerdict part = scene.part();
  EXPECT_EQ(part.verdict, Verdict::pass);
  EXPECT_EQ(part.unit, "1");
  EXPECT_DOUBLE_EQ(*part.measured, 0.75);  // the worst by its own peak is the new one
  scene.peaks["New accelerator"]["bf16"].value = 220;
  EXPECT_NE(scene.verdict(), Verdict::pass);
}

// Two cases in one start: gemm over stream, as shares.
Scene ratio_scene(int ranks = 1) {
  Scene scene;
  scene.plan_gemm(ranks);
  scene.plan_case({"memory/stream", {}, {Placement::fixed, 1, ranks, 0}});
  Target& target = scene.at_least(0.5);
  target.at_least->kind = LimitKind::of_figure;
  target.at_least->benchmark = "memory/stream";
  target.at_least->fom = "flops";
  return scene;
}

TEST(JudgeRatio, IsPairedWithinAStart) {
  Scene scene = ratio_scene();
  // Both figures halve and double together from start to start: the ratio is steady at 0.6.
  for (int i = 0; i < 7; ++i) {
    const double pace = i % 2 == 0 ? 1 : 3;
    scene.launch(values({60 * pace}), 0);
    scene.beside(values({100 * pace}), 1);
  }
  const PartVerdict part = scene.part();
  EXPECT_EQ(part.verdict, Verdict::pass);
  EXPECT_DOUBLE_EQ(*part.measured, 0.6);
  EXPECT_EQ(part.unit, "1");
  EXPECT_THAT(part.reason, HasSubstr("60.00 %"));
}

TEST(JudgeRatio, AMissingReferenceIsAMiss) {
  Scene scene = ratio_scene();
  for (int i = 0; i < 6; ++i) {
    scene.launch(values({60}), 0);
    scene.beside(values({100}), 1);
  }
  scene.launch(values({60}), 0);
  scene.data.launch_started(scene.planned(1), 7);  // the reference was begun and left nothing
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
  EXPECT_EQ(scene.part().without_value, 1);
  EXPECT_THAT(scene.part().launches[6].trouble, HasSubstr("no reference value"));
}

TEST(JudgeRatio, ALaunchWhoseReferenceWasNotBegunIsNoPair) {
  Scene scene = ratio_scene();
  for (int i = 0; i < 6; ++i) {
    scene.launch(values({60}), 0);
    scene.beside(values({100}), 1);
  }
  scene.launch(values({60}), 0);  // alone in its start
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
  EXPECT_EQ(scene.part().met, 6);
  EXPECT_EQ(scene.part().without_value, 0);
  Scene never = ratio_scene();
  for (int i = 0; i < 7; ++i) never.launch(values({60}), 0);
  EXPECT_NE(never.verdict(), Verdict::pass);
  EXPECT_EQ(never.part().without_value, 7);
}

TEST(JudgeRatio, AWrongReferenceIsInvalidAndNamed) {
  Scene scene = ratio_scene();
  for (int i = 0; i < 7; ++i) {
    scene.launch(values({60}), 0);
    scene.beside({Given{100, i == 3 ? CheckStatus::fail : CheckStatus::pass}}, 1);
  }
  EXPECT_EQ(scene.verdict(), Verdict::invalid);
  EXPECT_THAT(scene.judged().targets[0].reason, HasSubstr("memory/stream.flops"));
}

TEST(JudgeRatio, EachRankHasItsOwnReferenceUnlessThereIsOne) {
  Scene own = ratio_scene(2);
  for (int i = 0; i < 7; ++i) {
    own.launch(values({60, 90}), 0);
    own.beside(values({100, 150}), 1);
  }
  EXPECT_EQ(own.verdict(), Verdict::pass);  // 0.6 and 0.6; against the other's reference 0.4 would fail
  Scene shared = ratio_scene(2);
  for (int i = 0; i < 7; ++i) {
    shared.launch(values({60, 90}), 0);
    shared.beside(values({100}), 1);
  }
  EXPECT_EQ(shared.verdict(), Verdict::pass);
  EXPECT_DOUBLE_EQ(*shared.part().measured, 0.6);
}

TEST(JudgeRatio, OfASumIsTheRatioOfSums) {
  Scene scene = ratio_scene(2);
  scene.targets.targets[0].across = Across::sum;
  scene.targets.targets[0].at_least->value = 0.6;
  for (int i = 0; i < 7; ++i) {
    scene.launch(values({60, 90}), 0);
    scene.beside(values({200, 50}), 1);  // (60 + 90) / (200 + 50); the sum of the ratios is 2.1
  }
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_DOUBLE_EQ(*scene.part().measured, 0.6);
  EXPECT_DOUBLE_EQ(scene.part().distribution->minimum, 0.3);
  scene.targets.targets[0].at_least->value = 0.61;
  EXPECT_EQ(scene.verdict(), Verdict::fail);
}

TEST(JudgeGroup, TheCommandThatRepeatsItHasAllNodesAndThreads) {
  Scene scene;
  scene.plan_case({"collectives/allreduce", {{"bytes", std::int64_t{8}}}, {Placement::all, 1, 2, 3}});
  scene.data.nodes = {{"n1", {}}, {"n2", {}}, {"n3", {}}};
  scene.time_at_most(1e-5);
  scene.launch({Given{0.8e-5}});
  EXPECT_EQ(scene.part().repeat_command,
            "mpiexec -n 6 assay-bench collectives/allreduce --bytes 8 --threads 3");
}

TEST(JudgeGroup, OneFigureForAllRanks) {
  Scene scene;
  scene.plan_case({"collectives/allreduce", {{"bytes", std::int64_t{8}}}, {Placement::fixed, 2, 4, 0}});
  scene.time_at_most(1e-5);
  for (int i = 0; i < 7; ++i) scene.launch({Given{0.8e-5}});
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.part().devices, 1U);
  EXPECT_EQ(scene.part().repeat_command, "mpiexec -n 8 assay-bench collectives/allreduce --bytes 8");
  // Another node may speak for the group: it is the same group.
  for (int i = 0; i < 3; ++i) scene.launch({Given{0.9e-5}}, 0, "n2");
  EXPECT_EQ(scene.part().devices, 1U);
  EXPECT_EQ(scene.part().met, 10);
}

TEST(JudgeGroup, ANodeThatFailedSpoilsTheFigure) {
  Scene scene;
  scene.plan_case({"collectives/allreduce", {{"bytes", std::int64_t{8}}}, {Placement::fixed, 2, 1, 0}});
  scene.time_at_most(1e-5);
  for (int i = 1; i <= 7; ++i) {
    scene.data.add(scene.record(scene.planned(), i, "n1", {Given{0.8e-5}}));
    Record lost = scene.record(scene.planned(), i, "n2", {});
    lost.status = LaunchStatus::failed;
    lost.reason = "lost its network";
    scene.data.add(lost);
  }
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  EXPECT_THAT(scene.judged().targets[0].reason, HasSubstr("lost its network"));
}

TEST(JudgeFleet, ScreeningNamesTheSlowOne) {
  Scene scene;
  scene.plan_gemm(8);
  scene.at_least(10);  // far below: the floor alone would hide it
  for (int i = 0; i < 7; ++i) scene.launch(values({100, 100.1, 99.9, 100.2, 99.8, 100, 35, 100.1}));
  const TargetVerdict target = scene.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::pass);
  EXPECT_EQ(target.parts[0].screened_out, 1U);
  EXPECT_TRUE(has_finding(target.findings, "ASY-2006"));
  ASSERT_TRUE(target.parts[0].distribution);
  EXPECT_EQ(target.parts[0].distribution->devices, 8U);
  EXPECT_DOUBLE_EQ(target.parts[0].distribution->minimum, 35);
}

TEST(Settled, LaunchesWhileSomethingIsOpen) {
  Scene scene;
  scene.plan_gemm(1, Placement::fixed, 1, 1024);
  scene.plan_gemm(1, Placement::fixed, 1, 4096);  // no target needs it
  scene.at_least(100).where["m"] = {std::int64_t{1024}};
  EXPECT_EQ(settled(scene.input()), (std::vector<bool>{false, false}));
  scene.launch(values({101}), 0);
  scene.beside(values({101}), 1);
  EXPECT_EQ(settled(scene.input()), (std::vector<bool>{false, true}));
  for (int i = 0; i < 5; ++i) scene.launch(values({101}), 0);
  EXPECT_EQ(settled(scene.input())[0], false);
  scene.launch(values({101}), 0);
  EXPECT_EQ(settled(scene.input())[0], true);
}

TEST(Settled, EndsAtTheMaximumAndItsExtension) {
  Scene scene;
  scene.plan_gemm();
  scene.plan.max_launches = 8;
  scene.at_least(100);
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(settled(scene.input())[0]);
    scene.launch(values({i % 2 == 0 ? 90.0 : 110.0}));
  }
  EXPECT_TRUE(settled(scene.input())[0]);
  scene.targets.inconclusive = OnInconclusive::extend;
  scene.targets.extend_launches = 2;
  EXPECT_FALSE(settled(scene.input())[0]);
  for (int i = 0; i < 2; ++i) scene.launch(values({90}));
  EXPECT_TRUE(settled(scene.input())[0]);
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
}

TEST(Settled, UnsupportedAndInvalidNeedNoMore) {
  Scene unsupported;
  unsupported.plan_gemm();
  unsupported.at_least(100);
  unsupported.lost(LaunchStatus::unsupported, "no bf16");
  EXPECT_TRUE(settled(unsupported.input())[0]);
  Scene timeout;
  timeout.plan_gemm();
  timeout.at_least(100);
  timeout.lost(LaunchStatus::timeout, "");
  EXPECT_FALSE(settled(timeout.input())[0]);
  Scene wrong;
  wrong.plan_gemm();
  wrong.at_least(100);
  wrong.launch({Given{100, CheckStatus::fail}});
  EXPECT_TRUE(settled(wrong.input())[0]);
}

TEST(Settled, FixedLaunchesToTheEnd) {
  Scene scene;
  scene.plan_gemm();
  scene.plan.stop = StopRule::fixed;
  scene.plan.max_launches = 9;
  scene.at_least(100);
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(settled(scene.input())[0]);
    scene.launch(values({110}));
  }
  EXPECT_TRUE(settled(scene.input())[0]);
}

TEST(Settled, ARatioNeedsItsReferenceToo) {
  Scene scene = ratio_scene();
  for (int i = 0; i < 6; ++i) {
    scene.launch(values({60}), 0);
    scene.beside(values({100}), 1);
  }
  EXPECT_EQ(settled(scene.input()), (std::vector<bool>{false, false}));
  scene.launch(values({60}), 0);
  scene.beside(values({100}), 1);
  EXPECT_EQ(settled(scene.input()), (std::vector<bool>{true, true}));
}

TEST(Settled, AnEarlierVerdictStillAsksForOneLaunch) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  scene.campaign = -1;
  for (int i = 0; i < 7; ++i) scene.launch(values({101}));
  EXPECT_FALSE(settled(scene.input())[0]);
  scene.campaign = 0;
  scene.launch(values({101}));
  EXPECT_TRUE(settled(scene.input())[0]);
}

/// Two ranks together (one figure) against what each of them does beside the others.
Scene group_beside_ranks(const std::vector<Given>& ranks) {
  Scene scene;
  scene.plan_case({"collectives/allreduce", {{"bytes", std::int64_t{8}}}, {Placement::fixed, 1, 2, 0}});
  scene.plan_gemm(2);
  Target& target = scene.at_least(0.3);
  target.benchmark = "collectives/allreduce";
  target.fom = "busbw";
  target.unit = "B/s";
  target.at_least->kind = LimitKind::of_figure;
  target.at_least->benchmark = "compute/gemm";
  target.at_least->fom = "rate";
  for (int i = 0; i < 7; ++i) {
    scene.launch(values({0.1}), 0);  // busbw is 1 / 0.1
    scene.beside(ranks, 1);
  }
  return scene;
}

TEST(JudgeRatio, AGroupIsComparedWithTheSumOfItsRanks) {
  const PartVerdict part = group_beside_ranks(values({20, 20})).part();
  EXPECT_EQ(part.verdict, Verdict::fail);  // 10 of 40, not 10 of 20
  EXPECT_DOUBLE_EQ(*part.measured, 0.25);
  EXPECT_EQ(group_beside_ranks(values({20, 10})).verdict(), Verdict::pass);
}

TEST(JudgeRatio, ASumOfFewerRanksMakesNoShareLookBetter) {
  EXPECT_EQ(group_beside_ranks(values({20})).part().met, 0);
  EXPECT_EQ(group_beside_ranks({{20, CheckStatus::pass}, {10, CheckStatus::fail}}).part().met, 0);
}

}  // namespace
}  // namespace assay
