#include "suites/stability/burn/course.h"

#include <algorithm>
#include <cmath>

#include "reports/base/names.h"

namespace assay::bench::stability {

TimeBins::TimeBins(double duration_s) {
  constexpr double shortest_s = 0.25, most = 256;
  count = static_cast<std::size_t>(std::clamp(std::floor(duration_s / shortest_s), 1.0, most));
  bin_s = duration_s / static_cast<double>(count);
}

std::optional<std::size_t> Course::bin_of(double at_s) const {
  if (!(at_s >= 0)) return std::nullopt;
  const double bin = std::floor(at_s / bins_.bin_s);
  if (bin >= static_cast<double>(bins_.count)) return std::nullopt;
  return static_cast<std::size_t>(bin);
}

void Course::keep(double at_s, const device::Reading& reading) {
  ++readings_;
  const std::optional<std::size_t> bin = bin_of(at_s);
  if (reading.power_w && bin) {
    watts_[*bin].total += *reading.power_w;
    ++watts_[*bin].count;
  }
  if (!reading.throttled_by) return;
  throttling_known_ = true;
  if (reading.throttled_by->empty()) return;
  if (bin) held_back_[*bin] = true;
  if (!first_throttle_) first_throttle_ = Throttle{at_s, join(*reading.throttled_by, ", ")};
}

std::vector<std::optional<double>> Course::power_w() const {
  std::vector<std::optional<double>> means;
  for (const Sum& sum : watts_)
    means.push_back(sum.count > 0 ? std::optional(sum.total / static_cast<double>(sum.count)) : std::nullopt);
  return means;
}

std::vector<bool> Course::throttled() const {
  return held_back_;
}

const std::vector<ErrorCounter>& error_counters() {
  using device::Reading;
  // Corrected errors and repeated packets are codes doing their work, and memory that is taken out of use was
  // found in time: they are counted for whoever replaces parts, and data was never wrong.
  static const std::vector<ErrorCounter> all = {
      {"uncorrected memory errors", &Reading::uncorrected_errors, true},
      {"driver errors", &Reading::driver_errors, true, &Reading::last_driver_error},
      {"corrected memory errors", &Reading::corrected_errors, false},
      {"retired memory", &Reading::retired_memory, false},
      {"link replays", &Reading::link_replays, false},
  };
  return all;
}

std::optional<std::uint64_t> CounterChange::risen() const {
  if (!before || !after || *after < *before) return std::nullopt;
  return *after - *before;
}

std::string CounterChange::words() const {
  if (const auto by = risen()) return "+" + std::to_string(*by) + (latest.empty() ? "" : " (" + latest + ")");
  if (before && after) return "from " + std::to_string(*before) + " to " + std::to_string(*after);
  return before ? "lost" : "not readable";
}

bool CounterChange::bad() const {
  if (const auto by = risen()) return *by > 0;
  return before.has_value();
}

std::vector<CounterChange> changes_between(const std::optional<device::Reading>& before,
                                           const std::optional<device::Reading>& after) {
  std::vector<CounterChange> changes;
  for (const ErrorCounter& one : error_counters()) {
    CounterChange change;
    if (before) change.before = (*before).*one.counter;
    if (after) change.after = (*after).*one.counter;
    if (one.latest != nullptr && change.risen().value_or(0) > 0) change.latest = (*after).*one.latest;
    changes.push_back(change);
  }
  return changes;
}

}  // namespace assay::bench::stability
