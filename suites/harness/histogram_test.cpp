#include "suites/harness/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay::bench {
namespace {

TEST(Histogram, BinsAreSixteenthsOfAnOctave) {
  EXPECT_EQ(bin_of(1.0, 16), 0);
  EXPECT_EQ(bin_of(2.0, 16), 16);
  EXPECT_EQ(bin_of(0.5, 16), -16);
  EXPECT_EQ(bin_of(std::exp2(1.5 / 16), 16), 1);
  EXPECT_EQ(bin_of(0.999, 16), -1);
}

TEST(Histogram, GrowsAtBothEnds) {
  HistogramBuilder builder;
  builder.add(1.0);
  builder.add(2.0);
  builder.add(0.5);
  builder.add(0.5);
  const Histogram& histogram = builder.histogram();
  EXPECT_EQ(histogram.first, -16);
  ASSERT_EQ(histogram.counts.size(), 33u);
  EXPECT_EQ(histogram.counts[0], 2u);
  EXPECT_EQ(histogram.counts[16], 1u);
  EXPECT_EQ(histogram.counts[32], 1u);
  EXPECT_EQ(builder.count(), 4u);
  EXPECT_DOUBLE_EQ(builder.longest_s(), 2.0);
}

TEST(Histogram, AQuantileReadBackIsWithinOneBin) {
  HistogramBuilder builder;
  for (int i = 1; i <= 1000; ++i) builder.add(1e-6 * i);
  for (const double q : {0.5, 0.95, 0.99}) {
    const auto read_back = quantile(builder.histogram(), q);
    ASSERT_TRUE(read_back);
    const double right = 1e-3 * q;
    EXPECT_GE(*read_back, right);
    EXPECT_LE(*read_back, right * std::exp2(1.0 / 16) * (1 + 1e-12));
  }
}

TEST(Histogram, WhatAClockCannotSeeStillCounts) {
  HistogramBuilder builder;
  builder.add(0);
  builder.add(-1e-9);
  builder.add(std::numeric_limits<double>::infinity());
  EXPECT_EQ(builder.count(), 3u);
  EXPECT_LT(builder.histogram().counts.size(), 1000u);
  EXPECT_EQ(builder.histogram().counts.front(), 2u);
  EXPECT_EQ(builder.histogram().counts.back(), 1u);
}

}  // namespace
}  // namespace assay::bench
