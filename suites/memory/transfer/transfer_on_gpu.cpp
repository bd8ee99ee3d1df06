// One GPU: between it and the host in each direction and in both at once, or within it.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "reports/record/unit.h"
#include "suites/device/gpu/gpu_device.h"
#include "suites/harness/recorder.h"
#include "suites/memory/support/turns.h"
#include "suites/memory/transfer/transfer.h"
#include "suites/memory/transfer/transfer_kernels.h"

namespace assay::bench::transfer {

namespace {

/// Launches of one timed part: waiting for the device costs some 10 us.
constexpr int launches_to_host = 2, launches_within = 20;
constexpr int poison_byte = 0xa5;

/// Memory of the host, pinned or not.
class HostMemory {
 public:
  HostMemory(std::uint64_t bytes, bool pinned) : bytes_(bytes), pinned_(pinned) {
    constexpr std::size_t page = 4096;
    memory_ = pinned ? gpu::allocate_pinned_bytes(bytes)
                     : std::aligned_alloc(page, (bytes + page - 1) / page * page);
    if (memory_ == nullptr) throw std::bad_alloc();
    poison();
  }
  ~HostMemory() {
    if (pinned_) {
      gpu::release_pinned_bytes(memory_);
    } else {
      std::free(memory_);
    }
  }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  void* data() { return memory_; }
  void poison() { std::memset(memory_, poison_byte, bytes_); }

 private:
  std::uint64_t bytes_;
  bool pinned_;
  void* memory_;
};

class TransferCase final : public PassCase {
 public:
  TransferCase(const Parameters& parameters, const Context& context, gpu::GpuDevice& gpu)
      : gpu_(gpu),
        group_(context.group),
        bytes_(copied_bytes(parameters)),
        within_(text(parameters, "path") == "within"),
        pinned_(text(parameters, "host_memory") == "pinned"),
        by_kernel_(text(parameters, "by") == "kernel"),
        key_(context.seed * 1000003 + static_cast<std::uint64_t>(context.group.rank())) {}

  device::Device* device() const override { return &gpu_; }

  void prepare() override {
    for (auto& one : on_device_) one = gpu_.allocate(bytes_);
    for (auto& one : on_host_) one = std::make_unique<HostMemory>(bytes_, pinned_);
    fill_payload(source().data(), bytes_, key_);
    queue_.copy(on_device_[0]->device(), source().data(), bytes_);
    queue_.finish();
    // What goes to the device differs from what comes from it.
    fill_payload(source().data(), bytes_, key_ + 1);
    poison();
  }

  PassLimits limits() const override { return {3, 10, 64, within_ ? "within" : "to_device"}; }

  void pass(Recorder& recorder) override {
    if (within_) {
      recorder.time(
          "within",
          [&] {
            for (int i = 0; i < launches_within; ++i)
              copy(queue_, on_device_[1]->device(), on_device_[0]->device());
            queue_.finish();
          },
          launches_within);
      return;
    }
    group_.barrier();
    recorder.time(
        "to_device", [&] { to_device(queue_, 1); }, launches_to_host);
    group_.barrier();
    recorder.time(
        "to_host", [&] { to_host(queue_, 1); }, launches_to_host);
    group_.barrier();
    recorder.time(
        "both", [&] { both(); }, launches_to_host);
  }

  void poison() override {
    for (std::size_t i = 1; i < on_device_.size(); ++i)
      queue_.set_bytes(on_device_[i]->device(), poison_byte, bytes_);
    for (std::size_t i = 1; i < on_host_.size(); ++i) on_host_[i]->poison();
    queue_.finish();
  }

  Check check() override {
    PayloadCheck check;
    if (within_) {
      check.add("the GPU's memory", fetched(1, key_));
      return check.result();
    }
    // Destinations on the host first: fetching from the device needs room, and takes that of the source.
    check.add("the host's memory", compare_payload(on_host_[1]->data(), bytes_, key_));
    check.add("the host's memory, both at once", compare_payload(on_host_[2]->data(), bytes_, key_));
    check.add("the GPU's memory", fetched(1, key_ + 1));
    check.add("the GPU's memory, both at once", fetched(2, key_ + 1));
    return check.result();
  }

