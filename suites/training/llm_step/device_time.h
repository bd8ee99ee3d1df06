// training/llm_step: how long a device works at a step, by its own clock.
#pragma once

#include <memory>

#include "suites/device/device.h"

namespace assay::bench {

class DeviceTime {
 public:
  virtual ~DeviceTime() = default;
  /// Between these two, in the order in which the device is given its work.
  virtual void start() = 0;
  virtual void stop() = 0;
  /// Waits for stop.
  virtual double seconds() = 0;
};

/// Null where the device has no clock that could be asked.
std::unique_ptr<DeviceTime> device_time(device::Device& device);
/// The same, in builds for a GPU.
std::unique_ptr<DeviceTime> device_time_on_gpu(device::Device& device);

}  // namespace assay::bench
