// A GPU's state ten times a second while a case runs, in a thread of its own.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
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

  /// Ends reading and replaces in `conditions` what the device told: clocks, powers and temperatures, at most
  /// 64 of each (means of neighbours), and whether it was throttled. Adds to `metrics` energy_j over the
  /// whole time and ECC errors that appeared meanwhile, where counted.
  void finish(Conditions& conditions, std::map<std::string, double>& metrics);
  /// "power cap, temperature": all that held the clock back at any reading.
  std::string throttled_by() const;

 private:
  void watch(double period_s);
  void keep(const device::Reading& reading);

  device::Device* device_;
  std::optional<device::Reading> first_, last_;
  std::vector<double> clock_hz_, power_w_, temperature_c_;
  std::set<std::string> reasons_;
  bool reasons_known_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace assay::bench
