#include "suites/harness/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace assay::bench {
namespace {

TEST(MedianRanks, AgreeWithTheExactBinomialTable) {
  const std::map<std::size_t, std::pair<std::size_t, std::size_t>> table = {
      {6, {1, 6}},   {7, {1, 7}},   {8, {1, 8}},    {9, {2, 8}},    {10, {2, 9}},
      {15, {4, 12}}, {20, {6, 15}}, {30, {10, 21}}, {50, {18, 33}}, {100, {40, 61}}};
  for (const auto& [n, expected] : table) {
    const auto ranks = median_ranks(n);
    ASSERT_TRUE(ranks) << n;
    EXPECT_EQ(ranks->lower, expected.first) << n;
    EXPECT_EQ(ranks->upper, expected.second) << n;
  }
}

TEST(MedianRanks, FiveValuesHaveNone) {
  for (std::size_t n = 0; n <= 5; ++n) EXPECT_FALSE(median_ranks(n)) << n;
}

TEST(RelativeHalfWidth, OfNineValuesIsThatOfRanksTwoAndEight) {
  // Ranks 2 and 8 of 1..9 are 2 and 8, the median is 5: (8 - 2) / 2 / 5.
  const auto width = relative_half_width({9, 1, 8, 2, 7, 3, 6, 4, 5});
  ASSERT_TRUE(width);
  EXPECT_DOUBLE_EQ(*width, 0.6);
}

TEST(RelativeHalfWidth, IsAbsentWithoutAPositiveMedian) {
  EXPECT_FALSE(relative_half_width({0, 0, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(relative_half_width({1, 2, 3}));
}

TEST(Median, OfAnEvenNumberIsTheMeanOfTheMiddleTwo) {
  EXPECT_DOUBLE_EQ(median_of({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(median_of({3, 1, 2}), 2);
  EXPECT_TRUE(std::isnan(median_of({})));
}

}  // namespace
}  // namespace assay::bench
