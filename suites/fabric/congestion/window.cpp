#include "suites/fabric/congestion/window.h"

#include <chrono>
#include <thread>

namespace assay::bench {

namespace {

enum class Tag : int { running = 1, begin, end, enough };

void tell(int rank, Tag tag, MPI_Comm communicator) {
  MPI_Send(nullptr, 0, MPI_BYTE, rank, static_cast<int>(tag), communicator);
}

MPI_Request expect(int rank, Tag tag, MPI_Comm communicator) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Irecv(nullptr, 0, MPI_BYTE, rank, static_cast<int>(tag), communicator, &request);
  return request;
}

bool arrived(MPI_Request* request) {
  int done = 0;
  MPI_Test(request, &done, MPI_STATUS_IGNORE);
  return done != 0;
}

}  // namespace

void wait_asleep(MPI_Request* request) {
  constexpr std::chrono::microseconds nap{100};
  while (!arrived(request)) std::this_thread::sleep_for(nap);
}

void barrier_asleep(MPI_Comm communicator) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(communicator, &request);
  wait_asleep(&request);
}

VictimWindow::VictimWindow(MPI_Comm control, MPI_Comm victims, int congestor_root)
    : control_(control), victims_(victims), congestor_root_(congestor_root) {
  int rank = 0;
  MPI_Comm_rank(victims_, &rank);
  speaks_ = rank == 0;
}

void VictimWindow::open() {
  if (speaks_) {
    enough_request_ = expect(congestor_root_, Tag::enough, control_);
    has_enough_ = false;
    MPI_Request request = expect(congestor_root_, Tag::running, control_);
    wait_asleep(&request);
  }
  barrier_asleep(victims_);
  if (speaks_) tell(congestor_root_, Tag::begin, control_);
}

bool VictimWindow::enough() {
  if (speaks_ && !has_enough_) has_enough_ = arrived(&enough_request_);
  return has_enough_;
}

void VictimWindow::close() {
  MPI_Barrier(victims_);
  if (!speaks_) return;
  tell(congestor_root_, Tag::end, control_);
  // The congestors say it at the latest when they stop.
  if (!has_enough_) wait_asleep(&enough_request_);
}

std::int64_t congest(MPI_Comm control, MPI_Comm congestors, int victim_root,
                     const std::function<void()>& round) {
  int rank = 0;
  MPI_Comm_rank(congestors, &rank);
  const bool decides = rank == 0;
  MPI_Request begin_request = MPI_REQUEST_NULL;
  MPI_Request end_request = MPI_REQUEST_NULL;
  if (decides) {
    begin_request = expect(victim_root, Tag::begin, control);
    end_request = expect(victim_root, Tag::end, control);
  }
  bool begun = false;
  bool told_running = false;
  bool told_enough = false;
  std::int64_t inside = 0;
  for (int go_on = 1;;) {
    MPI_Bcast(&go_on, 1, MPI_INT, 0, congestors);
    if (go_on == 0) break;
    round();
    if (!decides) continue;
    if (!told_running) {
      tell(victim_root, Tag::running, control);
      told_running = true;
    }
    // A round counts when the window was known to be open before it began and is not known to be closed after
    // it. The end always comes after the beginning.
    const bool was_open = begun;
    if (!begun) begun = arrived(&begin_request);
    if (begun && arrived(&end_request)) {
      go_on = 0;
    } else if (was_open) {
      ++inside;
    }
    if (!told_enough && (inside >= enough_rounds || go_on == 0)) {
      tell(victim_root, Tag::enough, control);
      told_enough = true;
    }
  }
  return inside;
}

}  // namespace assay::bench
