// The verdict of one series of launches, rule by rule, on numbers judged by hand. Limits are round: 100.
#include "reports/judge/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reports/judge/observations.h"
#include "reports/judge/scene_testing.h"

namespace assay {
namespace {

using testing::Given;
using testing::has_finding;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::nothing;
using testing::Scene;

Scene one_device(const std::vector<double>& values, double limit = 100) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(limit);
  scene.launches(values);
  return scene;
}

const std::vector<double> seven_good = {101, 105, 103, 102, 104, 106, 107};

TEST(Judge, SevenOfSevenPass) {
  const Scene scene = one_device(seven_good);
  const Judgement judgement = scene.judged();
  const PartVerdict& part = judgement.targets[0].parts[0];
  EXPECT_EQ(part.verdict, Verdict::pass);
  EXPECT_EQ(part.decided_at, 7);
  EXPECT_DOUBLE_EQ(part.e_pass, 255.0 / 8);
  EXPECT_DOUBLE_EQ(*part.measured, 104);
  EXPECT_DOUBLE_EQ(*part.interval.lower, 101);
  EXPECT_DOUBLE_EQ(*part.interval.upper, 107);
  EXPECT_NEAR(*part.distance, 0.04, 1e-12);
  EXPECT_EQ(part.met, 7);
  EXPECT_EQ(part.e_pass_after.size(), 7U);
  EXPECT_EQ(judgement.exit_status, ExitStatus::pass);
  EXPECT_EQ(judgement.overall, Verdict::pass);
  EXPECT_THAT(judgement.headline, HasSubstr("Passes: 1 of 1 mandatory clause"));
  EXPECT_EQ(part.repeat_command, "mpiexec -n 1 assay-bench compute/gemm --dtype bf16 --m 2048");
}

TEST(Judge, SixOfSixDoNot) {
  const Scene scene = one_device({101, 105, 103, 102, 104, 106});
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.targets[0].verdict, Verdict::inconclusive);
  EXPECT_DOUBLE_EQ(judgement.targets[0].parts[0].e_pass, 127.0 / 7);
  EXPECT_FALSE(judgement.targets[0].parts[0].interval.lower);
  EXPECT_EQ(judgement.exit_status, ExitStatus::undecided);
  EXPECT_THAT(judgement.targets[0].reason, HasSubstr("this campaign may make 6 more"));
}

TEST(Judge, SevenBelowFail) {
  const Scene scene = one_device({91, 95, 93, 92, 94, 96, 97});
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.targets[0].verdict, Verdict::fail);
  EXPECT_EQ(judgement.exit_status, ExitStatus::fail);
  EXPECT_THAT(judgement.headline, HasSubstr("Fails: 1 of 1"));
  EXPECT_TRUE(has_finding(judgement.targets[0].findings, "ASY-2001"));
}

TEST(Judge, NeverTheBestOfMany) {
  // One launch in twelve reaches the target, and it is the last one.
  const Scene scene = one_device({90, 91, 89, 90, 92, 90, 90, 91, 90, 89, 90, 500});
  EXPECT_EQ(scene.verdict(), Verdict::fail);
  EXPECT_DOUBLE_EQ(*scene.part().measured, 90);
}

TEST(Judge, OneOutlierDestroysNoVerdict) {
  // The mean of these is far below the limit; ten of eleven launches meet it.
  const Scene scene = one_device({101, 102, 0.01, 103, 101, 102, 103, 101, 102, 103, 104});
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.part().decided_at, 11);
}

TEST(Judge, TheFirstCrossingSticks) {
  std::vector<double> values = seven_good;
  for (int i = 0; i < 12; ++i) values.push_back(50 + i % 3);
  const Scene scene = one_device(values);
  const TargetVerdict target = scene.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::pass);
  EXPECT_EQ(target.parts[0].decided_at, 7);
  // It is said that what came after points the other way.
  EXPECT_TRUE(has_finding(target.findings, "ASY-2008"));
}

TEST(Judge, LimitIsInclusiveAndToleranceAppliesOnce) {
  Scene exact = one_device(std::vector<double>(7, 98.0));
  exact.targets.targets[0].tolerance = 0.02;
  EXPECT_DOUBLE_EQ(*exact.part().limit, 98);
  EXPECT_EQ(exact.verdict(), Verdict::pass);
  Scene below = one_device(std::vector<double>(7, 97.99));
  below.targets.targets[0].tolerance = 0.02;
  EXPECT_EQ(below.verdict(), Verdict::fail);
}

