#include "suites/memory/support/turns.h"

#include <mpi.h>

#include <chrono>
#include <thread>

namespace assay::bench {

int ranks_on_own_node(const ProcessGroup& group) {
  int ranks = 0;
  for (int rank = 0; rank < group.size(); ++rank)
    if (group.node_of(rank) == group.node_of(group.rank())) ++ranks;
  return ranks;
}

int place_on_own_node(const ProcessGroup& group) {
  int place = 0;
  for (int rank = 0; rank < group.rank(); ++rank)
    if (group.node_of(rank) == group.node_of(group.rank())) ++place;
  return place;
}

void sleeping_barrier(const ProcessGroup& group) {
  if (group.alone()) return;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(group.communicator(), &request);
  int arrived = 0;
  for (MPI_Test(&request, &arrived, MPI_STATUS_IGNORE); arrived == 0;
       MPI_Test(&request, &arrived, MPI_STATUS_IGNORE)) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

}  // namespace assay::bench
