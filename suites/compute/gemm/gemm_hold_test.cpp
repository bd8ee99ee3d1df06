#include "suites/compute/gemm/gemm_hold.h"

#include <gtest/gtest.h>

namespace assay::bench {
namespace {

/// Windows of one length, one after the other.
std::vector<HeldWindow> held(const std::vector<double>& iterations_s, double length_s = 1) {
  std::vector<HeldWindow> windows;
  for (const double iteration_s : iterations_s)
    windows.push_back({length_s * static_cast<double>(windows.size()), length_s, iteration_s});
  return windows;
}

TEST(GemmHold, WindowsAreAtMost120AndAtLeastAPassAndTwo) {
  EXPECT_EQ(hold_windows(600, 1e-3, 0.02), 120);  // of 5 s each
  EXPECT_EQ(hold_windows(1.2, 1e-3, 0.02), 60);   // of 20 ms each
  EXPECT_EQ(hold_windows(10, 3, 0.02), 3);        // three passes fit
  EXPECT_EQ(hold_windows(10, 30, 0.02), 2);       // none does: two all the same
  EXPECT_EQ(hold_windows(2.4, 1e-3, 0.02), 120);  // 2.4 / 0.02 is 119.99 or 120: never 119
}

TEST(GemmHold, TheLaterPartBeginsAtHalfOfTheTime) {
  EXPECT_EQ(later_part(held({1, 1, 1, 1}), 4), 2u);
  EXPECT_EQ(later_part(held({1, 1, 1, 1, 1}), 5), 3u);  // the window from 2 to 3 began before 2.5
  // Windows that took twice as long as planned: from 0, 2 and 4, for 4 seconds.
  EXPECT_EQ(later_part(held({1, 1, 1}, 2), 4), 1u);
  EXPECT_EQ(later_part(held({1, 1}), 100), 1u);  // none began late enough: the last
  EXPECT_EQ(later_part({}, 1), 0u);
}

TEST(GemmHold, LateChangeIsThatOfTheRateFromThirdToLastQuarter) {
  // Third quarter: 2 s and 2 s; last: 2.5 s and 2.5 s. 2 / 2.5 = 0.8.
  EXPECT_DOUBLE_EQ(late_change(held({1, 1, 9, 9, 2, 2, 2.5, 2.5})), -0.2);
  EXPECT_DOUBLE_EQ(late_change(held({9, 9, 4, 2})), 1.0);
  // Nine windows: quarters of two, counted from the end.
  EXPECT_DOUBLE_EQ(late_change(held({9, 9, 9, 9, 9, 2, 2, 4, 4})), -0.5);
  EXPECT_EQ(late_change(held({1, 2, 3})), 0);
  EXPECT_EQ(late_change({}), 0);
}

TEST(GemmHold, WordsOfTheLateChange) {
  EXPECT_EQ(late_words(0.004), "steady: the last quarter differs by 0.4 % from the third");
  EXPECT_EQ(late_words(-0.01), "steady: the last quarter differs by 1.0 % from the third");
  EXPECT_EQ(late_words(-0.021), "still falling: 2.1 % from the third quarter to the last; hold it longer");
  EXPECT_EQ(late_words(0.05), "still rising: 5.0 % from the third quarter to the last; hold it longer");
}

TEST(GemmHold, TheFirstThrottleHasItsTimeAndReasons) {
  const std::vector<std::string> nothing, cap = {"power cap"}, hot = {"power cap", "temperature"};
  const auto window = [](double begin_s, std::optional<std::vector<std::string>> by) {
    return CourseWindow{begin_s, 5, 1, {}, {}, {}, std::move(by)};
  };
  const FirstThrottle unknown = first_throttle({window(0, {}), window(5, {})}, {-1, -1});
  EXPECT_FALSE(unknown.known);
  EXPECT_EQ(throttle_words(unknown, 0), "not known");
  const FirstThrottle none = first_throttle({window(0, {}), window(5, nothing)}, {-1, -1});
  EXPECT_TRUE(none.known);
  EXPECT_FALSE(none.seen);
  EXPECT_EQ(throttle_words(none, 0), "none");
  const FirstThrottle first =
      first_throttle({window(0, nothing), window(5, cap), window(10, hot)}, {-1, 1.25, 0});
  EXPECT_TRUE(first.seen);
  EXPECT_EQ(first.after_s, 6.25);
  EXPECT_EQ(first.reasons, cap);
  EXPECT_EQ(throttle_words(first, 3), "rank 3 after 6.25 s: power cap");
  // When within the window is not known: its beginning.
  EXPECT_EQ(throttle_words(first_throttle({window(0, nothing), window(5, hot)}, {-1, -1}), 0),
            "rank 0 after 5.00 s: power cap, temperature");
}

}  // namespace
}  // namespace assay::bench
