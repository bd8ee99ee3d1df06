// For tests: the GPU that this build is for or, on a device of deferred work (queued_device.h), the operators
// of the emulated one.
#pragma once

#include <memory>
#include <string>

#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_operators.h"
#include "suites/training/support/queued_device.h"
#if !ASSAY_GPU_COMPILED
#include "suites/device/gpu/emulation_settings.h"
#endif

namespace assay::training {

/// The device of a test; null: there is none, and why.
class TestedGpu {
 public:
#if ASSAY_GPU_COMPILED
  explicit TestedGpu(int) : selected_(device::gpu(0, 1)) {}
  device::Device* device() const {
    return selected_.device;
  }
  const std::string& missing() const {
    return selected_.missing;
  }

 private:
  device::Selected selected_;
#else
  explicit TestedGpu(int lanes)
      : device_([this](device::Element element, int) { return operators(element); }) {
    gpu::emulation::configure(
        lanes, lanes == 32 ? gpu::emulation::Order::ascending : gpu::emulation::Order::descending);
  }
  device::Device* device() {
    return &device_;
  }
  std::string missing() const {
    return {};
  }

 private:
  std::unique_ptr<device::Operators> operators(device::Element element) {
    return gpu::gpu_operators(element, queue_);
  }
  gpu::Queue queue_;
  QueuedDevice device_;
#endif
};

}  // namespace assay::training
