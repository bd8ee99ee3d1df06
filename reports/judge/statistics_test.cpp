#include "reports/judge/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace assay {
namespace {

constexpr double alpha = 0.05;

double choose(int n, int k) {
  double result = 1;
  for (int i = 1; i <= k; ++i) result = result * (n - k + i) / i;
  return std::round(result);
}

// The design's formula, term by term: sum_{j=0..s} C(n+1, j) / ((n+1) C(n, s)).
double by_the_design(int s, int f) {
  double sum = 0;
  for (int j = 0; j <= s; ++j) sum += choose(s + f + 1, j);
  return sum / ((s + f + 1) * choose(s + f, s));
}

// Simpson's rule on the mixture of likelihood ratios.
double by_integration(int s, int f, double p0) {
  constexpr int steps = 20000;
  const double width = (1 - p0) / steps;
  double sum = 0;
  for (int i = 0; i <= steps; ++i) {
    const double p = p0 + i * width;
    const double weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
    sum += weight * std::pow(p / p0, s) * std::pow((1 - p) / (1 - p0), f);
  }
  return sum * width / 3 / (1 - p0);
}

TEST(EValue, KnownToTheLastDigit) {
  EXPECT_DOUBLE_EQ(e_pass(7, 0), 255.0 / 8);
  EXPECT_DOUBLE_EQ(e_pass(6, 0), 127.0 / 7);
  EXPECT_DOUBLE_EQ(e_pass(0, 0), 1);
  // One miss among eleven: (2^12 - 1 - 12) / (12 * 11) = 4083 / 132.
  EXPECT_NEAR(e_pass(10, 1), 4083.0 / 132, 1e-12);
  EXPECT_DOUBLE_EQ(e_fail(0, 7), 255.0 / 8);
  // Seven timeouts: no help, and no evidence of slowness.
  EXPECT_LT(e_pass(0, 7), 0.2);
  EXPECT_DOUBLE_EQ(e_fail(0, 0), 1);
}

TEST(EValue, AgreesWithTheDesignsFormula) {
  for (int n = 0; n <= 40; ++n) {
    for (int s = 0; s <= n; ++s) {
      EXPECT_NEAR(e_pass(s, n - s) / by_the_design(s, n - s), 1, 1e-11) << s << " of " << n;
      EXPECT_NEAR(e_fail(s, n - s) / by_the_design(n - s, s), 1, 1e-11) << s << " of " << n;
    }
  }
}

TEST(EValue, AgreesWithTheIntegralForAnyShare) {
  for (const double p0 : {0.1, 0.5, 0.9, 0.99}) {
    for (const auto& [s, f] : {std::pair{0, 0}, {7, 0}, {0, 7}, {20, 3}, {3, 20}, {45, 5}}) {
      EXPECT_NEAR(e_pass(s, f, p0) / by_integration(s, f, p0), 1, 1e-6) << s << " " << f << " at " << p0;
      EXPECT_NEAR(e_fail(s, f, p0) / by_integration(f, s, 1 - p0), 1, 1e-6) << s << " " << f << " at " << p0;
    }
  }
}

TEST(EValue, IsAFairBetAtTheShare) {
  // A martingale: what the next launch is expected to make of it is what it is.
  for (const double p0 : {0.3, 0.5, 0.9}) {
    for (int s = 0; s < 12; ++s) {
      for (int f = 0; f < 12; ++f) {
        const double expected = p0 * e_pass(s + 1, f, p0) + (1 - p0) * e_pass(s, f + 1, p0);
        EXPECT_NEAR(expected / e_pass(s, f, p0), 1, 1e-12);
      }
    }
  }
}

TEST(EValue, HoldsForThousandsOfLaunches) {
  EXPECT_EQ(e_pass(5000, 0), largest_e_value);
  EXPECT_TRUE(std::isfinite(e_pass(3000, 2500)));
  EXPECT_GT(e_pass(2700, 2300), 20);  // 54 % of 5000 is not one half
  EXPECT_LT(e_pass(2500, 2500), 0.05);
  EXPECT_GE(e_pass(0, 5000), 0);
}

TEST(EValue, TheTableGivesTheSame) {
  EValues table(0.9);
  for (int round = 0; round < 2; ++round) {
    for (int s = 0; s < 40; s += 3) {
      for (int f = 0; f < 40; f += 7) {
        EXPECT_EQ(table.pass(s, f), e_pass(s, f, 0.9));
        EXPECT_EQ(table.fail(s, f), e_fail(s, f, 0.9));
      }
    }
  }
}

TEST(Decision, RanksOfTheInterval) {
  const std::vector<int> expected = {1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8};
  for (int n = 7; n <= 30; ++n) {
    const IntervalRanks ranks = interval_ranks(n, alpha, 0.5, StopRule::decided);
    ASSERT_TRUE(ranks.lower && ranks.upper) << n;
    EXPECT_EQ(*ranks.lower, expected[static_cast<std::size_t>(n) - 7]) << n;
    EXPECT_EQ(*ranks.upper, n + 1 - *ranks.lower) << n;
  }
  for (int n = 0; n < 7; ++n) EXPECT_FALSE(interval_ranks(n, alpha, 0.5, StopRule::decided).lower) << n;
  // Nine in ten: the lower bound needs many launches, the upper one few.
  const IntervalRanks tail = interval_ranks(7, alpha, 0.9, StopRule::decided);
  EXPECT_FALSE(tail.lower);
  ASSERT_TRUE(tail.upper);
  EXPECT_LT(*tail.upper, 7);
}

TEST(Decision, ExactSignTest) {
  EXPECT_EQ(fewest_met(4, alpha, 0.5, StopRule::fixed), std::nullopt);
  EXPECT_EQ(fewest_met(5, alpha, 0.5, StopRule::fixed), 5);
  EXPECT_EQ(fewest_met(8, alpha, 0.5, StopRule::fixed), 7);
  EXPECT_EQ(fewest_met(11, alpha, 0.5, StopRule::fixed), 9);
  EXPECT_EQ(fewest_met(13, alpha, 0.5, StopRule::fixed), 10);
  EXPECT_EQ(fewest_missed(13, alpha, 0.5, StopRule::fixed), 10);
  EXPECT_NEAR(binomial_upper_tail(13, 10, 0.5), 378.0 / 8192, 1e-14);
  EXPECT_NEAR(binomial_upper_tail(5, 0, 0.5), 1, 0);
  EXPECT_NEAR(binomial_upper_tail(3, 2, 0.9), 3 * 0.81 * 0.1 + 0.729, 1e-14);
}

TEST(Decision, FewestLaunchesThatCanDecide) {
  EXPECT_EQ(fewest_deciding_launches(0.95, 0.5, StopRule::decided), 7);
  EXPECT_EQ(fewest_deciding_launches(0.95, 0.5, StopRule::fixed), 5);
  EXPECT_EQ(fewest_deciding_launches(0.99, 0.5, StopRule::fixed), 7);   // 2^-7 < 0.01 < 2^-6
  EXPECT_EQ(fewest_deciding_launches(0.95, 0.9, StopRule::fixed), 29);  // 0.9^29 = 0.0471, 0.9^28 = 0.0523
  EXPECT_EQ(fewest_deciding_launches(0.95, 0.1, StopRule::fixed), 29);
  const int tail = fewest_deciding_launches(0.95, 0.9, StopRule::decided);
  EXPECT_GE(e_pass(tail, 0, 0.9), 20);
  EXPECT_LT(e_pass(tail - 1, 0, 0.9), 20);
  EXPECT_GT(fewest_deciding_launches(0.95, 0.999, StopRule::decided), 4000);
}

TEST(Fleet, AllowedToMissIsExact) {
  EXPECT_EQ(allowed_to_miss(2000, 0.99), 20U);
  EXPECT_EQ(allowed_to_miss(100, 0.99), 1U);
  EXPECT_EQ(allowed_to_miss(99, 0.99), 0U);  // ceil(98.01) = 99
  EXPECT_EQ(allowed_to_miss(1000, 0.999), 1U);
  EXPECT_EQ(allowed_to_miss(10, 0.7), 3U);  // 10 * 0.7 is 6.999... in floating point
  EXPECT_EQ(allowed_to_miss(7, 1.0), 0U);
}

TEST(Fleet, MeanOfTheSmallest) {
  std::vector<double> values = {5, 1, 4, 2, 3};
  EXPECT_DOUBLE_EQ(mean_of_smallest(values, 2), 1.5);
  EXPECT_DOUBLE_EQ(mean_of_smallest(values, 5), 3);
  EXPECT_DOUBLE_EQ(mean_of_smallest(values, 0), 1);
  std::vector<double> large(100, largest_e_value);
  EXPECT_DOUBLE_EQ(mean_of_smallest(large, 100), largest_e_value);
}

TEST(Fleet, EBh) {
  // M / (alpha r) is 80, 40, 26.7, 20: two reach theirs; the third, 25, falls short of 26.7.
  EXPECT_EQ(e_bh({25, 50, 1, 45}, alpha), (std::vector<std::size_t>{1, 3}));
  // The largest r counts even when a smaller one fails: 45 < 80 but the second 45 >= 40.
  EXPECT_EQ(e_bh({45, 45, 1, 1}, alpha), (std::vector<std::size_t>{0, 1}));
  EXPECT_TRUE(e_bh({79, 1, 1, 1}, alpha).empty());
  EXPECT_TRUE(e_bh({}, alpha).empty());
}

TEST(Screening, FindsTheSlowOneOnly) {
  std::vector<double> values = {100, 100.5, 99.5, 100.2, 99.8, 96.9, 103.5};
  const Screening screening = screen(values, true);
  EXPECT_DOUBLE_EQ(screening.centre, 100);
  // Deviations 0 .2 .2 .5 .5 3.1 3.5: MAD 0.5, scale 0.7413; 3.1 is 4.18 scales: below the 4.5 it takes.
  EXPECT_NEAR(screening.scale, 0.7413, 1e-9);
  EXPECT_TRUE(screening.flagged.empty());
  EXPECT_NEAR(screening.resolution, 6.15 * 0.007413, 1e-9);
  values[5] = 96.0;
  EXPECT_EQ(screen(values, true).flagged, (std::vector<std::size_t>{5}));
  values[6] = 104.0;
  EXPECT_EQ(screen(values, false).flagged, (std::vector<std::size_t>{6}));
  // Alike to the last digit: the floor of 0.1 % keeps noise from standing out; 3 % slow does not, 3.1 % does.
  EXPECT_TRUE(screen({100, 100, 100, 97.0}, true).flagged.empty());
  EXPECT_EQ(screen({100, 100, 100, 96.9}, true).flagged.size(), 1U);
  EXPECT_DOUBLE_EQ(screen({100, 100, 100, 96.9}, true).resolution, 0.03);
}

TEST(Describing, MedianAndQuantiles) {
  EXPECT_DOUBLE_EQ(median_of({3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(median_of({4, 1, 2, 3}), 2.5);
  EXPECT_DOUBLE_EQ(median_of({7}), 7);
  EXPECT_DOUBLE_EQ(mad_of({1, 1, 2, 2, 4, 6, 9}), 1);
  const std::vector<double> sorted = {10, 20, 30, 40};
  EXPECT_DOUBLE_EQ(quantile_of_sorted(sorted, 0), 10);
  EXPECT_DOUBLE_EQ(quantile_of_sorted(sorted, 0.5), 25);
  EXPECT_DOUBLE_EQ(quantile_of_sorted(sorted, 1), 40);
}

TEST(Describing, TrendsAndClustersAreSeen) {
  std::vector<double> rising(12), steady = {5, 3, 6, 2, 7, 4, 5.5, 3.5, 6.5, 2.5, 4.5, 5.2};
  std::iota(rising.begin(), rising.end(), 1.0);
  EXPECT_LT(trend_p_value(rising), 1e-5);
  EXPECT_GT(trend_p_value(steady), 0.1);
  EXPECT_EQ(trend_p_value({1, 1, 1, 1, 1}), 1);
  EXPECT_EQ(trend_p_value({1, 2, 3}), 1);
  // n = 5, all rising: S = 10, var = 5 * 4 * 15 / 18 = 50/3, z = 9 / 4.0825 = 2.2045; p = 0.02749.
  EXPECT_NEAR(trend_p_value({1, 2, 3, 4, 5}), 0.02749, 1e-4);
  // Two levels, in blocks: no trend over the whole, but neighbours are alike.
  const std::vector<double> blocks = {1,    1.1,  1.2,  1.05, 9,    9.1,  9.2,  9.05,
                                      1.15, 1.01, 1.12, 1.02, 9.15, 9.01, 9.11, 9.3};
  EXPECT_LT(clustering_p_value(blocks), 0.02);
  EXPECT_GT(clustering_p_value(steady), 0.5);  // it alternates: the opposite of clustering
  EXPECT_EQ(clustering_p_value(std::vector<double>(20, 3.0)), 1);
}

}  // namespace
}  // namespace assay
