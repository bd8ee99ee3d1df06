#include "suites/harness/per_joule.h"

#include <gtest/gtest.h>

namespace assay::bench {
namespace {

TEST(PerJoule, IsWorkOverTheJoulesOfAnIteration) {
  const auto joules = joules_per_iteration(700.0, 2.0, 350);
  ASSERT_TRUE(joules);
  EXPECT_DOUBLE_EQ(*joules, 2.0);
  DeviceResult device;
  device.series[energy_series] = {"J", {*joules}, std::nullopt};
  const FigureOfMerit figure = per_joule_figure("FLOP", 3e12);
  EXPECT_EQ(figure.unit, "FLOP/J");
  EXPECT_DOUBLE_EQ(*value_of(figure, device), 1.5e12);
  EXPECT_EQ(per_joule_spec("FLOP", "2 m n k").name, figure.name);
  EXPECT_EQ(per_joule_spec("FLOP", "2 m n k").unit, figure.unit);
}

TEST(PerJoule, WhatIsNotKnownIsNoFigure) {
  EXPECT_FALSE(joules_per_iteration(std::nullopt, 2.0, 350));
  EXPECT_FALSE(joules_per_iteration(0.0, 2.0, 350));  // the counter stood still
  EXPECT_FALSE(joules_per_iteration(700.0, 2.0, 0));
  EXPECT_FALSE(joules_per_iteration(700.0, 0.1, 350));  // shorter than a counter's step allows
  EXPECT_FALSE(value_of(per_joule_figure("token", 4096), DeviceResult{}));
}

TEST(PerJoule, TheEnergyOfAGroupIsTheSumOrNothing) {
  const ProcessGroup alone;
  EXPECT_EQ(energy_of_all(alone, "GPU-1", 12.5), 12.5);
  EXPECT_FALSE(energy_of_all(alone, "GPU-1", std::nullopt));
}

}  // namespace
}  // namespace assay::bench
