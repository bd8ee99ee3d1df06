#include "suites/harness/thread_binding.h"

#include <omp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <set>

#include "suites/device/host/cpu.h"
#include "suites/harness/agreement.h"
#include "suites/harness/cores.h"
#include "suites/harness/processors.h"

namespace assay::bench {

namespace {

constexpr int most_cpus = 1 << 16;  // CPU_SETSIZE (1024) is exceeded by the largest nodes

/// Which of the ranks that share this rank's node and CPUs it is, and how many they are.
struct Share {
  int part = 0;
  int parts = 1;
};

Share share_of(const ProcessGroup& group, const std::vector<int>& usable) {
  const std::string own =
      group.node_of(group.rank()) + " " + format_cpu_list(std::set<int>(usable.begin(), usable.end()));
  const std::vector<std::string> places = group.gather(own, 0);
  std::vector<Share> shares(static_cast<std::size_t>(group.size()));
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    shares[rank].part = static_cast<int>(
        std::count(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(rank), places[rank]));
    shares[rank].parts = static_cast<int>(std::count(places.begin(), places.end(), places[rank]));
  }
  group.broadcast(shares.data(), shares.size() * sizeof(Share), 0);
  return shares[static_cast<std::size_t>(group.rank())];
}

bool bind(int thread_id, int cpu) {
  cpu_set_t* mask = CPU_ALLOC(most_cpus);
  if (mask == nullptr) return false;
  const std::size_t bytes = CPU_ALLOC_SIZE(most_cpus);
  CPU_ZERO_S(bytes, mask);
  CPU_SET_S(static_cast<std::size_t>(cpu), bytes, mask);
  const bool bound = sched_setaffinity(thread_id, bytes, mask) == 0;
  CPU_FREE(mask);
  return bound;
}

}  // namespace

ThreadBinding::ThreadBinding(const ProcessGroup& group, int threads) {
  const std::vector<int> usable = device::usable_processors();
  const Share share = share_of(group, usable);
  const auto count = static_cast<std::size_t>(std::max(1, threads));
  cpus_.assign(count, 0);
  saved_.resize(count);
  const bool by_openmp = omp_get_proc_bind() != omp_proc_bind_false;
  const std::vector<int> wanted =
      by_openmp ? std::vector<int>{} : choose_cpus(cores_of(usable), threads, share.part, share.parts);
  // All threads exist before the first is bound: a thread inherits the mask of the one that makes it.
  bool all_bound = !wanted.empty();
#pragma omp parallel num_threads(threads) reduction(&& : all_bound)
  {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    Saved& saved = saved_[thread];
    saved.thread_id = static_cast<int>(syscall(SYS_gettid));
    saved.mask.resize(CPU_ALLOC_SIZE(most_cpus));
    if (sched_getaffinity(0, saved.mask.size(), reinterpret_cast<cpu_set_t*>(saved.mask.data())) != 0)
      saved.mask.clear();
#pragma omp barrier
    if (!wanted.empty()) all_bound = !saved.mask.empty() && bind(saved.thread_id, wanted[thread]);
    cpus_[thread] = sched_getcpu();
  }
  if (all_bound) {
    cpus_ = wanted;
    how_ = "one thread per core: " + format_cpu_list(std::set<int>(wanted.begin(), wanted.end()));
  } else if (by_openmp) {
    how_ = "by OpenMP (OMP_PROC_BIND)";
  } else if (wanted.empty()) {
    how_ = "unbound: " + std::to_string(threads) + (threads == 1 ? " thread" : " threads") +
           " on this rank, " + std::to_string(share.parts) + (share.parts == 1 ? " rank" : " ranks") +
           " on " + std::to_string(usable.size()) + (usable.size() == 1 ? " processor" : " processors");
  } else {
    how_ = "unbound: the system refused to bind threads";
  }
}

ThreadBinding::~ThreadBinding() {
  for (const Saved& saved : saved_) {
    if (saved.mask.empty()) continue;
    // A thread that has ended meanwhile has no mask to put back.
    sched_setaffinity(saved.thread_id, saved.mask.size(),
                      reinterpret_cast<const cpu_set_t*>(saved.mask.data()));
  }
}

}  // namespace assay::bench
