// One OpenMP thread per core, for cases where it matters on which core a thread runs: memory that is touched
// first by the thread that uses it, and figures of single cores.
#pragma once

#include <sched.h>

#include <string>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// Binds the threads of this rank's OpenMP team while it lives; their former masks are put back afterwards.
/// Ranks of one node that may use the same CPUs divide them. Threads that OpenMP has bound itself
/// (OMP_PROC_BIND) stay where they are, and so do more threads than there are CPUs.
class ThreadBinding {
 public:
  /// Collective: the ranks tell each other which CPUs they may use. Throws nothing that other ranks wait for.
  ThreadBinding(const ProcessGroup& group, int threads);
  ~ThreadBinding();
  ThreadBinding(const ThreadBinding&) = delete;
  ThreadBinding& operator=(const ThreadBinding&) = delete;

  /// The CPU of each thread: where it is bound, else where it was seen.
  const std::vector<int>& cpus() const { return cpus_; }
  /// "one thread per core: 0-63", "by OpenMP (OMP_PROC_BIND)", "unbound: 4 threads on 2 processors".
  const std::string& how() const { return how_; }

 private:
  struct Saved {
    int thread_id = 0;
    std::vector<unsigned char> mask;
  };
  std::vector<int> cpus_;
  std::vector<Saved> saved_;
  std::string how_;
};

}  // namespace assay::bench
