#include "suites/harness/shared_window.h"

#include <sched.h>
#include <sys/statvfs.h>

#include <atomic>
#include <string>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "reports/base/error.h"

namespace assay::bench {

namespace {

constexpr std::size_t line_bytes = 64;
/// Looks at a flag before the core is given away: a few microseconds.
constexpr int patience = 4000;

using Flag = std::atomic_ref<std::uint64_t>;
static_assert(Flag::is_always_lock_free, "flags in shared memory must not need a lock of one process");

void wait_for(std::uint64_t& flag, std::uint64_t value) {
  for (int look = 0; Flag(flag).load(std::memory_order_acquire) < value; ++look) {
    if (look >= patience) {
      sched_yield();
      continue;
    }
#if defined(__SSE2__)
    _mm_pause();
#endif
  }
}

}  // namespace

SharedWindow::SharedWindow(const ProcessGroup& group, std::size_t own_bytes)
    : rank_(group.rank()), ranks_(group.size()) {
  while ((1 << rounds_) < ranks_) ++rounds_;
  flag_bytes_ = line_bytes * static_cast<std::size_t>(rounds_ > 0 ? rounds_ : 1);
  MPI_Comm_split_type(group.communicator(), MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &communicator_);
  int sharing = 0;
  MPI_Comm_size(communicator_, &sharing);
  bool usable = sharing == ranks_;
  if (!group.any(!usable)) {
    MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN);
    MPI_Info info = MPI_INFO_NULL;
    MPI_Info_create(&info);
    MPI_Info_set(info, "alloc_shared_noncontig", "true");  // each part on pages of its own
    void* own = nullptr;
    const auto bytes = static_cast<MPI_Aint>(flag_bytes_ + own_bytes + line_bytes);
    usable = MPI_Win_allocate_shared(bytes, 1, info, communicator_, &own, &window_) == MPI_SUCCESS;
    MPI_Info_free(&info);
    usable = !group.any(!usable);
    int* model = nullptr;
    int known = 0;
    if (usable) MPI_Win_get_attr(window_, MPI_WIN_MODEL, static_cast<void*>(&model), &known);
    // Loads and stores are ordered by atomics below; that needs memory in one copy.
    if (usable) usable = known != 0 && *model == MPI_WIN_UNIFIED;
  }
  if (group.any(!usable)) {
    if (window_ != MPI_WIN_NULL) MPI_Win_free(&window_);
    MPI_Comm_free(&communicator_);
    throw Error(ExitStatus::cannot_run,
                "the ranks cannot share a window (" + std::to_string(own_bytes) + " bytes of this rank)",
                "start them on one node with enough shared memory, or use implementation=mpi");
  }
  MPI_Win_lock_all(MPI_MODE_NOCHECK, window_);
  for (int rank = 0; rank < ranks_; ++rank) {
    MPI_Aint bytes = 0;
    int unit = 0;
    void* part = nullptr;
    MPI_Win_shared_query(window_, rank, &bytes, &unit, &part);
    const auto begin = reinterpret_cast<std::uintptr_t>(part);
    parts_.push_back(reinterpret_cast<std::byte*>((begin + line_bytes - 1) / line_bytes * line_bytes));
  }
  for (int round = 0; round < rounds_; ++round) Flag(flag(rank_, round)).store(0);
  MPI_Win_sync(window_);
  group.barrier();
  MPI_Win_sync(window_);
}

SharedWindow::~SharedWindow() {
  MPI_Win_unlock_all(window_);
  MPI_Win_free(&window_);
  MPI_Comm_free(&communicator_);
}

std::uint64_t& SharedWindow::flag(int rank, int round) const {
  std::byte* lines = parts_[static_cast<std::size_t>(rank)];
  return *reinterpret_cast<std::uint64_t*>(lines + line_bytes * static_cast<std::size_t>(round));
}

void SharedWindow::barrier() {
  ++passed_;
  for (int round = 0; round < rounds_; ++round) {
    Flag(flag((rank_ + (1 << round)) % ranks_, round)).store(passed_, std::memory_order_release);
    wait_for(flag(rank_, round), passed_);
  }
}

std::uint64_t free_shared_memory_bytes() {
  struct statvfs facts {};
  if (statvfs("/dev/shm", &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

}  // namespace assay::bench
