// What a trainer's stages tell one another: activations and their gradients, and the tied table. From a
// device's memory through the host.
#include <algorithm>
#include <cstring>

#include "suites/training/support/trainer.h"

namespace assay::training {

using device::bytes_of;

// ---- Between stages

void Trainer::receive(std::int64_t micro_batch, void* values, int from) {
  timed(Phase::exposed, "receive", micro_batch, [&] {
    const std::int64_t bytes = stage_->boundary_count() * static_cast<std::int64_t>(bytes_of(element_));
    void* const into = apart_ ? memory_.host_at("work.received") : values;
    MPI_Recv(into, static_cast<int>(bytes), MPI_BYTE, from, 0, pipeline_, MPI_STATUS_IGNORE);
    if (apart_) device_.copy(values, into, static_cast<std::size_t>(bytes));
  });
}

void Trainer::send(std::int64_t micro_batch, int copy, const void* values, int to, MPI_Request& request) {
  wait(micro_batch, request);
  void* sent = memory_.host_at("work.sent", copy);
  const auto bytes = stage_->boundary_count() * static_cast<std::int64_t>(bytes_of(element_));
  device_.copy(sent, values, static_cast<std::size_t>(bytes));
  device_.finish();
  if (silent_) std::memset(sent, 0, static_cast<std::size_t>(bytes));
  MPI_Isend(sent, static_cast<int>(bytes), MPI_BYTE, to, 0, pipeline_, &request);
  bytes_sent_ += bytes;
}

void Trainer::wait(std::int64_t micro_batch, MPI_Request& request) {
  if (request == MPI_REQUEST_NULL) return;
  timed(Phase::exposed, "wait for a send", micro_batch, [&] { MPI_Wait(&request, MPI_STATUS_IGNORE); });
}

// A tied table has a copy on the last stage. The first stage updates it for both: sums over data-parallel
// ranks may be rounded differently on different stages, and copies that are updated apart would drift apart.

void Trainer::share_tied_gradient() {
  const LocalTensor* table = shared_table();
  // In blocks, so that it needs no second table.
  constexpr std::int64_t small_block = 4096;
  const std::int64_t block = view_.direct() ? small_block : host_view_bytes / std::int64_t{sizeof(double)};
  alignas(64) std::byte small_room[small_block * sizeof(double)];
  std::byte* const room = view_.direct() ? small_room : view_.room(nullptr);
  const auto pass_on = [&](std::byte* own, std::int64_t count) {
    const std::size_t bytes = static_cast<std::size_t>(count) * bytes_of(exact_);
    if (stage_->last()) {
      std::byte* const given = view_.get(own, bytes);
      if (silent_) std::memset(given, 0, bytes);
      MPI_Send(given, static_cast<int>(bytes), MPI_BYTE, 0, 1, pipeline_);
      return;
    }
    MPI_Recv(room, static_cast<int>(bytes), MPI_BYTE, static_cast<int>(layout_.pipeline) - 1, 1, pipeline_,
             MPI_STATUS_IGNORE);
    operators_.add_exact(count, view_.direct() ? room : view_.pushed(bytes), own);
    device_.finish();
  };
  for (std::int64_t at = 0; at < table->count(); at += block)
    pass_on(gradients(table->offset + at), std::min(block, table->count() - at));
  if (stage_->last()) bytes_sent_ += table->count() * static_cast<std::int64_t>(bytes_of(exact_));
}

void Trainer::share_tied_weights() {
  const LocalTensor* table = shared_table();
  const std::int64_t block =
      view_.direct() ? std::int64_t{1} << 24 : host_view_bytes / std::int64_t{sizeof(double)};
  for (std::int64_t at = 0; at < table->count(); at += block) {
    const std::int64_t count = std::min(block, table->count() - at);
    const auto bytes = count * static_cast<std::int64_t>(bytes_of(element_));
    std::byte* own = weights(table->offset + at);
    if (stage_->first()) {
      MPI_Send(view_.get(own, static_cast<std::size_t>(bytes)), static_cast<int>(bytes), MPI_BYTE,
               static_cast<int>(layout_.pipeline) - 1, 1, pipeline_);
      bytes_sent_ += bytes;
      continue;
    }
    std::vector<std::byte> ignored(silent_ ? static_cast<std::size_t>(bytes) : 0);
    MPI_Recv(silent_ ? ignored.data() : view_.room(own), static_cast<int>(bytes), MPI_BYTE, 0, 1, pipeline_,
             MPI_STATUS_IGNORE);
    if (!silent_) view_.put(own, static_cast<std::size_t>(bytes));
  }
}

const LocalTensor* Trainer::shared_table() const {
  if (!shape_.tied_head || pipeline_ == MPI_COMM_NULL) return nullptr;
  return local().find(Role::token_table, before_layers);
}

}  // namespace assay::training