  std::vector<FigureOfMerit> figures() const override {
    const auto bytes = static_cast<double>(bytes_);
    const auto figure = [](const char* name, double moved) {
      return FigureOfMerit{name, moved, "B/s", Better::higher, Reduce::median, std::nullopt, name};
    };
    if (within_) return {figure("within", 2 * bytes)};
    return {figure("to_device", bytes), figure("to_host", bytes), figure("both", 2 * bytes)};
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = {
        {"copied by", by_kernel_ ? "a kernel" : "the runtime's copy engines"}};
    if (!within_) path["host memory"] = pinned_ ? "pinned" : "pageable: both directions from a thread each";
    if (2 * bytes_ <= 2 * gpu_.cache_bytes())
      path["working set"] = "a cache case: not above twice the last-level cache";
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"copied_bytes", static_cast<double>(bytes_)}};
  }

  void plant(Fault fault) override {
    if (fault != Fault::nan && fault != Fault::wrong_element) return;
    // One word of a destination, as a copy would leave it that missed it.
    queue_.set_bytes(static_cast<unsigned char*>(on_device_[1]->device()) + bytes_ / 2 / 8 * 8, poison_byte,
                     8);
    queue_.finish();
  }

 private:
  HostMemory& source() { return *on_host_[0]; }

  PayloadErrors fetched(std::size_t place, std::uint64_t key) {
    queue_.copy(source().data(), on_device_[place]->device(), bytes_);
    queue_.finish();
    const PayloadErrors errors = compare_payload(source().data(), bytes_, key);
    fill_payload(source().data(), bytes_, key_ + 1);
    return errors;
  }

  void copy(gpu::Queue& queue, void* to, const void* from) {
    if (by_kernel_) {
      copy_by_kernel(queue, to, from, bytes_);
    } else {
      queue.copy(to, from, bytes_);
    }
  }
  /// The host's memory as the one that copies sees it.
  void* seen(HostMemory& memory) const { return by_kernel_ ? device_address(memory.data()) : memory.data(); }

  void to_device(gpu::Queue& queue, std::size_t place) {
    for (int i = 0; i < launches_to_host; ++i) copy(queue, on_device_[place]->device(), seen(source()));
    queue.finish();
  }
  void to_host(gpu::Queue& queue, std::size_t place) {
    for (int i = 0; i < launches_to_host; ++i) copy(queue, seen(*on_host_[place]), on_device_[0]->device());
    queue.finish();
  }

  void both() {
    if (pinned_) {
      for (int i = 0; i < launches_to_host; ++i) {
        copy(queue_, on_device_[2]->device(), seen(source()));
        copy(other_queue_, seen(*on_host_[2]), on_device_[0]->device());
      }
      queue_.finish();
      other_queue_.finish();
      return;
    }
    // Copies of pageable memory return when they are done: the other direction needs a thread of its own.
    std::exception_ptr failure;
    std::thread other([&] {
      try {
        gpu::select(gpu_.number());
        to_host(other_queue_, 2);
      } catch (...) {
        failure = std::current_exception();
      }
    });
    try {
      to_device(queue_, 2);
    } catch (...) {
      other.join();
      throw;
    }
    other.join();
    if (failure) std::rethrow_exception(failure);
  }

  gpu::GpuDevice& gpu_;
  const ProcessGroup& group_;
  std::uint64_t bytes_;
  bool within_, pinned_, by_kernel_;
  std::uint64_t key_;
  gpu::Queue queue_, other_queue_;
  std::array<std::unique_ptr<device::Buffer>, 3> on_device_;  ///< source; destinations alone and of both
  std::array<std::unique_ptr<HostMemory>, 3> on_host_;
};

}  // namespace

std::unique_ptr<Case> make_host_case(const Parameters& parameters, const Context& context,
                                     device::Device& gpu) {
  return std::make_unique<TransferCase>(parameters, context, dynamic_cast<gpu::GpuDevice&>(gpu));
}

std::string unsupported_on_gpu(const Parameters& parameters, const Context& context, device::Device& gpu) {
  const bool devices = text(parameters, "path") == "devices";
  const int count = device::gpu_count();
  if (devices && count < 2)
    return "pairs need two GPUs, and this process sees " + std::to_string(count) +
           "; let one rank of each node see all of its GPUs";
  if (devices && ranks_on_own_node(context.group) > 1)
    return "one rank of a node copies between all of its GPUs; start one rank a node";
  const double needed = static_cast<double>(copied_bytes(parameters)) * (devices ? count : 3);
  const auto free = static_cast<double>(gpu.available_bytes().value_or(0));
  if (free > 0 && needed > 0.9 * free)
    return "the buffers need " + format_value(needed, "B") + " of the GPU, which has " +
           format_value(free, "B") + " free (nine tenths may be used); give smaller bytes";
  return {};
}

}  // namespace assay::bench::transfer
