#include "runners/launch/launcher.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>
#include <set>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "runners/launch/srun_launcher.h"

namespace assay {
namespace {

/// MPICH's mpiexec (Hydra).
class HydraLauncher final : public Launcher {
 public:
  HydraLauncher(const Site& site, int cores) : site_(site), cores_(cores) {}

  std::string name() const override { return "mpiexec"; }

  void check() const override {
    if (find_program(site_.launcher_program).empty()) {
      throw Error(
          ExitStatus::cannot_run,
          "'" + site_.launcher_program + "' is not to be found (it starts the ranks of each launch)",
          site_.launcher_program == "mpiexec"
              ? "install MPICH (Debian: apt install mpich), or name its mpiexec in the site file: [launcher] "
                "program = \"/path/to/mpiexec\""
              : "correct 'program' under [launcher] in the site file");
    }
  }

  Arguments command(const GroupToLaunch& group, const Arguments& worker) const override {
    Arguments all = {site_.launcher_program};
    all.insert(all.end(), site_.launcher_arguments.begin(), site_.launcher_arguments.end());
    const std::string ranks = std::to_string(group.ranks_per_node);
    if (!group.local) {
      // Ranks go to the hosts in order, `ppn` on each: the sections below meet their own host.
      all.insert(all.end(), {"-hosts", join(group.nodes, ","), "-ppn", ranks});
    }
    if (site_.bind && group.ranks_per_node > 1 && cores_ >= group.ranks_per_node) {
      const int own =
          std::max(1, group.threads_per_rank > 0 ? group.threads_per_rank : cores_ / group.ranks_per_node);
      if (own * group.ranks_per_node <= cores_)
        all.insert(all.end(), {"-bind-to", "core:" + std::to_string(own)});
    }
    for (std::size_t i = 0; i < group.nodes.size(); ++i) {
      if (i > 0) all.emplace_back(":");
      all.insert(all.end(), {"-n", ranks, "-env", "ASSAY_NODE", group.nodes[i]});
      if (group.threads_per_rank > 0) {
        all.insert(all.end(), {"-env", "OMP_NUM_THREADS", std::to_string(group.threads_per_rank)});
      }
      all.insert(all.end(), worker.begin(), worker.end());
    }
    return all;
  }

  std::string cause(const std::string& standard_output, const std::string& standard_error) const override {
    // "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Segmentation fault (signal 11)"
    for (const std::string* text : {&standard_output, &standard_error}) {
      const std::size_t said = text->rfind("TERMINATED WITH THE EXIT STRING");
      if (said == std::string::npos) continue;
      const std::string_view line = std::string_view(*text).substr(said, text->find('\n', said) - said);
      const std::size_t open = line.rfind("(signal ");
      if (open == std::string_view::npos) continue;
      int number = 0;
      const char* begin = line.data() + open + 8;
      if (std::from_chars(begin, line.data() + line.size(), number).ec == std::errc())
        return signal_name(number);
    }
    return {};
  }

 private:
  Site site_;
  int cores_;
};

}  // namespace

std::string hydra_program() {
  std::error_code error;
  const auto plain = std::filesystem::canonical(find_program("mpiexec"), error);
  const bool is_hydra = !error && plain.filename().string().find("hydra") != std::string::npos;
  return is_hydra || find_program("mpiexec.hydra").empty() ? "mpiexec" : "mpiexec.hydra";
}

int usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
  std::set<std::string> cores;
  int threads = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    ++threads;
    std::ifstream siblings("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                           "/topology/thread_siblings_list");
    std::string line;
    if (std::getline(siblings, line)) cores.insert(line);
  }
  return cores.empty() ? threads : static_cast<int>(cores.size());
}

std::unique_ptr<Launcher> make_launcher(const Site& site, int cores) {
  if (site.launcher == "srun") return make_srun_launcher(site, slurm_facts(site));
  return std::make_unique<HydraLauncher>(site, cores);  // parse_site has refused every other kind
}

}  // namespace assay
