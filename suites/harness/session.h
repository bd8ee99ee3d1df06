// What `assay-bench` does once it knows what was asked: start MPI when a launcher started us, run cases by
// hand or from a request, print for people, write records.
#pragma once

#include <string>
#include <vector>

#include "suites/harness/command_line.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// MPI for as long as this lives: initialised only when a launcher's variables (PMI, PMIx, Open MPI, Slurm)
/// are in the environment, so that a run by hand needs no MPI runtime at all. A barrier is the first thing
/// that the ranks do, and the group remembers when (ProcessGroup::beginning).
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  ProcessGroup& group() { return group_; }

 private:
  bool started_ = false;
  ProcessGroup group_;
};

/// True in a process that a parallel launcher started.
bool launched_in_parallel();

/// The rank that the launcher's environment tells, for messages before MPI runs; 0 when it tells none.
int rank_from_environment();

/// Seconds since a process started, from the line of its /proc/PID/stat and the time since boot; 0 where it
/// cannot be told. The start is in whole ticks, usually hundredths of a second.
double process_age_s(const std::string& stat, double uptime_s, double ticks_per_s);

/// The node's identity, as the runner's launcher tells it: what the variable holds that ASSAY_NODE_FROM names
/// (for launchers that give all ranks one environment and name the node in it themselves), else ASSAY_NODE,
/// else the host name.
std::string node_name();

/// Collective; the exit code of the process, the same on every rank.
int run_by_hand(ProcessGroup& group, const CommandLine& line);
int run_request(ProcessGroup& group, const CommandLine& line);

}  // namespace assay::bench
