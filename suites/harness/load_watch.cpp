#include "suites/harness/load_watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "suites/harness/recorder.h"

namespace assay::bench {

namespace {

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

WindowConditions conditions_of(const std::vector<device::Reading>& readings,
                               std::optional<double> throttled_s) {
  WindowConditions window;
  const auto mean = [&](std::optional<double> device::Reading::*value) -> std::optional<double> {
    double sum = 0;
    int count = 0;
    for (const device::Reading& reading : readings) {
      if (!(reading.*value)) continue;
      sum += *(reading.*value);
      ++count;
    }
    if (count == 0) return std::nullopt;
    return sum / count;
  };
  window.clock_hz = mean(&device::Reading::clock_hz);
  window.power_w = mean(&device::Reading::power_w);
  std::set<std::string> reasons;
  bool known = false;
  for (const device::Reading& reading : readings) {
    if (reading.temperature_c)
      window.temperature_c =
          std::max(window.temperature_c.value_or(*reading.temperature_c), *reading.temperature_c);
    if (!reading.throttled_by) continue;
    known = true;
    reasons.insert(reading.throttled_by->begin(), reading.throttled_by->end());
  }
  if (known) window.throttled_by.emplace(reasons.begin(), reasons.end());
  if (!reasons.empty()) window.first_throttled_s = throttled_s;
  return window;
}

LoadWatch::LoadWatch(device::Device& device, int shared_by, std::filesystem::path root, double period_s)
    : device_(device),
      shared_by_(shared_by),
      root_(std::move(root)),
      begun_(std::chrono::steady_clock::now()) {
  device_tells_ = device_.read_conditions().has_value();
  if (device_tells_) {
    thread_ = std::thread([this, period_s] { watch(period_s); });
  } else if (!device_.works_by_itself() && shared_by_ <= 1) {
    meter_.emplace(root_);
    meter_->start();
  }
}

LoadWatch::~LoadWatch() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LoadWatch::watch(double period_s) {
  const std::chrono::duration<double> period(period_s);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period, [this] { return stop_; })) {
    lock.unlock();  // a reading takes milliseconds: windows begin and end meanwhile
    const Moment now = std::chrono::steady_clock::now();
    std::optional<device::Reading> reading = device_.read_conditions();
    lock.lock();
    if (!reading || now < begun_) continue;
    const bool held = reading->throttled_by && !reading->throttled_by->empty();
    if (held && !first_throttled_) first_throttled_ = now;
    readings_.push_back(std::move(*reading));
  }
}

void LoadWatch::begin() {
  if (device_tells_) {
    const std::lock_guard lock(mutex_);
    readings_.clear();
    first_throttled_.reset();
    begun_ = std::chrono::steady_clock::now();
    return;
  }
  begun_ = std::chrono::steady_clock::now();
  if (device_.works_by_itself()) return;
  probe_.emplace(root_);
  if (!meter_) return;
  meter_->read();
  begun_j_ = meter_->joules().value_or(0);
}

WindowConditions LoadWatch::end() {
  if (device_tells_) {
    const std::lock_guard lock(mutex_);
    std::optional<double> throttled_s;
    if (first_throttled_) throttled_s = seconds(*first_throttled_ - begun_);
    return conditions_of(readings_, throttled_s);
  }
  WindowConditions window;
  if (!probe_) return window;
  const double spent_s = seconds(std::chrono::steady_clock::now() - begun_);
  probe_->sample();
  const Conditions conditions = probe_->finish();
  if (!conditions.clock_hz.empty()) window.clock_hz = conditions.clock_hz.back();
  if (conditions.throttled) window.throttled_by.emplace();
  if (conditions.throttled.value_or(false)) window.throttled_by->emplace_back("temperature");
  if (!meter_) return window;
  meter_->read();
  const auto joules = meter_->joules();
  if (joules && spent_s > 0) window.power_w = (*joules - begun_j_) / spent_s;
  return window;
}

std::optional<double> LoadWatch::energy_j() {
  if (device_tells_) {
    const auto reading = device_.read_conditions();
    return reading ? reading->energy_j : std::nullopt;
  }
  if (!meter_) return std::nullopt;
  meter_->read();
  return meter_->joules();
}

std::string LoadWatch::energy_words() {
  if (device_tells_ || device_.works_by_itself()) {
    if (energy_j()) return "counted by the device";
    return "not known: the device tells no counter of energy";
  }
  if (!meter_)
    return "not known: the node's counters cannot be divided among " + std::to_string(shared_by_) + " ranks";
  if (!meter_->source().empty()) return meter_->source();
  return "not known: " + meter_->why_none();
}

std::vector<LoadWindow> warm_until_settled(Recorder& recorder, device::Device& device, double limit_s,
                                           const std::function<double()>& run_window) {
  std::vector<LoadWindow> windows;
  std::optional<LoadWatch> watch;
  if (device.works_by_itself()) watch.emplace(device, 1);
  const double begin_s = recorder.now_s();
  while (!has_settled(windows) && recorder.now_s() - begin_s < limit_s) {
    if (watch) watch->begin();
    const double iteration_s = run_window();
    const auto [window_begin_s, window_end_s] = recorder.own_time();
    windows.push_back({window_end_s - window_begin_s, iteration_s, std::nullopt});
    if (watch) windows.back().clock_hz = watch->end().clock_hz;
  }
  return windows;
}

}  // namespace assay::bench
