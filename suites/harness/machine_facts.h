// What this machine is: facts of every node, libraries with the kernels they chose, and what limits them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// Bytes of the last-level caches of this node together (a node of two sockets has two or more); 0: not
/// known.
std::uint64_t last_level_cache_bytes();

/// Format "assay.machine/1" on rank 0, empty elsewhere:
///   {"schema","assay_version","created","nodes":[{"node","facts":{name: number, text, truth or null}}],
///    "mpi":{...},"libraries":{...},"environment":{...},"warnings":[...]}
/// One entry per node, in order of rank. Every rank calls it: the FMA ceilings (peak_f32_flop_per_s, ...) are
/// measured on all ranks at once, each with its share of the node's processors, and added up per node.
/// Libraries, build and environment are those of rank 0; a node that differs from it is warned about.
std::string machine_json(const ProcessGroup& group);

/// The variables of this process that performance libraries obey (OPENBLAS_*, OMP_*, ONEDNN_*, DNNL_*,
/// MPICH_*, NCCL_*, UCX_*), and nothing else: an environment holds secrets.
std::map<std::string, std::string> allowed_environment();

/// A sentence for each variable that can keep a library below what the machine does.
std::vector<std::string> environment_warnings(const std::map<std::string, std::string>& environment,
                                              int usable_processors);

}  // namespace assay::bench
