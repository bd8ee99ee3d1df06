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

std::optional<LoadChange> latest_change(const std::vector<LoadWindow>& windows, const SettlingRule& rule) {
  std::size_t end = windows.size();
  const auto now = take_span(windows, end, rule);
  const auto before = now ? take_span(windows, end, rule) : std::nullopt;
  if (!before) return std::nullopt;
  LoadChange latest{change(before->iteration_s, now->iteration_s), std::nullopt};
  const double of_clock = change(before->clock_hz, now->clock_hz);
  if (!std::isnan(of_clock)) latest.clock = of_clock;
  return latest;
}

bool has_settled(const std::vector<LoadWindow>& windows, const SettlingRule& rule) {
  const auto latest = latest_change(windows, rule);
  return latest && latest->rate <= rule.within && latest->clock.value_or(0) <= rule.clock_within;
}

std::string settling_words(const std::vector<LoadWindow>& windows, const SettlingRule& rule) {
  double spent_s = 0;
  for (const LoadWindow& window : windows) spent_s += window.length_s;
  const std::string time = format_value(spent_s, "s", 2);
  const auto latest = latest_change(windows, rule);
  if (!latest) return "not settled after " + time + ", the limit: too few windows to compare";
  if (has_settled(windows, rule))
    return "settled after " + time + ": the rate within " + format_share(rule.within, 0) +
           (latest->clock ? ", the clock within " + format_share(rule.clock_within, 0) : "");
  return "not settled after " + time + ", the limit: the rate changed by " + format_share(latest->rate, 1) +
         (latest->clock ? ", the clock by " + format_share(*latest->clock, 1) : "") + " in the latest " +
         format_value(rule.span_s, "s", 2);
}

}  // namespace assay::bench
