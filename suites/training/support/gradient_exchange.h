// Gradients summed over the ranks of a data-parallel group, and new weights told to all of them. On the host
// by MPI while the backward pass goes on, or, on one node, through memory that all ranks see; from a device's
// memory by collectives between devices, or by MPI through the host.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "suites/device/collectives.h"
#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/harness/process_group.h"
#include "suites/training/support/inventory.h"

namespace assay::training {

/// Gradients travel in pieces, so many at once: MPI holds about twice their memory while it sums. Larger
/// pieces leave the caches, and smaller ones cost a network its bandwidth.
inline constexpr std::int64_t exchange_piece_bytes = std::int64_t{4} << 20;
inline constexpr std::int64_t exchange_pieces = 4;
/// What collectives between devices are given at once: enough for their links, and several for a backward
/// pass.
inline constexpr std::int64_t device_bucket_bytes = std::int64_t{32} << 20;

/// One rank of a data-parallel group, of two ranks at least.
struct ExchangeSettings {
  device::Element element = device::Element::f32;  ///< of the weights; gradients are exact_of(element)
  std::int64_t flat_length = 0;                    ///< of the buffers of weights and gradients, elements
  std::int64_t shard_length =
      0;  ///< ZeRO-1: rank r updates [r, r + 1) shard_length; 0: every rank updates all
  /// A fault planted on purpose: takes part, but gives zeros and ignores what it gets.
  bool silent = false;
};

/// What the sums were compared with: the contributions of all ranks, added up in f64, at every 4093rd
/// element (in a device's memory, where each is a copy of its own, at no more than 1024).
struct ExchangeCheck {
  double worst =
      0;  ///< |sum - exact| / (n eps sum of |contributions|), over the elements; NaN: one is no number
  std::int64_t compared = 0;

  bool right() const { return worst <= 1; }
};

class GradientExchange {
 public:
  virtual ~GradientExchange() = default;

  /// Where the buffers are, when the exchange has them; null: the caller gives its own to `use`.
  virtual std::byte* weights() const { return nullptr; }
  virtual std::byte* gradients() const { return nullptr; }
  /// Only one rank has to fill weights that all share.
  virtual bool fills_weights() const { return true; }
  void use(std::byte* weights, std::byte* gradients);

  /// A step begins whose gradients end at `flat_end`. `sampled`: contributions are kept for `verify`.
  void begin(std::int64_t flat_end, bool sampled);
  /// Gradients from `flat_begin` on are complete and not to be touched any more.
  void complete_from(std::int64_t flat_begin);
  /// After it, the gradients that this rank updates with are sums over the group. complete_from(0) was
  /// called.
  virtual void finish() = 0;
  /// After it, the weights are current on every rank and gradients may be written again. Weights that every
  /// rank updated by itself need no exchange.
  virtual void share_weights() = 0;
  /// `values[0]` summed over the group, in f64, into values[1], in the device's memory; only where the
  /// exchange is begun on the device.
  virtual void sum_squares(double* /*values*/) {}
  /// Waits for what was begun elsewhere than on the device's own queue; throws where it failed.
  virtual void wait() {}
  /// What carries it, for the path.
  virtual std::string describe() const = 0;

  /// Collective, untimed; while the gradients of a step that was sampled are still there.
  ExchangeCheck verify() const;
  std::int64_t bytes_sent() const { return bytes_sent_; }

 protected:
  GradientExchange(MPI_Comm group, const ExchangeSettings& settings, device::Device& device);

  /// [from, to) is complete.
  virtual void start(std::int64_t from, std::int64_t to) = 0;

  std::byte* gradient(std::int64_t element) const;
  std::byte* weight(std::int64_t element) const;
  Block shard_of_rank(int rank) const { return {rank * settings_.shard_length, settings_.shard_length}; }

  /// What is complete from `down_to` on and was not given yet, from the end on: each(from, count, owner) in
  /// pieces of `piece` elements and, with `rest`, what is left of them. With shards none is of two of them;
  /// without, `owner` is -1.
  template <typename Each>
  void in_pieces(std::int64_t piece, std::int64_t down_to, bool rest, const Each& each) {
    while (given_from_ > (rest ? down_to : down_to + piece - 1)) {
      std::int64_t from = std::max<std::int64_t>(0, given_from_ - piece);
      int owner = -1;
      if (settings_.shard_length > 0) {
        owner = static_cast<int>((given_from_ - 1) / settings_.shard_length);
        from = std::max(from, shard_of_rank(owner).begin);
      }
      each(from, given_from_ - from, owner);
      given_from_ = from;
    }
  }
  std::int64_t bytes_of_gradients(std::int64_t count) const {
    return count * static_cast<std::int64_t>(device::bytes_of(exact_));
  }

  const MPI_Comm group_;
  const ExchangeSettings settings_;
  device::Device& device_;
  const device::Element exact_;
  int rank_ = 0, ranks_ = 1;
  std::int64_t bytes_sent_ = 0;

 private:
  void keep_samples(std::int64_t from, std::int64_t to);
  std::vector<double> values_of_samples(std::size_t count) const;

  std::byte* used_weights_ = nullptr;
  std::byte* used_gradients_ = nullptr;
  std::int64_t end_ = 0, complete_from_ = 0, given_from_ = 0;
  bool sampled_ = false;
  const std::int64_t sample_stride_;
  /// Contributions and, behind them, sums, exact_ each: of a device that is apart, else the host's.
  const std::unique_ptr<device::Buffer> samples_;
};

/// Sums by MPI. `group` outlives it, and nobody else uses it meanwhile.
std::unique_ptr<GradientExchange> mpi_exchange(MPI_Comm group, const ExchangeSettings& settings);

/// From the memory of `device`, by MPI: each piece is brought to the host and back, when the backward pass is
/// over (to wait for the device before would hold up what it does next). `group` as above.
std::unique_ptr<GradientExchange> staged_exchange(MPI_Comm group, const ExchangeSettings& settings,
                                                  device::Device& device);

/// By the devices themselves, in buckets of device_bucket_bytes that are begun as gradients become complete,
/// beside the backward pass, on the collectives' own queue. Nothing waits but `wait`. With shards each bucket
/// is reduced to its owner: the shards are runs of the flat buffer, so a reduce-scatter could begin only when
/// all gradients are there, and a chain of reductions moves as many bytes over a link. The group verifies.
std::unique_ptr<GradientExchange> device_exchange(MPI_Comm group, const ExchangeSettings& settings,
                                                  device::Device& device,
                                                  std::unique_ptr<device::Collectives> collectives);

/// ZeRO-1 through a shared window: each rank adds up its shard of what all ranks left in the window, and all
/// of them work with one copy of the weights. Collective; throws Error on every rank where they cannot share
/// memory. `operators` adds. Gradients are exchanged when the backward pass is over: memory that the cores
/// move themselves gains nothing by being moved beside their computing.
std::unique_ptr<GradientExchange> window_exchange(const bench::ProcessGroup& group,
                                                  const ExchangeSettings& settings,
                                                  device::Operators& operators);

}  // namespace assay::training
