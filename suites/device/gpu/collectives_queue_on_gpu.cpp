#include "suites/device/gpu/collectives_queue_on_gpu.h"

namespace assay::gpu {

namespace {

class GpuCollectivesQueue final : public CollectivesQueue {
 public:
  explicit GpuCollectivesQueue(Queue& device_queue) : device_queue_(device_queue) {}

  void* stream() override { return queue_.stream(); }
  bool done() override { return queue_.done(); }
  void after_device() override {
    device_so_far_.mark(device_queue_);
    device_so_far_.hold(queue_);
  }
  void before_device() override {
    so_far_.mark(queue_);
    so_far_.hold(device_queue_);
  }
  void begin_timing() override { stopwatch_.start(queue_); }
  void end_timing() override {
    stopwatch_.stop(queue_);
    timed_ = true;
  }
  std::optional<double> timed_s() override {
    if (!timed_) return std::nullopt;
    return stopwatch_.seconds();
  }

 private:
  Queue& device_queue_;
  Queue queue_;
  Signal device_so_far_, so_far_;
  Stopwatch stopwatch_;
  bool timed_ = false;
};

}  // namespace

std::unique_ptr<CollectivesQueue> collectives_queue(Queue& device_queue) {
  return std::make_unique<GpuCollectivesQueue>(device_queue);
}

}  // namespace assay::gpu