TEST(Judge, AFailingValueIsNeverShownAsItsTarget) {
  const Scene scene = one_device(std::vector<double>(7, 99.9999999));
  EXPECT_EQ(scene.verdict(), Verdict::fail);
  EXPECT_THAT(scene.judged().targets[0].reason, HasSubstr("99.9999999"));
}

TEST(Judge, TroubleNeverHelpsAndIsNoEvidenceOfSlowness) {
  Scene timeouts;
  timeouts.plan_gemm();
  timeouts.at_least(100);
  for (int i = 0; i < 7; ++i) timeouts.lost(LaunchStatus::timeout, "rank 3 did not arrive");
  EXPECT_EQ(timeouts.verdict(), Verdict::missing);
  EXPECT_THAT(timeouts.judged().targets[0].reason, HasSubstr("rank 3 did not arrive"));
  EXPECT_EQ(timeouts.judged().exit_status, ExitStatus::undecided);

  Scene mixed = one_device({101, 102, 103, 104, 105, 106});
  mixed.lost(LaunchStatus::failed, "killed by signal 11");
  EXPECT_EQ(mixed.verdict(), Verdict::inconclusive);
  EXPECT_EQ(mixed.part().without_value, 1);
  EXPECT_TRUE(has_finding(mixed.judged().targets[0].findings, "ASY-1008"));
  EXPECT_EQ(mixed.part().launches[6].trouble, "failed: killed by signal 11");
  mixed.launches({101, 102, 103});
  EXPECT_EQ(mixed.verdict(), Verdict::inconclusive);  // 9 of 10: 2047 - 11 over 110 is 18.5
  mixed.launch(104.0);
  EXPECT_EQ(mixed.verdict(), Verdict::pass);  // 10 of 11: 30.9
  // Timeouts between slow launches do not speed up a fail.
  Scene slow = one_device({90, 90, 90, 90, 90, 90});
  for (int i = 0; i < 5; ++i) slow.lost(LaunchStatus::timeout, "");
  EXPECT_EQ(slow.verdict(), Verdict::inconclusive);
  slow.launch(90.0);
  EXPECT_EQ(slow.verdict(), Verdict::fail);
}

TEST(Judge, AStartedLaunchWithoutARecordIsAMiss) {
  Scene scene = one_device({101, 102, 103, 104, 105, 106});
  scene.started_only();
  EXPECT_EQ(scene.part().without_value, 1);
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
}

TEST(Judge, ANumberThatIsNoneIsAMiss) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  for (int i = 0; i < 7; ++i) scene.launch(nothing);
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::undecided);
}

TEST(Judge, NothingIsNeverAPass) {
  Scene no_launch;
  no_launch.plan_gemm();
  no_launch.at_least(100);
  EXPECT_EQ(no_launch.verdict(), Verdict::missing);
  EXPECT_EQ(no_launch.judged().exit_status, ExitStatus::undecided);

  Scene no_case;
  no_case.at_least(100);
  EXPECT_EQ(no_case.verdict(), Verdict::missing);
  EXPECT_NE(no_case.judged().exit_status, ExitStatus::pass);

  Scene no_target;
  no_target.plan_gemm();
  no_target.launches(seven_good);
  EXPECT_NE(no_target.judged().exit_status, ExitStatus::pass);

  Scene only_reported = one_device(seven_good);
  only_reported.targets.targets[0].level = Level::reported;
  EXPECT_EQ(only_reported.judged().exit_status, ExitStatus::undecided);
  EXPECT_TRUE(has_finding(only_reported.judged().findings, "ASY-2013"));
}

TEST(Judge, AnotherFigureDoesNotServe) {
  Scene scene = one_device(seven_good);
  scene.targets.targets[0].fom = "efficiency";
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  EXPECT_THAT(scene.judged().targets[0].reason, HasSubstr("no figure 'efficiency'"));
}

TEST(Judge, OperationsOfIntegersAreJudgedLikeFlopsAndOtherUnitsAreNot) {
  const auto verdict_with = [](const std::string& unit) {
    Scene scene;
    scene.plan_gemm();
    scene.at_least(100);
    for (int start = 1; start <= 7; ++start) {
      Record record = scene.record(scene.planned(), start, "n1", {Given{200, CheckStatus::pass}});
      record.foms[0].unit = unit;
      scene.data.add(record);
    }
    return scene.verdict();
  };
  EXPECT_EQ(verdict_with("OP/s"), Verdict::pass);
  EXPECT_EQ(verdict_with("B/s"), Verdict::missing);
  EXPECT_EQ(verdict_with("GFLOP/s"), Verdict::missing);  // records hold base units
  EXPECT_EQ(verdict_with("flops"), Verdict::missing);
}

