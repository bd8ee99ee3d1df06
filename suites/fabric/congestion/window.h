// How victims and congestors agree on when congestion is on: the congestors run rounds until the victims are
// done, and count the rounds that lie wholly within the victims' measurement. Nobody stops for the other
// before it has been told, so nothing can deadlock: each side's last message is waited for by the other.
//
//   congestors: round, "running", round, round, ...            "enough"   ..., round     stop
//   victims:          wait ------> "begin", operations .................... "end"
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>

namespace assay::bench {

/// Waits for a request, asleep most of the time: ranks with nothing to do must not take the others' cores.
void wait_asleep(MPI_Request* request);
void barrier_asleep(MPI_Comm communicator);

/// Whole rounds that victims wait for, however short their measurement.
constexpr std::int64_t enough_rounds = 3;

/// The victims' side. `control` joins all ranks, `victims` the victims, whose rank 0 speaks for them;
/// `congestor_root` is the rank in `control` of the congestors' rank 0.
class VictimWindow {
 public:
  VictimWindow(MPI_Comm control, MPI_Comm victims, int congestor_root);
  /// Returns once congestors run, and tells them that the measurement begins.
  void open();
  /// On rank 0: true once enough whole rounds lie within the window.
  bool enough();
  /// Tells the congestors to stop once all victims are here.
  void close();

 private:
  MPI_Comm control_;
  MPI_Comm victims_;
  int congestor_root_;
  bool speaks_;
  MPI_Request enough_request_ = MPI_REQUEST_NULL;
  bool has_enough_ = false;
};

/// The congestors' side: runs `round` until the victims have closed their window. The whole rounds within it
/// on the congestors' rank 0, zero elsewhere.
std::int64_t congest(MPI_Comm control, MPI_Comm congestors, int victim_root,
                     const std::function<void()>& round);

}  // namespace assay::bench
