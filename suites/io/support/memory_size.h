// How much memory the nodes have: a file smaller than it may be answered from it.
#pragma once

#include <cstdint>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// Of all nodes of the group together, in bytes; 0: not known. Collective.
std::uint64_t ram_bytes_of_nodes(const ProcessGroup& group);

/// True on the lowest rank of each node.
bool first_on_node(const ProcessGroup& group);

}  // namespace assay::bench