TEST(Judge, AFailedCheckMakesItInvalid) {
  Scene scene = one_device(seven_good);
  scene.launch({Given{200, CheckStatus::fail}});
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.targets[0].verdict, Verdict::invalid);
  EXPECT_EQ(judgement.exit_status, ExitStatus::fail);
  EXPECT_THAT(judgement.targets[0].reason, HasSubstr("compute/gemm.rate on n1 rank 0 in start 8"));
  EXPECT_TRUE(has_finding(judgement.targets[0].findings, "ASY-1001"));
}

TEST(Judge, PlantedFaultsAndDetoursAreInvalid) {
  Scene planted = one_device(seven_good);
  Record record = planted.record(planted.planned(), 8, "n1", {Given{100}});
  record.planted = "slow rank";
  planted.data.add(record);
  EXPECT_EQ(planted.verdict(), Verdict::invalid);
  EXPECT_TRUE(has_finding(planted.judged().targets[0].findings, "ASY-1004"));

  Scene detour = one_device(seven_good);
  record = detour.record(detour.planned(), 8, "n1", {Given{100}});
  record.path["invalid"] = "reads came from the page cache";
  detour.data.add(record);
  EXPECT_EQ(detour.verdict(), Verdict::invalid);
  EXPECT_TRUE(has_finding(detour.judged().targets[0].findings, "ASY-1005"));
}

TEST(Judge, AValueWithoutACheckDoesNotCountUnlessAllowed) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  for (int i = 0; i < 7; ++i) scene.launch({Given{105, CheckStatus::absent}});
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  EXPECT_TRUE(has_finding(scene.judged().targets[0].findings, "ASY-1006"));
  scene.targets.targets[0].check_required = false;
  EXPECT_EQ(scene.verdict(), Verdict::pass);
}

TEST(Judge, TooGoodToBeTrueIsInvalid) {
  Scene scene = one_device({101, 105, 103, 102, 104, 106, 108});
  scene.peaks["Test accelerator"]["bf16"] = {105, PeakBasis::theoretical, "data sheet"};
  EXPECT_EQ(scene.verdict(), Verdict::invalid);  // 108 > 1.02 x 105 = 107.1
  EXPECT_TRUE(has_finding(scene.judged().targets[0].findings, "ASY-1002"));
  scene.targets.targets[0].plausible_at_most = 108;
  EXPECT_EQ(scene.verdict(), Verdict::pass);  // inclusive
  scene.targets.targets[0].plausible_at_most = 107.9;
  EXPECT_EQ(scene.verdict(), Verdict::invalid);
}

TEST(Judge, AMeasuredPeakNeverInvalidates) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  scene.peak = Peak{90, PeakBasis::measured, "FMA probe"};
  scene.launches(seven_good);
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_TRUE(has_finding(scene.judged().targets[0].findings, "ASY-1003"));
}

TEST(Judge, ShareOfPeak) {
  Scene scene;
  scene.plan_gemm();
  Target& target = scene.at_least(0.7);
  target.at_least->kind = LimitKind::of_peak;
  target.at_least->text = "70 % of peak";
  scene.peak = Peak{140, PeakBasis::theoretical, "data sheet"};
  scene.launches({99, 99, 99, 100, 100, 99, 100});
  const PartVerdict part = scene.part();
  EXPECT_EQ(part.verdict, Verdict::pass);  // 0.7 x 140 = 98
  EXPECT_DOUBLE_EQ(*part.target, 98);
  EXPECT_EQ(part.unit, "FLOP/s");
  EXPECT_EQ(part.required_text, ">= 70 % of peak (140.0 FLOP/s, theoretical)");
  // The table of theoretical peaks comes before what the record says.
  scene.peaks["Test accelerator"]["bf16"] = {200, PeakBasis::theoretical, "data sheet"};
  EXPECT_EQ(scene.verdict(), Verdict::fail);
  // Where matrix units are faster, theirs is the limit: below 34 TFLOP/s of f64 there are 67 on an H200.
  scene.peaks["Test accelerator"]["bf16"] = {70, PeakBasis::theoretical, "data sheet"};
  EXPECT_EQ(scene.verdict(), Verdict::invalid);  // 100 is above 1.02 x 70
  scene.peaks["Test accelerator"]["bf16_matrix"] = {140, PeakBasis::theoretical, "data sheet"};
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  // A device that the table does not know keeps the record's.
  scene.peaks.clear();
  scene.peaks["Other accelerator"]["bf16"] = {200, PeakBasis::theoretical, "data sheet"};
  EXPECT_EQ(scene.verdict(), Verdict::pass);
}

