// Gradients of devices over a data-parallel group by collectives between the devices: NCCL or RCCL.
#include <utility>

#include "suites/training/support/gradient_exchange.h"

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

class DeviceExchange final : public GradientExchange {
 public:
  DeviceExchange(MPI_Comm group, const ExchangeSettings& settings, device::Device& device,
                 std::unique_ptr<device::Collectives> collectives)
      : GradientExchange(group, settings, device), collectives_(std::move(collectives)) {
    if (!settings_.silent) return;
    zeros_ = device_.allocate(device_bucket_bytes);
    device_.set_bytes(zeros_->device(), std::byte{0}, zeros_->bytes());
    ignored_ = device_.allocate(std::max<std::size_t>(
        device_bucket_bytes, static_cast<std::size_t>(settings_.flat_length) * bytes_of(settings_.element)));
  }

  std::string describe() const override {
    std::string words =
        collectives_->describe().at("library") + " between the devices, in buckets of 32 MiB ";
    return words + (settings_.shard_length > 0 ? "reduced to their owner" : "all-reduced") +
           " beside the backward pass";
  }

  void finish() override {
    give(0, true);
    collectives_->before_device();
  }

  void share_weights() override {
    if (settings_.shard_length == 0) return;
    collectives_->after_device();
    collectives_->all_gather(settings_.element, static_cast<std::size_t>(settings_.shard_length),
                             weight(shard_of_rank(rank_).begin),
                             settings_.silent ? ignored_->device() : weight(0));
    collectives_->before_device();
    bytes_sent_ +=
        settings_.shard_length * static_cast<std::int64_t>(bytes_of(settings_.element)) * (ranks_ - 1);
  }

  void sum_squares(double* values) override {
    collectives_->after_device();
    collectives_->all_reduce(Element::f64, 1, values, values + 1);
    collectives_->before_device();
  }

  void wait() override { collectives_->finish(); }

 protected:
  void start(std::int64_t from, std::int64_t /*to*/) override { give(from, false); }

 private:
  void give(std::int64_t down_to, bool rest) {
    bool first = true;
    in_pieces(device_bucket_bytes / bytes_of_gradients(1), down_to, rest,
              [&](std::int64_t from, std::int64_t count, int owner) {
                // What is given now was complete before: one wait for all of it.
                if (std::exchange(first, false)) collectives_->after_device();
                begin_bucket(from, count, owner);
              });
  }

  void begin_bucket(std::int64_t from, std::int64_t count, int owner) {
    const std::int64_t bytes = bytes_of_gradients(count);
    const void* const given = settings_.silent ? zeros_->device() : gradient(from);
    void* const received = settings_.silent ? ignored_->device() : gradient(from);
    const auto numbers = static_cast<std::size_t>(count);
    if (owner < 0) {
      collectives_->all_reduce(exact_, numbers, given, received);
      bytes_sent_ += 2 * bytes * (ranks_ - 1) / ranks_;
    } else {
      collectives_->reduce(exact_, numbers, given, received, owner);
      bytes_sent_ += owner == rank_ ? 0 : bytes;
    }
  }

  const std::unique_ptr<device::Collectives> collectives_;
  std::unique_ptr<device::Buffer> zeros_, ignored_;  ///< of a silent rank, in place of gradients
};

}  // namespace

std::unique_ptr<GradientExchange> device_exchange(MPI_Comm group, const ExchangeSettings& settings,
                                                  device::Device& device,
                                                  std::unique_ptr<device::Collectives> collectives) {
  return std::make_unique<DeviceExchange>(group, settings, device, std::move(collectives));
}

}  // namespace assay::training
