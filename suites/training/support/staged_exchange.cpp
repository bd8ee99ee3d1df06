// Gradients of devices over a data-parallel group by MPI, through the host: while MPI adds up some pieces,
// the next one is brought.
#include <array>
#include <cstring>

#include "suites/training/support/gradient_exchange.h"

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

class StagedExchange final : public GradientExchange {
 public:
  StagedExchange(MPI_Comm group, const ExchangeSettings& settings, device::Device& device)
      : GradientExchange(group, settings, device), type_(exact_ == Element::f64 ? MPI_DOUBLE : MPI_FLOAT) {
    for (Piece& piece : pieces_) piece.room = device_.allocate(exchange_piece_bytes);
  }

  std::string describe() const override {
    return "MPI, staged through the host in pieces of 4 MiB when the backward pass is over";
  }

  void finish() override {
    in_pieces(exchange_piece_bytes / bytes_of_gradients(1), 0, true,
              [this](std::int64_t from, std::int64_t count, int owner) { begin_piece(from, count, owner); });
    for (Piece& piece : pieces_) end_piece(piece);
    device_.finish();  // the rooms are free again
  }

  void share_weights() override {
    const auto each = static_cast<std::int64_t>(bytes_of(settings_.element));
    const std::int64_t most = exchange_piece_bytes / each;
    std::byte* const room = host_room(pieces_[0]);
    for (std::int64_t at = 0; settings_.shard_length > 0 && at < settings_.flat_length;) {
      const auto owner = static_cast<int>(at / settings_.shard_length);
      const Block shard = shard_of_rank(owner);
      const std::int64_t count = std::min(most, shard.begin + shard.count - at);
      const auto bytes = static_cast<std::size_t>(count * each);
      if (owner == rank_) {
        device_.copy(room, weight(at), bytes);
        device_.finish();
        bytes_sent_ += static_cast<std::int64_t>(bytes) * (ranks_ - 1);
      }
      MPI_Bcast(room, static_cast<int>(bytes), MPI_BYTE, owner, group_);
      if (owner != rank_ && !settings_.silent) {
        device_.copy(weight(at), room, bytes);
        device_.finish();
      }
      at += count;
    }
  }

 protected:
  void start(std::int64_t /*from*/, std::int64_t /*to*/) override {}

 private:
  struct Piece {
    std::unique_ptr<device::Buffer> room;
    MPI_Request request = MPI_REQUEST_NULL;
    std::int64_t from = 0, count = 0;
    int owner = -1;
  };

  static std::byte* host_room(const Piece& piece) { return static_cast<std::byte*>(piece.room->host()); }

  void begin_piece(std::int64_t from, std::int64_t count, int owner) {
    Piece& piece = pieces_[next_];
    next_ = (next_ + 1) % pieces_.size();
    end_piece(piece);
    const std::int64_t bytes = bytes_of_gradients(count);
    device_.copy(host_room(piece), gradient(from), static_cast<std::size_t>(bytes));
    device_.finish();
    if (settings_.silent) std::memset(host_room(piece), 0, static_cast<std::size_t>(bytes));
    piece.from = from;
    piece.count = count;
    piece.owner = owner;
    const int numbers = static_cast<int>(count);
    if (owner < 0) {
      MPI_Iallreduce(MPI_IN_PLACE, host_room(piece), numbers, type_, MPI_SUM, group_, &piece.request);
      bytes_sent_ += 2 * bytes * (ranks_ - 1) / ranks_;
      return;
    }
    const bool own = owner == rank_;
    MPI_Ireduce(own ? MPI_IN_PLACE : host_room(piece), own ? host_room(piece) : nullptr, numbers, type_,
                MPI_SUM, owner, group_, &piece.request);
    bytes_sent_ += own ? 0 : bytes;
  }

  void end_piece(Piece& piece) {
    if (piece.request == MPI_REQUEST_NULL) return;
    MPI_Wait(&piece.request, MPI_STATUS_IGNORE);
    const bool updates = piece.owner < 0 || piece.owner == rank_;
    if (updates && !settings_.silent)
      device_.copy(gradient(piece.from), host_room(piece),
                   static_cast<std::size_t>(bytes_of_gradients(piece.count)));
  }

  const MPI_Datatype type_;
  std::array<Piece, exchange_pieces> pieces_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<GradientExchange> staged_exchange(MPI_Comm group, const ExchangeSettings& settings,
                                                  device::Device& device) {
  return std::make_unique<StagedExchange>(group, settings, device);
}

}  // namespace assay::training