TEST(Judge, AMeasuredPeakCarriesNoMandatoryTarget) {
  Scene scene;
  scene.plan_gemm();
  Target& target = scene.at_least(0.7);
  target.at_least->kind = LimitKind::of_peak;
  scene.peak = Peak{140, PeakBasis::measured, "FMA probe"};
  scene.launches(seven_good);
  EXPECT_EQ(scene.verdict(), Verdict::invalid);
  EXPECT_TRUE(has_finding(scene.judged().targets[0].findings, "ASY-1010"));
  scene.targets.targets[0].level = Level::scored;
  EXPECT_EQ(scene.verdict(), Verdict::pass);
}

TEST(Judge, NoPeakKnownIsMissing) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(0.7).at_least->kind = LimitKind::of_peak;
  scene.launches(seven_good);
  // The table knows others: an unknown device asks for an absolute target.
  scene.peaks["Other accelerator"]["bf16"] = {200, PeakBasis::theoretical, "data sheet"};
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  const TargetVerdict verdict = scene.judged().targets[0];
  const auto finding = std::find_if(verdict.findings.begin(), verdict.findings.end(),
                                    [](const Finding& one) { return one.code == "ASY-1009"; });
  ASSERT_NE(finding, verdict.findings.end());
  EXPECT_THAT(finding->text, HasSubstr("no peak of compute/gemm.rate is known for Test accelerator"));
  EXPECT_THAT(std::string(finding_kind(finding->code).action),
              HasSubstr("state the limit in absolute terms"));
}

// What the table has: 1 for each name. A figure's peak is then the name's; absent where none is meant.
std::string name_of_peak(const std::string& benchmark, const Parameters& parameters, const std::string& unit,
                         const std::vector<std::string>& table) {
  Scene scene;
  CaseResults results;
  results.identity.benchmark = benchmark;
  results.identity.parameters = parameters;
  results.foms = {{"rate", 1.0, unit, Better::higher, Reduce::median, std::nullopt}};
  results.devices.resize(1);
  results.devices[0].name = "Test accelerator";
  for (const std::string& name : table)
    scene.peaks["Test accelerator"][name] = {1, PeakBasis::theoretical, name};
  const JudgeInput input{scene.plan, scene.targets, scene.catalogue, scene.data, {}, scene.peaks};
  const auto peak = peak_of(input, results, 0, 0);
  return peak ? peak->source : "";
}

TEST(Judge, AFigureFindsItsPeak) {
  const std::vector<std::string> table = {"f64", "f64_matrix", "f32",  "tf32",   "bf16",
                                          "f16", "fp8",        "int8", "memory", "scale_up"};
  const auto gemm = [&](const std::string& dtype, const std::string& unit) {
    return name_of_peak("compute/gemm", {{"dtype", dtype}}, unit, table);
  };
  EXPECT_EQ(gemm("f64", "FLOP/s"), "f64_matrix");
  for (const char* dtype : {"f32", "tf32", "bf16", "f16"}) EXPECT_EQ(gemm(dtype, "FLOP/s"), dtype);
  EXPECT_EQ(gemm("fp8_e4m3", "FLOP/s"), "fp8");
  EXPECT_EQ(gemm("fp8_e5m2", "FLOP/s"), "fp8");
  EXPECT_EQ(gemm("int8", "OP/s"), "int8");
  EXPECT_EQ(gemm("bf16", "FLOP/J"), "");
  EXPECT_EQ(name_of_peak("compute/gemm", {{"dtype", std::string("fp8_e4m3")}}, "FLOP/s", {"bf16"}), "");
  const auto stream = [&](std::int64_t bytes) {
    return name_of_peak("memory/stream", {{"dtype", std::string("f64")}, {"bytes", bytes}}, "B/s", table);
  };
  EXPECT_EQ(stream(0), "memory");
  EXPECT_EQ(stream(std::int64_t{4} << 30), "memory");
  EXPECT_EQ(stream(1 << 20), "");  // a cache may hold it
  EXPECT_EQ(name_of_peak("memory/transfer", {}, "B/s", table), "");
  EXPECT_EQ(name_of_peak("collectives/allreduce", {}, "B/s", table), "");
}

