#include "suites/harness/settling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reports/record/unit.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

namespace {

/// Medians over a span; NaN where there is none.
struct Span {
  double iteration_s = 0, clock_hz = 0;
};

/// The latest windows before `end` that make a span; `end` is then where it begins. Absent: there are not
/// enough.
std::optional<Span> take_span(const std::vector<LoadWindow>& windows, std::size_t& end,
                              const SettlingRule& rule) {
  std::vector<double> iterations_s, clocks_hz;
  double length_s = 0;
  // Window lengths are sums of clock readings: a span of exactly the length counts.
  while (iterations_s.size() < rule.fewest || length_s < rule.span_s * (1 - 1e-9)) {
    if (end == 0) return std::nullopt;
    const LoadWindow& window = windows[--end];
    length_s += window.length_s;
    iterations_s.push_back(window.iteration_s);
    if (window.clock_hz) clocks_hz.push_back(*window.clock_hz);
  }
  return Span{median_of(iterations_s), median_of(clocks_hz)};
}

double change(double before, double now) {
  return std::abs(now - before) / before;
}

}  // namespace

std::optional<double> latest_change(const std::vector<LoadWindow>& windows, const SettlingRule& rule) {
  std::size_t end = windows.size();
  const auto now = take_span(windows, end, rule);
  const auto before = now ? take_span(windows, end, rule) : std::nullopt;
  if (!before) return std::nullopt;
  double largest = change(before->iteration_s, now->iteration_s);
  const double of_clock = change(before->clock_hz, now->clock_hz);
  if (of_clock > largest) largest = of_clock;  // not where a clock is missing: NaN
  return largest;
}

bool has_settled(const std::vector<LoadWindow>& windows, const SettlingRule& rule) {
  const auto latest = latest_change(windows, rule);
  return latest && *latest <= rule.within;
}

std::string settling_words(const std::vector<LoadWindow>& windows, const SettlingRule& rule) {
  double spent_s = 0;
  bool clock = false;
  for (const LoadWindow& window : windows) {
    spent_s += window.length_s;
    clock = clock || window.clock_hz;
  }
  const std::string time = format_value(spent_s, "s", 2), share = format_share(rule.within, 0);
  const char* const what = clock ? "rate and clock" : "the rate";
  if (has_settled(windows, rule)) return "settled after " + time + ": " + what + " within " + share;
  const auto latest = latest_change(windows, rule);
  const std::string limit = "not settled after " + time + ", the limit: ";
  if (!latest) return limit + "too few windows to compare";
  return limit + what + " changed by " + format_share(*latest, 1) + " in the latest " +
         format_value(rule.span_s, "s", 2);
}

}  // namespace assay::bench
