#include "suites/harness/device_conditions.h"

#include <algorithm>
#include <chrono>
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

}  // namespace

DeviceConditions::DeviceConditions(device::Device* device, double period_s) : device_(device) {
  if (device_ == nullptr) return;
  first_ = device_->read_conditions();
  if (!first_) return;
  last_ = first_;
  thread_ = std::thread([this, period_s] { watch(period_s); });
}

DeviceConditions::~DeviceConditions() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void DeviceConditions::watch(double period_s) {
  const std::chrono::duration<double> period(period_s);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period, [this] { return stop_; })) {
    const std::optional<device::Reading> reading = device_->read_conditions();
    if (reading) keep(*reading);
  }
}

void DeviceConditions::keep(const device::Reading& reading) {
  add(clock_hz_, reading.clock_hz);
  add(power_w_, reading.power_w);
  add(temperature_c_, reading.temperature_c);
  if (reading.throttled_by) {
    reasons_known_ = true;
    reasons_.insert(reading.throttled_by->begin(), reading.throttled_by->end());
  }
  last_ = reading;
}

void DeviceConditions::finish(Conditions& conditions, std::map<std::string, double>& metrics) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (const auto reading = device_->read_conditions()) keep(*reading);
  conditions.clock_hz = condensed(clock_hz_);
  conditions.power_w = condensed(power_w_);
  conditions.temperature_c = condensed(temperature_c_);
  conditions.throttled.reset();
  if (reasons_known_) conditions.throttled = !reasons_.empty();
  if (first_->energy_j && last_->energy_j && *last_->energy_j >= *first_->energy_j)
    metrics["energy_j"] = *last_->energy_j - *first_->energy_j;
  const auto risen = [&](const char* name, std::optional<std::uint64_t> device::Reading::*counter) {
    const auto &before = *first_.*counter, &after = *last_.*counter;
    if (before && after && *after >= *before) metrics[name] = static_cast<double>(*after - *before);
  };
  risen("ecc_corrected", &device::Reading::corrected_errors);
  risen("ecc_uncorrected", &device::Reading::uncorrected_errors);
}

std::string DeviceConditions::throttled_by() const {
  return join({reasons_.begin(), reasons_.end()}, ", ");
}

}  // namespace assay::bench
