#include "suites/training/llm_step/device_time.h"

#include "suites/device/gpu/build.h"

namespace assay::bench {

std::unique_ptr<DeviceTime> device_time(device::Device& device) {
  if constexpr (gpu::compiled) return device_time_on_gpu(device);
  static_cast<void>(device);
  return nullptr;
}

}  // namespace assay::bench