TEST(Judge, WhoBearsTheDoubt) {
  // U = 2 %: a pass must reach 102, or a fail fall short of 98.
  const auto judged = [](DecisionRule decision, double value) {
    Scene scene = one_device(std::vector<double>(7, value));
    scene.targets.decision = decision;
    scene.targets.systematic = 0.02;
    return scene.verdict();
  };
  EXPECT_EQ(judged(DecisionRule::simple, 100), Verdict::pass);
  EXPECT_EQ(judged(DecisionRule::simple, 99), Verdict::fail);
  EXPECT_EQ(judged(DecisionRule::guarded_acceptance, 101), Verdict::inconclusive);
  EXPECT_EQ(judged(DecisionRule::guarded_acceptance, 102), Verdict::pass);
  EXPECT_EQ(judged(DecisionRule::guarded_acceptance, 99), Verdict::fail);
  EXPECT_EQ(judged(DecisionRule::guarded_rejection, 100), Verdict::pass);
  EXPECT_EQ(judged(DecisionRule::guarded_rejection, 99), Verdict::inconclusive);
  EXPECT_EQ(judged(DecisionRule::guarded_rejection, 97), Verdict::fail);
}

TEST(Judge, LowerIsBetterMirrorsEverything) {
  const auto judged = [](DecisionRule decision, double systematic, double tolerance, double value) {
    Scene scene;
    scene.plan_case({"collectives/allreduce", {{"bytes", std::int64_t{8}}}, {Placement::fixed, 1, 2, 0}});
    scene.time_at_most(1e-4).tolerance = tolerance;
    scene.targets.decision = decision;
    scene.targets.systematic = systematic;
    for (int i = 0; i < 7; ++i) scene.launch({Given{value + 1e-9 * i}});
    return scene.part();
  };
  const PartVerdict good = judged(DecisionRule::simple, 0, 0, 0.9e-4);
  EXPECT_EQ(good.verdict, Verdict::pass);
  EXPECT_GT(*good.distance, 0);
  EXPECT_DOUBLE_EQ(*good.interval.upper, 0.9e-4 + 6e-9);
  EXPECT_EQ(judged(DecisionRule::simple, 0, 0, 1.1e-4).verdict, Verdict::fail);
  EXPECT_EQ(judged(DecisionRule::simple, 0, 0.2, 1.1e-4).verdict, Verdict::pass);
  EXPECT_EQ(judged(DecisionRule::guarded_acceptance, 0.05, 0, 0.97e-4).verdict, Verdict::inconclusive);
  EXPECT_EQ(judged(DecisionRule::guarded_acceptance, 0.05, 0, 0.94e-4).verdict, Verdict::pass);
  EXPECT_EQ(judged(DecisionRule::guarded_rejection, 0.05, 0, 1.03e-4).verdict, Verdict::inconclusive);
  EXPECT_EQ(judged(DecisionRule::guarded_rejection, 0.05, 0, 1.06e-4).verdict, Verdict::fail);
}

TEST(Judge, ALostLaunchPushesTheBoundOfAPassOnly) {
  Scene scene = one_device(seven_good);
  scene.lost(LaunchStatus::timeout, "");
  PartVerdict part = scene.part();
  EXPECT_FALSE(part.interval.lower);            // of eight with one infinitely bad, rank 1 is that one
  EXPECT_DOUBLE_EQ(*part.interval.upper, 107);  // of seven
  scene.launches({101, 102, 103});              // of eleven rank 2: the worst that has a value
  EXPECT_DOUBLE_EQ(*scene.part().interval.lower, 101);
}

