#include "runners/launch/srun_launcher.h"

#include <algorithm>
#include <cstdlib>

#include "reports/base/error.h"
#include "reports/base/names.h"

namespace assay {
namespace {

class SrunLauncher final : public Launcher {
 public:
  SrunLauncher(const Site& site, SlurmFacts facts) : site_(site), facts_(std::move(facts)) {}

  std::string name() const override { return "srun"; }

  void check() const override {
    if (find_program(site_.launcher_program).empty()) {
      throw Error(ExitStatus::cannot_run,
                  "'" + site_.launcher_program + "' is not to be found (it starts the ranks of each launch)",
                  "run where Slurm's commands are, or correct 'program' under [launcher] in the site file");
    }
    if (std::getenv("SLURM_JOB_ID") == nullptr) {
      throw Error(ExitStatus::cannot_run,
                  "srun launches inside a Slurm allocation, and here is none (SLURM_JOB_ID is not set)",
                  "start it inside one: salloc --nodes=" +
                      std::to_string(std::max<std::size_t>(1, site_.hosts.size())) +
                      " --exclusive assay run ...");
    }
    if (own_mpi_type()) return;
    if (facts_.mpi_types.empty()) {
      throw Error(ExitStatus::cannot_run,
                  "'" + site_.launcher_program + " --mpi=list' names no way to start MPI",
                  "look at what it says, or name the way in the site file: [launcher] arguments = "
                  "[\"--mpi=pmi2\"]");
    }
    if (choose_mpi_type(facts_.mpi_types, false).empty()) {
      throw Error(ExitStatus::cannot_run,
                  "this Slurm has neither PMI-2 nor PMIx, but " + join(facts_.mpi_types, ", "),
                  "name the one that your MPI library knows in the site file: [launcher] arguments = "
                  "[\"--mpi=...\"]");
    }
  }

  Arguments command(const GroupToLaunch& group, const Arguments& worker) const override {
    const std::size_t nodes = group.nodes.size();
    const int ranks = group.ranks_per_node;
    Arguments all = {site_.launcher_program,
                     "--nodes=" + std::to_string(nodes),
                     "--ntasks=" + std::to_string(nodes * static_cast<std::size_t>(ranks)),
                     "--ntasks-per-node=" + std::to_string(ranks),
                     "--nodelist=" + join(group.nodes, ","),
                     "--distribution=block",
                     "--kill-on-bad-exit=1"};
    // A shell that is a job step itself holds its node: without this, a step on it would wait for ever. From
    // outside of one it is better not said: then no step begins beside one that has not quite ended.
    if (facts_.inside_step) all.emplace_back("--overlap");
    if (!own_mpi_type()) all.push_back("--mpi=" + mpi_type(worker));
    // Hardware threads are CPUs to Slurm: an equal share of them is whole cores for each rank.
    const int own = facts_.cpus_per_node / ranks;
    if (!site_.bind) {
      all.emplace_back("--cpu-bind=none");
    } else if (ranks > 1 && own >= std::max(1, group.threads_per_rank)) {
      all.insert(all.end(), {"--cpus-per-task=" + std::to_string(own), "--cpu-bind=cores"});
    }
    std::string variables = "--export=ALL,ASSAY_NODE_FROM=SLURMD_NODENAME";
    if (group.threads_per_rank > 0) variables += ",OMP_NUM_THREADS=" + std::to_string(group.threads_per_rank);
    all.push_back(std::move(variables));
    // The site's come last: srun heeds the last of equal options.
    all.insert(all.end(), site_.launcher_arguments.begin(), site_.launcher_arguments.end());
    all.insert(all.end(), worker.begin(), worker.end());
    return all;
  }

  std::string cause(const std::string&, const std::string& standard_error) const override {
    return cause_in_srun_words(standard_error);
  }

 private:
  bool own_mpi_type() const {
    return std::any_of(site_.launcher_arguments.begin(), site_.launcher_arguments.end(),
                       [](const std::string& one) { return one.starts_with("--mpi"); });
  }

  /// The same worker starts again and again: its library is looked up once.
  const std::string& mpi_type(const Arguments& worker) const {
    if (mpi_type_.empty()) mpi_type_ = choose_mpi_type(facts_.mpi_types, links_open_mpi(worker.front()));
    return mpi_type_;
  }

  Site site_;
  SlurmFacts facts_;
  mutable std::string mpi_type_;
};

}  // namespace

std::unique_ptr<Launcher> make_srun_launcher(const Site& site, SlurmFacts facts) {
  return std::make_unique<SrunLauncher>(site, std::move(facts));
}

}  // namespace assay
