// The ranks that run a case together. With MPI not started (run by hand, without mpiexec) the group is this
// process alone: a null communicator makes the serial and the parallel path one.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

/// When this rank began, for what a start costs.
struct Beginning {
  double init_s = 0;                 ///< from the start of the process until MPI was ready; 0: not known
  double first_barrier_epoch_s = 0;  ///< time of day at which the first barrier let this rank go; 0: none was
};

class ProcessGroup {
 public:
  /// This process alone; no MPI call is made.
  ProcessGroup() = default;
  /// The ranks of `communicator`, which outlives the group. `nodes` names each rank's node.
  ProcessGroup(MPI_Comm communicator, std::vector<std::string> nodes);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool alone() const { return communicator_ == MPI_COMM_NULL; }
  MPI_Comm communicator() const { return communicator_; }
  const std::string& node_of(int rank) const { return nodes_[static_cast<std::size_t>(rank)]; }
  const Beginning& beginning() const { return beginning_; }
  void began(const Beginning& beginning) { beginning_ = beginning; }

  int most_ranks_on_a_node() const;
  bool one_node() const { return most_ranks_on_a_node() == size_; }

  void barrier() const;
  double maximum(double value) const;               ///< over all ranks, on all ranks
  void maximum(std::vector<double>& values) const;  ///< element by element
  std::int64_t sum(std::int64_t value) const;
  void sum(std::vector<std::uint64_t>& values) const;  ///< element by element
  bool any(bool value) const;
  void broadcast(void* bytes, std::size_t count, int root) const;
  double broadcast(double value, int root) const;
  /// Texts of all ranks on `root` (empty elsewhere).
  std::vector<std::string> gather(const std::string& text, int root) const;
  /// The same on every rank.
  std::vector<std::string> all_gather(const std::string& text) const;

 private:
  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  std::vector<std::string> nodes_ = {"localhost"};
  Beginning beginning_;
};

}  // namespace assay::bench
