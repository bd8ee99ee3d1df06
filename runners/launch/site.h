// What does not travel with a plan: "assay.site/1", read from TOML.
//
//   schema = "assay.site/1"
//   name = "example-cluster"             # the system, as the register of campaigns knows it
//   worker = "/opt/assay/bin/assay-bench"
//   hosts = ["n001", "n002"]             # default: this machine alone; with srun, the allocation
//   [launcher]
//   kind = "mpiexec"                     # MPICH's (Hydra), or "srun" inside a Slurm allocation
//   program = "/usr/bin/mpiexec"
//   arguments = ["-iface", "ib0"]
//   bind = false                         # default true: each rank on cores of its own, where there are
//   [environment]                        # added to what assay inherits
//   UCX_TLS = "rc"
//   [storage]                            # folders that storage is measured in, by the name that cases use
//   scratch = "/lustre/scratch/assay"    # default: a folder in the campaign's
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runners/launch/process.h"

namespace assay {

struct Site {
  std::string name;                  ///< empty: the host name
  std::string worker;                ///< empty: beside assay, then PATH
  std::vector<std::string> hosts;    ///< empty: this machine alone; with srun the allocation's
  std::string launcher = "mpiexec";  ///< kind
  std::string launcher_program = "mpiexec";
  Arguments launcher_arguments;
  bool bind = true;
  Environment environment;
  std::map<std::string, std::string> storage;  ///< absolute paths
};

/// Throws Error(bad_input): syntax, unknown keys or launchers, a host twice, a variable that cannot be one.
Site parse_site(std::string_view toml, const std::string& file);

}  // namespace assay
