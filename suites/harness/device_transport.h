// What moves the buffers of a case between ranks: the parameters `device` and `implementation` of benchmarks
// that communicate.
#pragma once

#include <mpi.h>

#include <map>
#include <string>
#include <vector>

#include "reports/record/catalogue.h"
#include "reports/record/record.h"
#include "suites/device/collectives.h"
#include "suites/device/device.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

enum class Carrier {
  host,      ///< MPI, buffers in the host's memory
  straight,  ///< MPI, from and to a GPU's memory by itself
  staged,    ///< MPI, after copies of ours from the GPU and before copies to it
  library,   ///< the GPU vendor's library of collectives
};

struct Transport {
  Carrier carrier = Carrier::host;
  device::Device* device = nullptr;  ///< null on the host
  std::string library;               ///< "nccl", "rccl"
  std::string buffers;               ///< where they are and how they get out of there; empty on the host
};

/// `implementation`: mpi (the default), `others`, nccl, rccl.
ParameterSpec implementation_parameter(const std::vector<std::string>& others, const std::string& meaning);

bool by_library(const Parameters& parameters);

/// Why `device` and `implementation` do not go together or not here, and what to do. Collective when it is a
/// GPU; may differ from rank to rank.
std::string transport_unsupported(const Parameters& parameters, const ProcessGroup& group,
                                  const device::CollectivesNeed& need);

/// What the parameters ask for. `host_computes`: the call runs code of ours on the buffers, so MPI gets them
/// in the host's memory in any case. Collective when it is a GPU. Throws Error(cannot_run).
Transport choose_transport(const Parameters& parameters, const ProcessGroup& group,
                           bool host_computes = false);

/// The ranks of a communicator meet; it outlives this. Null: this process alone.
device::Meeting meeting_of(MPI_Comm communicator);

/// Joins a record's path: {"buffers": ..., "library": ...}. Nothing on the host.
std::map<std::string, std::string> path_of(const Transport& transport,
                                           const device::Collectives* collectives);

}  // namespace assay::bench
