#include "suites/harness/device_conditions.h"

#include <algorithm>
#include <cstdint>

#include "reports/base/names.h"

namespace assay::bench {

namespace {

constexpr std::size_t most = 64;

/// At most `most` values, each the mean of as many neighbours.
std::vector<double> condensed(const std::vector<double>& values) {
  const std::size_t per_value = (values.size() + most - 1) / most;
  if (per_value <= 1) return values;
  std::vector<double> means;
  for (std::size_t begin = 0; begin < values.size(); begin += per_value) {
    const std::size_t end = std::min(values.size(), begin + per_value);
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += values[i];
    means.push_back(sum / static_cast<double>(end - begin));
  }
  return means;
}

void add(std::vector<double>& series, const std::optional<double>& value) {
  if (value) series.push_back(*value);
}

void keep_lowest(std::optional<double>& lowest, const std::optional<double>& value) {
  if (value && (!lowest || *value < *lowest)) lowest = value;
}

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

DeviceConditions::DeviceConditions(device::Device* device, double period_s) : device_(device) {
  if (device_ == nullptr) return;
  first_ = take();
  if (!first_) return;
  last_ = first_;
  thread_ = std::thread([this, period_s] { watch(period_s); });
}

DeviceConditions::~DeviceConditions() {
  stop_watching();
}

void DeviceConditions::stop_watching() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::optional<DeviceConditions::Taken> DeviceConditions::take() {
  std::optional<device::Reading> reading = device_->read_conditions();
  if (!reading) return std::nullopt;
  return Taken{std::chrono::steady_clock::now(), std::move(*reading)};
}

void DeviceConditions::watch(double period_s) {
  const std::chrono::duration<double> period(period_s);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period, [this] { return stop_; })) {
    if (const auto taken = take()) keep(*taken);
  }
}

void DeviceConditions::mark() {
  if (!thread_.joinable()) return;
  const std::lock_guard lock(mutex_);
  const auto taken = take();
  if (!taken) return;
  keep(*taken);
  (begin_ ? end_ : begin_) = taken;
}

void DeviceConditions::keep(const Taken& taken) {
  const device::Reading& reading = taken.reading;
  add(clock_hz_, reading.clock_hz);
  add(power_w_, reading.power_w);
  add(temperature_c_, reading.temperature_c);
  keep_lowest(lowest_clock_hz_, reading.clock_hz);
  keep_lowest(lowest_memory_clock_hz_, reading.memory_clock_hz);
  if (const auto& hot = reading.memory_temperature_c)
    highest_memory_temperature_c_ = std::max(*hot, highest_memory_temperature_c_.value_or(*hot));
  if (reading.throttled_by) {
    reasons_known_ = true;
    for (const std::string& reason : *reading.throttled_by) {
      const auto same = [&](const auto& known) { return known.first == reason; };
      if (std::none_of(reasons_.begin(), reasons_.end(), same)) reasons_.emplace_back(reason, taken.when);
    }
  }
  last_ = taken;
}

void DeviceConditions::finish(Conditions& conditions, std::map<std::string, double>& metrics) {
  if (!thread_.joinable()) return;
  stop_watching();
  if (const auto taken = take()) keep(*taken);
  conditions.clock_hz = condensed(clock_hz_);
  conditions.power_w = condensed(power_w_);
  conditions.temperature_c = condensed(temperature_c_);
  conditions.throttled.reset();
  if (reasons_known_) conditions.throttled = !reasons_.empty();
  if (!begin_ || !end_) {
    begin_ = first_;
    end_ = last_;
  }
  window_s_ = seconds(end_->when - begin_->when);
  const auto &before_j = begin_->reading.energy_j, &after_j = end_->reading.energy_j;
  if (before_j && after_j && *after_j >= *before_j) {
    energy_j_ = *after_j - *before_j;
    metrics["energy_j"] = *energy_j_;
    metrics["energy_window_s"] = window_s_;
  }
  const auto tell = [&](const char* name, const std::optional<double>& value) {
    if (value) metrics[name] = *value;
  };
  tell("lowest_clock_hz", lowest_clock_hz_);
  tell("lowest_memory_clock_hz", lowest_memory_clock_hz_);
  tell("highest_memory_temperature_c", highest_memory_temperature_c_);
  if (!reasons_.empty()) metrics["first_throttle_s"] = seconds(reasons_.front().second - begin_->when);
  const auto risen = [&](const char* name, std::optional<std::uint64_t> device::Reading::*counter) {
    const auto &before = first_->reading.*counter, &after = last_->reading.*counter;
    if (before && after && *after >= *before) metrics[name] = static_cast<double>(*after - *before);
    return before && after && *after > *before;
  };
  risen("ecc_corrected", &device::Reading::corrected_errors);
  risen("ecc_uncorrected", &device::Reading::uncorrected_errors);
  risen("retired_memory", &device::Reading::retired_memory);
  risen("link_replays", &device::Reading::link_replays);
  if (risen("driver_errors", &device::Reading::driver_errors))
    driver_error_ = last_->reading.last_driver_error;
}

std::string DeviceConditions::throttled_by() const {
  std::vector<std::string> words;
  for (const auto& [reason, when] : reasons_) words.push_back(reason);
  return join(words, ", ");
}

std::string DeviceConditions::after_failure() {
  stop_watching();
  if (!first_) return {};
  const auto taken = take();
  const device::Reading& now = taken ? taken->reading : last_->reading;
  if (!now.driver_errors || *now.driver_errors <= first_->reading.driver_errors.value_or(0)) return {};
  return "; the driver reported " + now.last_driver_error;
}

void combine_device_metrics(const std::vector<const std::map<std::string, double>*>& ranks,
                            std::map<std::string, double>& combined) {
  const auto lowest = [](double a, double b) { return std::min(a, b); };
  const auto highest = [](double a, double b) { return std::max(a, b); };
  const auto sum = [](double a, double b) { return a + b; };
  const std::pair<const char*, double (*)(double, double)> rules[] = {
      {"lowest_clock_hz", lowest},
      {"lowest_memory_clock_hz", lowest},
      {"highest_memory_temperature_c", highest},
      {"first_throttle_s", lowest},
      {"ecc_corrected", sum},
      {"ecc_uncorrected", sum},
      {"retired_memory", sum},
      {"link_replays", sum},
      {"driver_errors", sum}};
  for (const auto& [name, rule] : rules) {
    std::optional<double> value;
    for (const auto* rank : ranks)
      if (const auto found = rank->find(name); found != rank->end())
        value = value ? rule(*value, found->second) : found->second;
    if (value) combined[name] = *value;
  }
}

}  // namespace assay::bench
