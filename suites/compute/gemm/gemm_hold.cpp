#include "suites/compute/gemm/gemm_hold.h"

#include <algorithm>
#include <cmath>

#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

namespace {

constexpr double steady_within = 0.01;

double median_iteration_s(const std::vector<HeldWindow>& windows, std::size_t begin, std::size_t end) {
  std::vector<double> iterations_s;
  for (std::size_t i = begin; i < end; ++i) iterations_s.push_back(windows[i].iteration_s);
  return median_of(iterations_s);
}

}  // namespace

int hold_windows(double sustain_s, double pass_s, double shortest_s) {
  const double longest_cut_s = std::max({pass_s, shortest_s, sustain_s / most_hold_windows});
  return static_cast<int>(
      std::clamp(std::floor(sustain_s / longest_cut_s + 1e-9), 2.0, static_cast<double>(most_hold_windows)));
}

std::size_t later_part(const std::vector<HeldWindow>& windows, double sustain_s) {
  for (std::size_t i = 0; i < windows.size(); ++i)
    if (windows[i].begin_s >= sustain_s / 2) return i;
  return windows.empty() ? 0 : windows.size() - 1;
}

double late_change(const std::vector<HeldWindow>& windows) {
  const std::size_t quarter = windows.size() / 4, end = windows.size();
  if (quarter == 0) return 0;
  return median_iteration_s(windows, end - 2 * quarter, end - quarter) /
             median_iteration_s(windows, end - quarter, end) -
         1;
}

std::string late_words(double change) {
  const std::string by = format_share(std::abs(change), 1);
  if (std::abs(change) <= steady_within)
    return "steady: the last quarter differs by " + by + " from the third";
  return std::string(change < 0 ? "still falling: " : "still rising: ") + by +
         " from the third quarter to the last; hold it longer";
}

FirstThrottle first_throttle(const std::vector<CourseWindow>& windows,
                             const std::vector<double>& throttled_s) {
  FirstThrottle first;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (!windows[i].throttled_by) continue;
    first.known = true;
    if (windows[i].throttled_by->empty()) continue;
    first.seen = true;
    first.after_s = windows[i].begin_s + std::max(0.0, throttled_s[i]);
    first.reasons = *windows[i].throttled_by;
    break;
  }
  return first;
}

std::string throttle_words(const FirstThrottle& throttle, int rank) {
  if (!throttle.known) return "not known";
  if (!throttle.seen) return "none";
  return "rank " + std::to_string(rank) + " after " + format_value(throttle.after_s, "s", 3) + ": " +
         join(throttle.reasons, ", ");
}

}  // namespace assay::bench
