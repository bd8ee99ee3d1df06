// A GPU's state ten times a second while a case runs, in a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "reports/record/record.h"
#include "suites/device/device.h"

namespace assay::bench {

class DeviceConditions {
 public:
  /// Begins to read, unless the device tells nothing (or is null). The device outlives this.
  explicit DeviceConditions(device::Device* device, double period_s = 0.1);
  ~DeviceConditions();
  DeviceConditions(const DeviceConditions&) = delete;
  DeviceConditions& operator=(const DeviceConditions&) = delete;

  /// The first call begins the measured window, the latest later one ends it; without two, the window is all
  /// of the time. Not within what is timed: it reads the device.
  void mark();

  /// Ends reading and replaces in `conditions` what the device told: clocks, powers and temperatures, at most
  /// 64 of each (means of neighbours), and whether it was throttled. Adds to `metrics`, where known: of the
  /// window energy_j and energy_window_s; of the whole time lowest_clock_hz, lowest_memory_clock_hz,
  /// highest_memory_temperature_c (single readings, no means), first_throttle_s (from the window's beginning;
  /// below zero: before it), and what counters rose by: ecc_corrected, ecc_uncorrected, retired_memory,
  /// link_replays, driver_errors.
  void finish(Conditions& conditions, std::map<std::string, double>& metrics);

  // ---- After finish
  /// Of the window, by the device's counter; absent where it has none or the counter went back.
  std::optional<double> energy_j() const { return energy_j_; }
  double window_s() const { return window_s_; }
  /// "power cap, temperature": all that held the clock back at any reading, what came first in front.
  std::string throttled_by() const;
  /// The latest error that the driver reported meanwhile, "XID 79: fallen off the bus"; empty: none.
  const std::string& driver_error() const { return driver_error_; }

  /// When the case has failed: asks the device once more. "; the driver reported XID 79: ..."; empty when it
  /// reported nothing.
  std::string after_failure();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Taken {
    Time when;
    device::Reading reading;
  };

  std::optional<Taken> take();
  void watch(double period_s);
  void keep(const Taken& taken);
  void stop_watching();

  device::Device* device_;
  std::optional<Taken> first_, last_, begin_, end_;
  std::vector<double> clock_hz_, power_w_, temperature_c_;
  std::optional<double> lowest_clock_hz_, lowest_memory_clock_hz_, highest_memory_temperature_c_;
  std::vector<std::pair<std::string, Time>> reasons_;  ///< each with its first time
  bool reasons_known_ = false;
  std::optional<double> energy_j_;
  double window_s_ = 0;
  std::string driver_error_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

/// Of ranks that worked together, each on a device of its own, what DeviceConditions adds to metrics: the
/// lowest of what is lowest, the highest of what is highest, the sum of counts; the energy is agreed on
/// elsewhere (per_joule.h). What no rank has is not added.
void combine_device_metrics(const std::vector<const std::map<std::string, double>*>& ranks,
                            std::map<std::string, double>& combined);

}  // namespace assay::bench
