#include "suites/device/gpu/gpu_device.h"
#include "suites/training/llm_step/device_time.h"

namespace assay::bench {

namespace {

class GpuTime final : public DeviceTime {
 public:
  explicit GpuTime(gpu::Queue& queue) : queue_(queue) {}
  void start() override { stopwatch_.start(queue_); }
  void stop() override { stopwatch_.stop(queue_); }
  double seconds() override { return stopwatch_.seconds(); }

 private:
  gpu::Queue& queue_;
  gpu::Stopwatch stopwatch_;
};

}  // namespace

std::unique_ptr<DeviceTime> device_time_on_gpu(device::Device& device) {
  auto* const real = dynamic_cast<gpu::GpuDevice*>(&device);
  if (real == nullptr) return nullptr;
  return std::make_unique<GpuTime>(real->queue());
}

}  // namespace assay::bench
