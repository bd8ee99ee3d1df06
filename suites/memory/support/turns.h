// The ranks of a node all at once, or one after the other.
#pragma once

#include "suites/harness/process_group.h"

namespace assay::bench {

/// How many ranks are on this rank's node.
int ranks_on_own_node(const ProcessGroup& group);

/// This rank's place among the ranks of its node, from 0.
int place_on_own_node(const ProcessGroup& group);

/// A barrier for long waits: between looks the rank sleeps (0.1 ms), so that it takes neither a core nor
/// memory bandwidth from those that work.
void sleeping_barrier(const ProcessGroup& group);

}  // namespace assay::bench
