// Readings, counters and what all devices told, by hand.
#include "suites/stability/burn/group_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "suites/stability/burn/located.h"

namespace assay::bench::stability {
namespace {

using device::Reading;
using testing::HasSubstr;

Reading watts(double power_w) {
  Reading reading;
  reading.power_w = power_w;
  return reading;
}

Reading held_back(std::vector<std::string> by) {
  Reading reading;
  reading.throttled_by = std::move(by);
  return reading;
}

TEST(BurnCourse, PartsOfTheTimeAreQuartersOfASecondAtLeast) {
  EXPECT_EQ(TimeBins(0.1).count, 1u);
  EXPECT_DOUBLE_EQ(TimeBins(0.1).bin_s, 0.1);
  EXPECT_EQ(TimeBins(2.6).count, 10u);
  EXPECT_DOUBLE_EQ(TimeBins(2.6).bin_s, 0.26);
  EXPECT_EQ(TimeBins(3600).count, 256u);
}

TEST(BurnCourse, PowerIsTheMeanOfEachPartAndAbsentWhereNothingWasRead) {
  Course course(1);  // four parts
  course.keep(0.0, watts(100));
  course.keep(0.2, watts(300));
  course.keep(0.25, watts(500));
  course.keep(0.8, Reading{});
  course.keep(1.2, watts(900));   // too late
  course.keep(-0.1, watts(900));  // too early
  const auto power = course.power_w();
  ASSERT_EQ(power.size(), 4u);
  EXPECT_EQ(power[0], 200.0);
  EXPECT_EQ(power[1], 500.0);
  EXPECT_FALSE(power[2]);
  EXPECT_FALSE(power[3]);
}

TEST(BurnCourse, TheFirstThrottlingIsKeptWithItsReasons) {
  Course course(1);
  EXPECT_FALSE(course.throttling_known());
  course.keep(0.1, held_back({}));
  EXPECT_TRUE(course.throttling_known());
  EXPECT_FALSE(course.first_throttle());
  course.keep(0.3, held_back({"power cap", "temperature"}));
  course.keep(0.6, held_back({"power brake"}));
  ASSERT_TRUE(course.first_throttle());
  EXPECT_EQ(course.first_throttle()->at_s, 0.3);
  EXPECT_EQ(course.first_throttle()->why, "power cap, temperature");
  EXPECT_EQ(course.throttled(), (std::vector<bool>{false, true, true, false}));
}

TEST(BurnCounters, ARiseALossAndAFallAreBadAndTheUnreadableIsSaid) {
  const auto change = [](std::optional<std::uint64_t> before, std::optional<std::uint64_t> after) {
    return CounterChange{before, after, {}};
  };
  EXPECT_EQ(change(4, 4).words(), "+0");
  EXPECT_FALSE(change(4, 4).bad());
  EXPECT_EQ(change(4, 6).words(), "+2");
  EXPECT_TRUE(change(4, 6).bad());
  EXPECT_EQ(change({}, {}).words(), "not readable");
  EXPECT_FALSE(change({}, {}).bad());
  EXPECT_FALSE(change({}, 3).bad()) << "what it was before is not known";
  EXPECT_EQ(change(4, {}).words(), "lost");
  EXPECT_TRUE(change(4, {}).bad());
  EXPECT_EQ(change(7, 0).words(), "from 7 to 0");
  EXPECT_TRUE(change(7, 0).bad());
  EXPECT_FALSE(change(7, 0).risen());
  Reading before, after;
  before.uncorrected_errors = 1;
  after.uncorrected_errors = 3;
  const auto changes = changes_between(before, after);
  ASSERT_EQ(changes.size(), error_counters().size());
  EXPECT_EQ(changes[0].risen(), 2u);
  EXPECT_TRUE(error_counters()[0].fails);
  EXPECT_EQ(changes[1].words(), "not readable");
  before.driver_errors = 0;
  after.driver_errors = 1;
  after.last_driver_error = "XID 63: a row was remapped";
  EXPECT_EQ(changes_between(before, after)[1].words(), "+1 (XID 63: a row was remapped)");
  EXPECT_TRUE(error_counters()[1].fails);
  EXPECT_FALSE(error_counters()[2].fails);
  EXPECT_EQ(changes_between(std::nullopt, after)[0].words(), "not readable");
}

TEST(BurnErrors, AreToldWithTimeAndPlace) {
  ErrorLog log(100, 2);
  Differences found;
  found.count = 3;
  found.taken = 1;
  found.places[0] = {12, 1705, 0x3f81, 0x3f80};
  log.add(ErrorPart::result, 1.5, found);
  found.count = 1;
  found.places[0] = {3, 512, 0x10, 0x30};
  log.add(ErrorPart::memory, 2.25, found);
  EXPECT_EQ(log.count(ErrorPart::result), 3u);
  EXPECT_EQ(log.count(), 4u);
  ASSERT_EQ(log.kept().size(), 2u);
  EXPECT_EQ(log.kept()[0].words,
            "after 1.500 s: product 12, row 17, column 5 is 0x3f81 instead of 0x3f80 (bits 0x1)");
  EXPECT_EQ(log.kept()[1].words,
            "after 2.250 s: memory byte 4096 holds 0x0000000000000010 instead of 0x0000000000000030 (bits "
            "0x20; round 3, walking one, inverted)");
}

/// A second, in four parts.
RankReport rank_with(std::vector<std::optional<double>> power_w) {
  RankReport report;
  report.node = "n1";
  report.device = "GPU";
  report.products = 10;
  report.counters.assign(error_counters().size(), CounterChange{0, 0, {}});
  report.counters.back() = CounterChange{};
  report.throttling_known = true;
  report.power_w = std::move(power_w);
  report.throttled = {false, false, false, false};
  return report;
}

TEST(BurnGroup, TotalPowerIsThatOfAllDevicesOrNone) {
  const std::vector<RankReport> ranks = {rank_with({100, 200, {}, 400}), rank_with({10, 30, 20, 5})};
  const auto total = total_power(ranks);
  EXPECT_EQ(total, (std::vector<std::optional<double>>{110, 230, {}, 405}));
  const GroupFacts facts = facts_of_all(ranks, TimeBins(1));
  EXPECT_EQ(facts.metrics.at("total_power_highest_w"), 405);
  EXPECT_DOUBLE_EQ(facts.metrics.at("total_power_mean_w"), 745.0 / 3);
  EXPECT_THAT(facts.path.at("total_power"), HasSubstr("after 0.9 s"));
  EXPECT_THAT(facts.path.at("total_power"), HasSubstr("in 3 of 4 parts"));
  const GroupFacts partly = facts_of_all({ranks[0], rank_with({{}, {}, {}, {}})}, TimeBins(1));
  EXPECT_FALSE(partly.metrics.contains("total_power_highest_w")) << "a part is not the total";
  EXPECT_EQ(partly.path.at("total_power"),
            "not known: no power readable on 1 device, the first rank 1 (n1, GPU)");
}

TEST(BurnGroup, TheFirstThrottleOfAllIsNamed) {
  std::vector<RankReport> ranks(3, rank_with({1, 1, 1, 1}));
  EXPECT_EQ(facts_of_all(ranks, TimeBins(1)).path.at("first_throttle"), "none");
  EXPECT_EQ(facts_of_all(ranks, TimeBins(1)).metrics.at("throttled_devices"), 0);
  ranks[0].throttle = Course::Throttle{0.9, "temperature"};
  ranks[2].throttle = Course::Throttle{0.4, "power cap"};
  ranks[2].node = "n2";
  ranks[2].id = "GPU-7";
  const GroupFacts facts = facts_of_all(ranks, TimeBins(1));
  EXPECT_EQ(facts.path.at("first_throttle"),
            "after 0.4 s: rank 2 (n2, GPU GPU-7), power cap; 2 of 3 devices in all");
  EXPECT_EQ(facts.metrics.at("first_throttle_s"), 0.4);
  ranks[1].throttling_known = false;
  EXPECT_THAT(facts_of_all(ranks, TimeBins(1)).path.at("first_throttle"),
              HasSubstr("; not known on 1 device"));
  EXPECT_FALSE(facts_of_all(ranks, TimeBins(1)).metrics.contains("throttled_devices"));
}

TEST(BurnGroup, CountersAndErrorsAreNamedByRank) {
  std::vector<RankReport> ranks(3, rank_with({1, 1, 1, 1}));
  ranks[1].counters[0] = {2, 5, {}};
  ranks[2].counters[1] = {0, 1, "XID 79: fallen off the bus"};
  ranks[1].wrong = 7;
  ranks[1].errors = {"after 1.000 s: somewhere"};
  const GroupFacts facts = facts_of_all(ranks, TimeBins(1));
  EXPECT_EQ(facts.path.at("error_counters"),
            "uncorrected memory errors: +3 on rank 1 (n1, GPU), +0 on 2 devices; driver errors: +1 (XID 79: "
            "fallen off the bus) on rank 2 (n1, GPU), +0 on 2 devices; corrected memory errors: +0 on 3 "
            "devices; retired memory: +0 on 3 devices; link replays: not readable on 3 devices");
  EXPECT_EQ(facts.path.at("errors"), "rank 1 (n1, GPU): 7 wrong, first after 1.000 s: somewhere");
  EXPECT_EQ(facts.metrics.at("faulty_devices"), 1);
}

TEST(BurnGroup, AReportComesBackAsItWasAndTheAttachmentHoldsAll) {
  RankReport report = rank_with({100, {}, 20, 5});
  report.rate = 1.5e12;
  report.wrong = 2;
  report.errors = {"one", "two"};
  report.throttle = Course::Throttle{0.25, "power cap"};
  report.throttled[1] = true;
  report.counters[1] = {0, 1, "XID 79: fallen off the bus"};
  const RankReport back = parse_rank_report(to_json(report));
  EXPECT_EQ(back.power_w, report.power_w);
  EXPECT_EQ(back.throttled, report.throttled);
  EXPECT_EQ(back.errors, report.errors);
  EXPECT_EQ(back.rate, 1.5e12);
  ASSERT_TRUE(back.throttle);
  EXPECT_EQ(back.throttle->why, "power cap");
  ASSERT_EQ(back.counters.size(), error_counters().size());
  EXPECT_EQ(back.counters[0].before, 0u);
  EXPECT_EQ(back.counters[1].latest, "XID 79: fallen off the bus");
  EXPECT_FALSE(back.counters.back().before);

  const auto json = nlohmann::json::parse(burn_attachment({report, report}, TimeBins(1)));
  EXPECT_EQ(json.at("schema"), "assay.burn/1");
  EXPECT_EQ(json.at("bin_s"), 0.25);
  EXPECT_EQ(json.at("total_power_w").at(0), 200);
  EXPECT_TRUE(json.at("total_power_w").at(1).is_null());
  EXPECT_EQ(json.at("throttled_devices"), (std::vector<int>{0, 2, 0, 0}));
  EXPECT_EQ(json.at("ranks").at(1).at("rank"), 1);
  EXPECT_EQ(json.at("ranks").at(1).at("throttled_by"), "power cap");
}

}  // namespace
}  // namespace assay::bench::stability
