// Memory that all ranks of a node read and write, and a barrier in it.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// A window made by MPI_Win_allocate_shared: a part of each rank, which that rank touches first, so that its
/// pages are near it. Parts may differ in length. Beside the bytes asked for, each part holds the flags of
/// the barrier.
class SharedWindow {
 public:
  /// Collective. Throws Error on every rank where the memory cannot be had or the ranks do not share it.
  SharedWindow(const ProcessGroup& group, std::size_t own_bytes);
  ~SharedWindow();  ///< collective
  SharedWindow(const SharedWindow&) = delete;
  SharedWindow& operator=(const SharedWindow&) = delete;

  /// The part of one rank, aligned to cache lines.
  std::byte* of(int rank) const { return parts_[static_cast<std::size_t>(rank)] + flag_bytes_; }

  /// Returns when all ranks have called it; what they wrote before is then seen. A dissemination barrier: in
  /// round k each rank tells the one 2^k further (Hensgen, Finkel, Manber, "Two algorithms for barrier
  /// synchronization", 1988). A rank that waits long lets others have the core.
  void barrier();

 private:
  std::uint64_t& flag(int rank, int round) const;

  int rank_;
  int ranks_;
  int rounds_ = 0;
  std::size_t flag_bytes_ = 0;
  std::uint64_t passed_ = 0;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  MPI_Win window_ = MPI_WIN_NULL;
  std::vector<std::byte*> parts_;
};

/// Bytes of shared memory that can still be had on this node, or 0 where that cannot be told.
std::uint64_t free_shared_memory_bytes();

}  // namespace assay::bench
