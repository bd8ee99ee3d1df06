// Every ordered pair of the node's GPUs, one after the other.
#include <algorithm>

#include "suites/device/gpu/gpu_device.h"
#include "suites/harness/recorder.h"
#include "suites/harness/statistics.h"
#include "suites/memory/transfer/transfer.h"
#include "suites/memory/transfer/transfer_kernels.h"

namespace assay::bench::transfer {

namespace {

constexpr int launches = 5;
constexpr int poison_byte = 0xa5;

/// Memory of one GPU; whoever makes it has selected that GPU.
class Room {
 public:
  explicit Room(std::uint64_t bytes) : memory_(gpu::allocate_bytes(bytes)) {}
  ~Room() { gpu::release_bytes(memory_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  void* data() const { return memory_; }

 private:
  void* memory_;
};

struct Pair {
  int from = 0, to = 0;
  bool direct = false;  ///< the GPUs reach each other's memory
  std::unique_ptr<Room> destination;
  std::vector<double> seconds = {};  ///< of recorded passes
};

class PairsCase final : public PassCase {
 public:
  PairsCase(const Parameters& parameters, const Context& context, gpu::GpuDevice& gpu)
      : gpu_(gpu),
        bytes_(copied_bytes(parameters)),
        by_kernel_(text(parameters, "by") == "kernel"),
        key_(context.seed * 1000003) {}
  ~PairsCase() override { gpu::select(gpu_.number()); }
  PairsCase(const PairsCase&) = delete;
  PairsCase& operator=(const PairsCase&) = delete;

  device::Device* device() const override { return &gpu_; }

  void prepare() override {
    host_.resize(bytes_);
    const int devices = device::gpu_count();
    for (int number = 0; number < devices; ++number) {
      gpu::select(number);
      queues_.push_back(std::make_unique<gpu::Queue>());
      sources_.push_back(std::make_unique<Room>(bytes_));
      fill_payload(host_.data(), bytes_, key_ + static_cast<std::uint64_t>(number));
      queues_.back()->copy(sources_.back()->data(), host_.data(), bytes_);
      queues_.back()->finish();
    }
    for (int from = 0; from < devices; ++from)
      for (int to = 0; to < devices; ++to) {
        if (from == to) continue;
        Pair pair{from, to, gpu::can_reach(from, to), nullptr};
        gpu::select(from);
        if (pair.direct) gpu::reach(to);
        if (by_kernel_ && !pair.direct) continue;
        gpu::select(to);
        pair.destination = std::make_unique<Room>(bytes_);
        pairs_.push_back(std::move(pair));
      }
    if (pairs_.empty())
      throw gpu::GpuError(
          "no GPU of this node reaches the memory of another, which kernel copies need; use by = engine");
    poison();
  }

  PassLimits limits() const override { return {1, 5, 32, "slowest_pair"}; }

  void pass(Recorder& recorder) override {
    double slowest_s = 0;
    for (Pair& pair : pairs_) {
      gpu::select(pair.from);
      gpu::Queue& queue = *queues_[static_cast<std::size_t>(pair.from)];
      const void* source = sources_[static_cast<std::size_t>(pair.from)]->data();
      recorder.begin_own_part();
      const double begin_s = recorder.now_s();
      for (int launch = 0; launch < launches; ++launch) {
        if (by_kernel_) {
          copy_by_kernel(queue, pair.destination->data(), source, bytes_);
        } else {
          queue.copy_between_devices(pair.destination->data(), pair.to, source, pair.from, bytes_);
        }
      }
      queue.finish();
      const double seconds = (recorder.now_s() - begin_s) / launches;
      if (recorder.recording()) pair.seconds.push_back(seconds);
      slowest_s = std::max(slowest_s, seconds);
    }
    recorder.add("slowest_pair", slowest_s);
  }

  void poison() override {
    for (const Pair& pair : pairs_) {
      gpu::select(pair.to);
      gpu::Queue& queue = *queues_[static_cast<std::size_t>(pair.to)];
      queue.set_bytes(pair.destination->data(), poison_byte, bytes_);
      queue.finish();
    }
  }

  Check check() override {
    PayloadCheck check;
    for (const Pair& pair : pairs_) {
      gpu::select(pair.to);
      gpu::Queue& queue = *queues_[static_cast<std::size_t>(pair.to)];
      queue.copy(host_.data(), pair.destination->data(), bytes_);
      queue.finish();
      check.add(name_of(pair),
                compare_payload(host_.data(), bytes_, key_ + static_cast<std::uint64_t>(pair.from)));
    }
    return check.result();
  }

  std::vector<FigureOfMerit> figures() const override {
    return {{"slowest_pair", static_cast<double>(bytes_), "B/s", Better::higher, Reduce::median, std::nullopt,
             "slowest_pair"}};
  }

  std::map<std::string, std::string> path() const override {
    std::string staged;
    for (const Pair& pair : pairs_)
      if (!pair.direct) staged += (staged.empty() ? "" : ", ") + name_of(pair);
    return {
        {"copied by", by_kernel_ ? "a kernel of the sender" : "the runtime's copy engines"},
        {"peer access", staged.empty() ? "every pair" : "not for " + staged + ": staged through the host"}};
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics = {{"copied_bytes", static_cast<double>(bytes_)}};
    for (const Pair& pair : pairs_)
      if (!pair.seconds.empty())
        metrics[name_of(pair) + "_bytes_per_s"] = static_cast<double>(bytes_) / median_of(pair.seconds);
    return metrics;
  }

  void plant(Fault fault) override {
    if (fault != Fault::nan && fault != Fault::wrong_element) return;
    const Pair& pair = pairs_.back();
    gpu::select(pair.to);
    gpu::Queue& queue = *queues_[static_cast<std::size_t>(pair.to)];
    queue.set_bytes(static_cast<unsigned char*>(pair.destination->data()) + bytes_ - 8, poison_byte, 8);
    queue.finish();
  }

 private:
  static std::string name_of(const Pair& pair) {
    return "gpu_" + std::to_string(pair.from) + "_to_" + std::to_string(pair.to);
  }

  gpu::GpuDevice& gpu_;
  std::uint64_t bytes_;
  bool by_kernel_;
  std::uint64_t key_;
  std::vector<unsigned char> host_;
  std::vector<std::unique_ptr<gpu::Queue>> queues_;
  std::vector<std::unique_ptr<Room>> sources_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::unique_ptr<Case> make_pairs_case(const Parameters& parameters, const Context& context,
                                      device::Device& gpu) {
  return std::make_unique<PairsCase>(parameters, context, dynamic_cast<gpu::GpuDevice&>(gpu));
}

}  // namespace assay::bench::transfer
