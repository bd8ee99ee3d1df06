// From a process group to the command that starts it. One class per launcher; a new one (sbatch, a site's
// template) implements Launcher and joins make_launcher.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runners/launch/process.h"
#include "runners/launch/site.h"

namespace assay {

/// Ranks that start together: `ranks_per_node` on each of `nodes`, in that order.
struct GroupToLaunch {
  std::vector<std::string> nodes;
  int ranks_per_node = 1;
  int threads_per_rank = 0;  ///< 0: left to the worker
  bool local = true;         ///< all on this machine: no -hosts
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual std::string name() const = 0;
  /// Throws Error(cannot_run) with what to install when it cannot be used here.
  virtual void check() const = 0;
  /// The whole command. Each rank finds its node's name in ASSAY_NODE, or in the variable that
  /// ASSAY_NODE_FROM names.
  virtual Arguments command(const GroupToLaunch& group, const Arguments& worker) const = 0;
  /// Why the group ended badly, as far as the launcher's own output tells: "SIGSEGV"; empty when it does not
  /// say.
  virtual std::string cause(const std::string& standard_output, const std::string& standard_error) const = 0;
};

/// MPICH's mpiexec (Hydra) by the name that reaches it: "mpiexec", or "mpiexec.hydra" where the plain name
/// belongs to another MPI library.
std::string hydra_program();

/// Cores of this machine that this process may use: physical ones, hardware threads counted once.
int usable_cores();

/// `cores`: of a node, for binding; 0: unknown, no binding. srun is asked what it can do, and what its
/// allocation has.
std::unique_ptr<Launcher> make_launcher(const Site& site, int cores);

}  // namespace assay
