// Gradients over a data-parallel group by MPI_Iallreduce, or, with shards, MPI_Ireduce to their owner and
// MPI_Allgather of the weights.
#include <algorithm>

#include "suites/training/support/gradient_exchange.h"

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

class MpiExchange final : public GradientExchange {
 public:
  MpiExchange(MPI_Comm group, const ExchangeSettings& settings)
      : GradientExchange(group, settings, device::host()),
        type_(exact_ == Element::f64 ? MPI_DOUBLE : MPI_FLOAT) {
    requests_.assign(exchange_pieces, MPI_REQUEST_NULL);
    MPI_Type_contiguous(static_cast<int>(flat_alignment) * static_cast<int>(bytes_of(settings_.element)),
                        MPI_BYTE, &shard_unit_);
    MPI_Type_commit(&shard_unit_);
    if (!settings_.silent) return;
    zeros_.resize(exchange_piece_bytes);
    ignored_.resize(std::max<std::size_t>(
        exchange_piece_bytes, static_cast<std::size_t>(settings_.flat_length) * bytes_of(settings_.element)));
  }
  ~MpiExchange() override { MPI_Type_free(&shard_unit_); }
  MpiExchange(const MpiExchange&) = delete;
  MpiExchange& operator=(const MpiExchange&) = delete;

  void finish() override {
    send(0, true);
    MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
  }

  std::string describe() const override { return "MPI, beside the backward pass"; }

  void share_weights() override {
    if (settings_.shard_length == 0) return;
    const int units = static_cast<int>(settings_.shard_length / flat_alignment);
    if (settings_.silent) {
      MPI_Allgather(weight(shard_of_rank(rank_).begin), units, shard_unit_, ignored_.data(), units,
                    shard_unit_, group_);
    } else {
      MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, weight(0), units, shard_unit_, group_);
    }
    bytes_sent_ +=
        settings_.shard_length * static_cast<std::int64_t>(bytes_of(settings_.element)) * (ranks_ - 1);
  }

 protected:
  /// Whole pieces now; the rest when more is complete.
  void start(std::int64_t from, std::int64_t /*to*/) override {
    // Progress of what is under way: MPI works only while it is called.
    int finished = 0;
    MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &finished, MPI_STATUSES_IGNORE);
    send(from, false);
  }

 private:
  void send(std::int64_t down_to, bool rest) {
    in_pieces(exchange_piece_bytes / bytes_of_gradients(1), down_to, rest,
              [this](std::int64_t from, std::int64_t count, int owner) { send_piece(from, count, owner); });
  }

  void send_piece(std::int64_t from, std::int64_t count, int owner) {
    MPI_Request& request = requests_[next_];
    next_ = (next_ + 1) % requests_.size();
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    const std::int64_t bytes = bytes_of_gradients(count);
    const int numbers = static_cast<int>(count);
    std::byte* values = gradient(from);
    if (owner < 0) {
      const void* given = settings_.silent ? zeros_.data() : MPI_IN_PLACE;
      void* received = settings_.silent ? ignored_.data() : values;
      MPI_Iallreduce(given, received, numbers, type_, MPI_SUM, group_, &request);
      bytes_sent_ += 2 * bytes * (ranks_ - 1) / ranks_;
      return;
    }
    const bool own = owner == rank_;
    const void* given = settings_.silent ? zeros_.data() : own ? MPI_IN_PLACE : values;
    void* received = settings_.silent ? ignored_.data() : own ? values : nullptr;
    MPI_Ireduce(given, received, numbers, type_, MPI_SUM, owner, group_, &request);
    bytes_sent_ += own ? 0 : bytes;
  }

  const MPI_Datatype type_;
  /// 16 numbers, of which shards are multiples: an int counts 128 GiB of f32 then.
  MPI_Datatype shard_unit_ = MPI_DATATYPE_NULL;
  std::vector<MPI_Request> requests_;
  std::size_t next_ = 0;
  std::vector<std::byte> zeros_, ignored_;  ///< of a silent rank, in place of gradients
};

}  // namespace

std::unique_ptr<GradientExchange> mpi_exchange(MPI_Comm group, const ExchangeSettings& settings) {
  return std::make_unique<MpiExchange>(group, settings);
}

}  // namespace assay::training
