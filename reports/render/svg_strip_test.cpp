#include "reports/render/svg_strip.h"

#include <gtest/gtest.h>

#include <limits>

namespace assay::render {
namespace {

PartVerdict part_of(const std::vector<std::optional<double>>& values, double target, double limit,
                    PartVerdict::Kind kind = PartVerdict::Kind::at_least) {
  PartVerdict part;
  part.kind = kind;
  part.unit = "FLOP/s";
  part.target = target;
  part.limit = limit;
  for (const auto& value : values) {
    LaunchPoint launch;
    launch.value = value;
    launch.meets = value && (kind == PartVerdict::Kind::at_least ? *value >= limit : *value <= limit);
    part.launches.push_back(launch);
  }
  return part;
}

TEST(Strip, PlacesEverythingOnOneScale) {
  // Values from 80 to 120; a margin of 4 % of 40 on each side: 78.4 to 121.6.
  PartVerdict part = part_of({80.0, 120.0, 110.0}, 100, 90);
  part.interval = {80.0, 120.0};
  const Strip strip = lay_out_strip(part);
  ASSERT_FALSE(strip.empty);
  EXPECT_NEAR(strip.scale.low, 78.4, 1e-9);
  EXPECT_NEAR(strip.scale.high, 121.6, 1e-9);
  EXPECT_NEAR(strip.target->x, 0.5, 1e-9);
  EXPECT_NEAR(strip.limit->x, 11.6 / 43.2, 1e-9);
  EXPECT_FALSE(strip.target->label_left);  // the words stand on the far sides
  EXPECT_TRUE(strip.limit->label_left);
  EXPECT_NEAR(strip.accepted_from, strip.limit->x, 1e-9);
  EXPECT_EQ(strip.accepted_to, 1);
  EXPECT_NEAR(*strip.interval_from, 1.6 / 43.2, 1e-9);
  EXPECT_NEAR(*strip.interval_to, 41.6 / 43.2, 1e-9);
  ASSERT_EQ(strip.marks.size(), 3u);
  EXPECT_EQ(strip.marks[0].shape, Shape::missed);
  EXPECT_EQ(strip.marks[1].shape, Shape::met);
  EXPECT_EQ(strip.marks[0].y, 0);
  EXPECT_EQ(strip.marks[1].y, 0.5);
  EXPECT_EQ(strip.marks[2].y, 1);
}

TEST(Strip, TheAcceptedSideFollowsTheDirection) {
  const Strip strip = lay_out_strip(part_of({80.0, 120.0}, 100, 100, PartVerdict::Kind::at_most));
  EXPECT_EQ(strip.accepted_from, 0);
  EXPECT_NEAR(strip.accepted_to, 0.5, 1e-9);
  EXPECT_FALSE(strip.limit);  // it is the target
}

TEST(Strip, ALaunchWithoutValueIsACrossOnTheRefusedSide) {
  EXPECT_EQ(lay_out_strip(part_of({100.0, std::nullopt}, 90, 90)).marks[1].shape, Shape::without_value);
  EXPECT_EQ(lay_out_strip(part_of({100.0, std::nullopt}, 90, 90)).marks[1].x, 0);
  const auto at_most = PartVerdict::Kind::at_most;
  EXPECT_EQ(lay_out_strip(part_of({80.0, std::nullopt}, 90, 90, at_most)).marks[1].x, 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(lay_out_strip(part_of({100.0, nan}, 90, 90)).marks[1].shape, Shape::without_value);
}

TEST(Strip, OneFarValueDoesNotFlattenThePicture) {
  std::vector<std::optional<double>> values(20, 100.0);
  values[3] = 102;
  values[7] = 9000;  // preempted
  const Strip strip = lay_out_strip(part_of(values, 95, 95, PartVerdict::Kind::at_most));
  EXPECT_LT(strip.scale.high, 110);
  EXPECT_EQ(strip.beyond, 1u);
  EXPECT_EQ(strip.marks[7].shape, Shape::beyond_high);
  EXPECT_EQ(strip.marks[7].x, 1);
}

TEST(Strip, EqualValuesAndNoValuesStillHaveAScale) {
  const Strip equal = lay_out_strip(part_of({100.0, 100.0}, 100, 100));
  EXPECT_LT(equal.scale.low, 100);
  EXPECT_GT(equal.scale.high, 100);
  const Strip none = lay_out_strip(part_of({std::nullopt}, 100, 100));
  EXPECT_FALSE(none.empty);
  EXPECT_LE(none.scale.low, 75);  // no value asks for a fine scale
  PartVerdict nothing;
  EXPECT_TRUE(lay_out_strip(nothing).empty);
  nothing.kind = PartVerdict::Kind::document;
  EXPECT_TRUE(lay_out_strip(nothing).empty);
}

TEST(Strip, AnOpenIntervalReachesTheEdge) {
  PartVerdict part = part_of({100.0, 110.0}, 90, 90);
  part.interval.upper = 105;
  const Strip strip = lay_out_strip(part);
  EXPECT_TRUE(strip.interval_open_low);
  EXPECT_FALSE(strip.interval_open_high);
  EXPECT_EQ(*strip.interval_from, 0);
}

TEST(Strip, TicksAreRoundAndShareTheirUnit) {
  const std::vector<Tick> ticks = ticks_of({686e12, 716e12}, "FLOP/s");
  ASSERT_EQ(ticks.size(), 3u);
  EXPECT_EQ(ticks[0].text, "690");
  EXPECT_EQ(ticks[1].text, "700");
  EXPECT_EQ(ticks[2].text, "710 TFLOP/s");
  EXPECT_NEAR(ticks[1].x, 14.0 / 30, 1e-9);
  for (const double width : {1e-9, 0.3, 1.0, 7.0, 1e15}) {
    const auto some = ticks_of({3 * width, 4 * width}, "B/s");
    EXPECT_GE(some.size(), 1u) << width;
    EXPECT_LE(some.size(), 4u) << width;
  }
}

TEST(FleetStrip, BarsStandWhereTheirDevicesAre) {
  PartVerdict part = part_of({}, 100, 90);
  Distribution fleet;
  fleet.low = 80;
  fleet.high = 120;
  fleet.counts = {1, 0, 10, 5};  // bins of 10
  fleet.devices = 16;
  fleet.median = 105;
  part.distribution = fleet;
  const FleetStrip strip = lay_out_distribution(part);
  ASSERT_FALSE(strip.empty);
  ASSERT_EQ(strip.bars.size(), 3u);  // the empty bin has no bar
  EXPECT_EQ(strip.bars[0].height, 0.1);
  EXPECT_EQ(strip.bars[1].height, 1);
  EXPECT_FALSE(strip.bars[0].accepted);  // its middle, 85, is below 90
  EXPECT_TRUE(strip.bars[1].accepted);
  EXPECT_NEAR(strip.bars[1].from, (100 - 78.4) / 43.2, 1e-9);
  EXPECT_NEAR(strip.bars[1].to, (110 - 78.4) / 43.2, 1e-9);
  EXPECT_NEAR(strip.median, (105 - 78.4) / 43.2, 1e-9);
  part.distribution->devices = 0;
  EXPECT_TRUE(lay_out_distribution(part).empty);
}

}  // namespace
}  // namespace assay::render
