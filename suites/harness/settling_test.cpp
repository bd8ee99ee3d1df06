#include "suites/harness/settling.h"

#include <gtest/gtest.h>

namespace assay::bench {
namespace {

/// Windows of 0.1 s; a span of 0.25 s is three of them.
std::vector<LoadWindow> windows(const std::vector<double>& iterations_s,
                                const std::vector<double>& clocks_hz = {}) {
  std::vector<LoadWindow> all;
  for (std::size_t i = 0; i < iterations_s.size(); ++i) {
    all.push_back({0.1, iterations_s[i], std::nullopt});
    if (i < clocks_hz.size()) all.back().clock_hz = clocks_hz[i];
  }
  return all;
}

TEST(Settling, ComparesTheMediansOfTheTwoLatestSpans) {
  EXPECT_FALSE(latest_change({}));
  EXPECT_FALSE(latest_change(windows({1, 1, 1, 1, 1})));  // five windows are no two spans of three
  EXPECT_EQ(latest_change(windows({1, 1, 1, 1, 1, 1}))->rate, 0);
  EXPECT_FALSE(latest_change(windows({1, 1, 1, 1, 1, 1}))->clock);
  // Before: median of 4, 9, 8 is 8; now: median of 6, 6, 7 is 6. What came earlier does not count.
  EXPECT_DOUBLE_EQ(latest_change(windows({100, 4, 9, 8, 6, 6, 7}))->rate, 0.25);
  EXPECT_DOUBLE_EQ(latest_change(windows({8, 8, 8, 10, 10, 10}))->rate, 0.25);
}

TEST(Settling, ASpanHasItsLengthAndItsWindows) {
  // Two windows of 1 s are long enough, but three are wanted.
  std::vector<LoadWindow> longer(5, {1, 1, std::nullopt});
  EXPECT_FALSE(latest_change(longer));
  longer.push_back({1, 1, std::nullopt});
  EXPECT_TRUE(latest_change(longer));
  // Windows of 25 ms: ten make 0.25 s.
  std::vector<LoadWindow> shorter(19, {0.025, 1, std::nullopt});
  EXPECT_FALSE(latest_change(shorter));
  shorter.push_back({0.025, 1, std::nullopt});
  ASSERT_TRUE(latest_change(shorter));
  EXPECT_EQ(latest_change(shorter)->rate, 0);
}

TEST(Settling, ARateThatStaysWhileTheClockFallsHasNotSettled) {
  const std::vector<double> same(6, 2e-3);
  EXPECT_TRUE(has_settled(windows(same)));
  EXPECT_TRUE(has_settled(windows(same, {2e9, 2e9, 2e9, 1.95e9, 1.95e9, 1.95e9})));
  EXPECT_FALSE(has_settled(windows(same, {2e9, 2e9, 2e9, 1.9e9, 1.9e9, 1.9e9})));
  // A clock that was read in one span only tells nothing.
  EXPECT_TRUE(has_settled(windows(same, {1.98e9, 1.98e9, 1.98e9})));
}

TEST(Settling, LimitIsInclusiveAndNanNeverSettles) {
  EXPECT_TRUE(has_settled(windows({100, 100, 100, 101, 101, 101})));
  EXPECT_FALSE(has_settled(windows({100, 100, 100, 101.5, 101.5, 101.5})));
  EXPECT_FALSE(has_settled(windows({0, 0, 0, 0, 0, 0})));
}

TEST(Settling, WordsSayHowItEnded) {
  EXPECT_EQ(settling_words(windows({1, 1, 1, 1, 1, 1})), "settled after 600 ms: the rate within 1 %");
  EXPECT_EQ(settling_words(windows({1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2})),
            "settled after 600 ms: the rate within 1 %, the clock within 3 %");
  EXPECT_EQ(settling_words(windows({8, 8, 8, 10, 10, 10})),
            "not settled after 600 ms, the limit: the rate changed by 25.0 % in the latest 250 ms");
  EXPECT_EQ(
      settling_words(windows({1, 1, 1, 1, 1, 1}, {4, 4, 4, 3, 3, 3})),
      "not settled after 600 ms, the limit: the rate changed by 0.0 %, the clock by 25.0 % in the latest "
      "250 ms");
  EXPECT_EQ(settling_words(windows({8, 8})),
            "not settled after 200 ms, the limit: too few windows to compare");
}

}  // namespace
}  // namespace assay::bench