TEST(Judge, FixedJudgesOnceAtTheEnd) {
  Scene scene = one_device({101, 102, 103, 104});
  scene.plan.stop = StopRule::fixed;
  scene.plan.max_launches = 5;
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
  EXPECT_TRUE(has_finding(scene.judged().targets[0].findings, "ASY-2009"));
  scene.launch(105.0);
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  // What comes after does not count, for better or worse.
  for (int i = 0; i < 10; ++i) scene.launch(1.0);
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_TRUE(has_finding(scene.judged().targets[0].findings, "ASY-2010"));

  Scene eight = one_device({101, 102, 103, 104, 90, 106, 107, 108});
  eight.plan.stop = StopRule::fixed;
  eight.plan.max_launches = 8;
  EXPECT_EQ(eight.verdict(), Verdict::pass);  // 7 of 8
  Scene lost = one_device({101, 102, 103, 104, 90, 106, 107});
  lost.plan.stop = StopRule::fixed;
  lost.plan.max_launches = 8;
  lost.lost(LaunchStatus::timeout, "");
  EXPECT_EQ(lost.verdict(), Verdict::inconclusive);  // 6 of 8
  Scene slow = one_device({91, 92, 93, 94, 95});
  slow.plan.stop = StopRule::fixed;
  slow.plan.max_launches = 5;
  EXPECT_EQ(slow.verdict(), Verdict::fail);
}

TEST(Judge, AShareOfLaunchesNeedsMore) {
  Scene scene = one_device(std::vector<double>(20, 101.0));
  scene.targets.targets[0].share = 0.9;
  EXPECT_EQ(scene.verdict(), Verdict::inconclusive);
  const int needed = 60;
  for (int i = 20; i < needed; ++i) scene.launch(101.0);
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_GT(scene.part().decided_at, 28);
}

TEST(Judge, EarlierCampaignsCountFirst) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  scene.launches(seven_good);  // this campaign, first in the file
  scene.campaign = -1;
  scene.launches({90, 91, 92, 93, 94, 95, 96});
  PartVerdict part = scene.part();
  EXPECT_EQ(part.verdict, Verdict::fail);
  EXPECT_EQ(part.launches.front().campaign, -1);
  EXPECT_EQ(part.launches.size(), 14U);
  EXPECT_TRUE(has_finding(scene.judged().findings, "ASY-2012"));
  scene.targets.continue_campaigns = false;
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_TRUE(has_finding(scene.judged().findings, "ASY-2014"));
}

TEST(Judge, BothLimits) {
  Scene scene = one_device(std::vector<double>(7, 105.0));
  scene.targets.targets[0].at_most = Limit{LimitKind::absolute, 110, "", "", ""};
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.judged().targets[0].parts.size(), 2U);
  scene.targets.targets[0].at_most->value = 104;
  EXPECT_EQ(scene.verdict(), Verdict::fail);
  EXPECT_EQ(scene.part(0).verdict, Verdict::pass);
}

TEST(Judge, SeveralCasesTakeTheWorstAndNameIt) {
  Scene scene;
  scene.plan_gemm(1, Placement::fixed, 1, 1024);
  scene.plan_gemm(1, Placement::fixed, 1, 4096);
  scene.plan_gemm(1, Placement::fixed, 1, 8192);
  scene.at_least(100);
  for (int i = 0; i < 7; ++i) {
    scene.launch({Given{120}}, 0);
    scene.launch({Given{80}}, 1);
    scene.launch({Given{130}}, 2);
  }
  // The mean over sizes is 110; no size hides behind another.
  const TargetVerdict target = scene.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::fail);
  EXPECT_THAT(target.reason, HasSubstr("m=4096"));
  EXPECT_THAT(target.reason, Not(HasSubstr("m=8192")));
  EXPECT_EQ(target.parts[2].verdict, Verdict::pass);
}

TEST(Judge, ConditionsAreWarnings) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  for (int i = 1; i <= 12; ++i) {
    Record record = scene.record(scene.planned(), i, "n1", {Given{100.0 + i}});
    record.devices[0].conditions.throttled = true;
    record.devices[0].conditions.steal_fraction = 0.07;
    record.devices[0].converged = false;
    scene.data.add(record);
  }
  const TargetVerdict target = scene.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::pass);
  for (const char* code : {"ASY-3001", "ASY-3002", "ASY-1013", "ASY-2003"}) {
    EXPECT_TRUE(has_finding(target.findings, code)) << code;
  }
}

TEST(Judge, UnsupportedIsMissingWithItsReason) {
  Scene scene;
  scene.plan_gemm();
  scene.at_least(100);
  scene.lost(LaunchStatus::unsupported, "the CPU has no bf16");
  const TargetVerdict target = scene.judged().targets[0];
  EXPECT_EQ(target.verdict, Verdict::missing);
  EXPECT_THAT(target.reason, HasSubstr("unsupported: the CPU has no bf16"));
  EXPECT_TRUE(has_finding(target.findings, "ASY-4010"));
}

}  // namespace
}  // namespace assay
