// What the ranks of a tensor-parallel group exchange while a layer is passed through. One rank alone
// exchanges nothing. The rows of a micro-batch are whole on every rank, or, with sequence parallelism, dealt
// out in equal blocks between the split parts of a layer (Korthikanti et al., arXiv:2205.05198).
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/element.h"

namespace assay::training {

class TensorGroup {
 public:
  TensorGroup() = default;  ///< one rank
  /// `communicator` outlives the group. `silent`: see Trainer. `now_s`: the clock that exchanges are timed
  /// by. `device`: whose memory the values are in, null: the host's. Where it is apart from the host's, they
  /// are brought to the host and back, and each call waits for what the device has begun.
  TensorGroup(MPI_Comm communicator, bool sequence_parallel, bool silent = false,
              std::function<double()> now_s = {}, device::Device* device = nullptr);
  ~TensorGroup();
  TensorGroup(const TensorGroup&) = delete;
  TensorGroup& operator=(const TensorGroup&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool sequence_parallel() const { return sequence_parallel_; }

  /// All rows from everybody's own rows. With whole rows: `own` itself, nothing is moved.
  const void* gather(device::Element element, std::int64_t own_count, const void* own, void* all) const;
  /// Sums partial results of all rows: into `own` (this rank's rows), or, with whole rows, all of them.
  /// `partial` may be `own` when rows are whole; it is spoilt.
  void reduce(device::Element element, std::int64_t all_count, void* partial, void* own) const;
  void sum(device::Element element, std::int64_t count, void* values) const;
  /// Of values in the host's memory, whatever the device.
  void sum_here(device::Element element, std::int64_t count, void* values) const;
  void maximum_here(device::Element element, std::int64_t count, void* values) const;
  std::int64_t bytes_sent() const { return bytes_sent_; }
  /// What exchanges took so far, waiting for the others included; 0 without a clock.
  double exchanged_s() const { return exchanged_s_; }

 private:
  // With all values in the host's memory.
  void gather_here(device::Element element, std::int64_t own_count, const void* own, void* all) const;
  void reduce_here(device::Element element, std::int64_t all_count, void* partial, void* own) const;
  /// `values` on the host: what `from` holds (null: uninitialised), until the next call for the same room.
  void* brought(int room, const void* from, std::size_t bytes) const;

  MPI_Datatype type(device::Element element) const;
  MPI_Op sum_of(device::Element element) const;
  double now_s() const { return now_s_ ? now_s_() : 0; }
  /// What a silent rank does in place of an all-reduce.
  void take_part(device::Element element, std::int64_t count, MPI_Op operation) const;

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  bool sequence_parallel_ = false;
  bool silent_ = false;
  MPI_Datatype bf16_ = MPI_DATATYPE_NULL;
  MPI_Op bf16_sum_ = MPI_OP_NULL;
  std::function<double()> now_s_;
  device::Device* device_ = nullptr;  ///< null: values are in the host's memory
  mutable std::vector<std::byte> rooms_[2];
  mutable std::int64_t bytes_sent_ = 0;
  mutable double exchanged_s_ = 0;
};

}  // namespace assay::training
