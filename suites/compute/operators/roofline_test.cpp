#include "suites/compute/operators/roofline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay::bench::operators {
namespace {

// 100 FLOP/s and 10 B/s: the ridge is at 10 FLOP/B.
const Ceilings machine{100.0, 10.0};
const OperatorCost product{"product", 1000, 20, 3, true};   // 50 FLOP/B: 10 s
const OperatorCost addition{"addition", 10, 40, 6, false};  // 0.25 FLOP/B: 4 s
const OperatorCost thin{"thin", 40, 20, 1, true};           // a product below the ridge: 2 s

TEST(Roofline, TheHigherOfTheTwoTimes) {
  EXPECT_DOUBLE_EQ(*roofline_s(product, machine), 10);
  EXPECT_DOUBLE_EQ(*roofline_s(addition, machine), 4);
  EXPECT_DOUBLE_EQ(*roofline_s(thin, machine), 2);
  EXPECT_FALSE(roofline_s(product, {std::nullopt, 10.0}));
  EXPECT_DOUBLE_EQ(*roofline_s(addition, {std::nullopt, 10.0}), 4);
}

TEST(Roofline, TheSlowestLosesMostOfAStepNotMostOfACall) {
  // product: 3 (15 - 10) = 15 s; addition: 6 (7 - 4) = 18 s; thin: 12 - 2 = 10 s.
  const std::vector<MeasuredOperator> measured = {{product, 15}, {addition, 7}, {thin, 12}};
  EXPECT_DOUBLE_EQ(step_s(measured), 45 + 42 + 12);
  EXPECT_EQ(slowest(measured, machine),
            "addition: 18.00 s of 99.00 s lost against its roofline (42.00 s instead of 24.00 s)");
  EXPECT_THAT(slowest({{product, 17}, {addition, 7}}, machine), testing::StartsWith("product: 21.00 s"));
  EXPECT_EQ(slowest({{product, 9}}, machine), "");  // beyond the ceiling: nothing is lost
  EXPECT_THAT(slowest({{product, 1000}, {addition, 7}}, {std::nullopt, 10.0}),
              testing::StartsWith("addition"));
}

TEST(Roofline, MetricsOfEveryOperator) {
  const auto metrics = operator_metrics({{product, 15}, {addition, 7.5}}, machine);
  EXPECT_DOUBLE_EQ(metrics.at("product_s"), 15);
  EXPECT_DOUBLE_EQ(metrics.at("product_calls_per_step"), 3);
  EXPECT_DOUBLE_EQ(metrics.at("product_share_of_step"), 0.5);
  EXPECT_DOUBLE_EQ(metrics.at("product_flop_per_byte"), 50);
  EXPECT_DOUBLE_EQ(metrics.at("addition_flop_per_byte"), 0.25);
  EXPECT_DOUBLE_EQ(metrics.at("addition_share_of_roofline"), 4 / 7.5);
}

}  // namespace
}  // namespace assay::bench::operators
