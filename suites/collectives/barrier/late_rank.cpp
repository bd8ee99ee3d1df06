#include "suites/collectives/barrier/late_rank.h"

#include <mpi.h>

#include <chrono>
#include <set>
#include <thread>

namespace assay::bench {

namespace {

constexpr int left_tag = 7001;
constexpr int looks = 50;
constexpr std::chrono::microseconds between_looks{100};

/// True when someone has said that it left, while this rank stayed away.
bool anyone_left(MPI_Comm communicator) {
  for (int look = 0; look < looks; ++look) {
    std::this_thread::sleep_for(between_looks);
    int arrived = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, left_tag, communicator, &arrived, MPI_STATUS_IGNORE);
    if (arrived != 0) return true;
  }
  return false;
}

}  // namespace

std::vector<int> late_ranks(int ranks) {
  const std::set<int> chosen{0, 1, ranks / 2, ranks - 1};
  return {chosen.begin(), chosen.end()};
}

std::string left_without_late_rank(const ProcessGroup& group, const std::function<void()>& barrier) {
  if (group.alone()) return {};
  const MPI_Comm communicator = group.communicator();
  std::string wrong;
  for (const int late : late_ranks(group.size())) {
    group.barrier();
    bool left = false;
    if (group.rank() == late) {
      left = anyone_left(communicator);
      barrier();
      for (int other = 0; other < group.size(); ++other) {
        if (other != late) MPI_Recv(nullptr, 0, MPI_BYTE, other, left_tag, communicator, MPI_STATUS_IGNORE);
      }
    } else {
      barrier();
      MPI_Send(nullptr, 0, MPI_BYTE, late, left_tag, communicator);
    }
    if (group.any(left)) wrong += (wrong.empty() ? "" : ", ") + std::to_string(late);
  }
  return wrong.empty() ? wrong : "ranks that came late were not waited for: " + wrong;
}

}  // namespace assay::bench
