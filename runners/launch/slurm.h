// What Slurm tells of itself and of the allocation that this process runs in, and what its srun says when a
// group ends badly. Readers of its texts are pure; what asks Slurm is at the end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/base/error.h"
#include "runners/launch/site.h"

namespace assay {

/// Facts about Slurm that the commands depend on.
struct SlurmFacts {
  /// As srun's option --mpi names them: "pmi2", "pmix", ...; empty: srun could not be asked.
  std::vector<std::string> mpi_types;
  int cpus_per_node = 0;     ///< of this job, the least of all its nodes; 0: unknown, no binding
  bool inside_step = false;  ///< this process holds a job step itself, whose resources its own steps share
};

/// The nodes of a list as Slurm writes it: "n[1-4,07],m003", several brackets in a name too.
/// Throws Error(bad_input) for what is no such list, or more than a million nodes.
std::vector<std::string> expand_hostlist(std::string_view text, const Location& where = {});

/// The types of `srun --mpi=list`, in its order, with the named versions of a type after it. Older versions
/// write to stderr with "srun: " before each line, so both streams are one text here.
std::vector<std::string> parse_mpi_types(std::string_view text);

/// The least number of SLURM_JOB_CPUS_PER_NODE, "72(x2),36"; 0 for what is not one.
int least_cpus_per_node(std::string_view text);

/// The type for this worker: by the MPI library that the program is linked with (Open MPI knows PMIx, MPICH
/// and its relatives PMI-2), as far as srun has it. Without types, as if it had all. Empty: nothing fits.
std::string choose_mpi_type(const std::vector<std::string>& types, bool open_mpi);

/// The program is linked with Open MPI's library. False for what cannot be read.
bool links_open_mpi(const std::string& program);

/// "SIGSEGV of task 1 on n2", "a failure of node n3", "Slurm's time limit", "cancellation (scancel)"; empty
/// where srun's words name no cause, or only an exit code.
std::string cause_in_srun_words(std::string_view standard_error);

/// In a Slurm allocation with srun at hand, and with no site given, srun becomes the launcher. Whenever it
/// is, hosts that are not listed are the allocation's. Returns what is to be told, empty when nothing was
/// changed. Throws Error(cannot_run) without an allocation to take hosts from, Error(bad_input) for a host
/// that is not in it.
std::string adapt_to_allocation(Site& site, bool site_given);

/// Asks srun and the environment.
SlurmFacts slurm_facts(const Site& site);

}  // namespace assay
