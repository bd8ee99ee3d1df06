// Ranks examine files that another one made, so that a node's own cache does not answer for the storage.
#pragma once

#include <string>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// The rank whose files `rank` reads, when rank r is on nodes[r]. Every rank's files are read by exactly one
/// rank. `shared`: all nodes see the same files. Then it is rank + s (modulo the number of ranks) with the
/// first s of "ranks per node", 1, 2, ... that takes the most ranks to another node. Otherwise, and with one
/// node, it is the next rank on the same node.
int whose_files(const std::vector<std::string>& nodes, int rank, bool shared);

/// Whether every rank reads what another node wrote.
bool all_from_another_node(const std::vector<std::string>& nodes, bool shared);

std::vector<std::string> nodes_of(const ProcessGroup& group);

}  // namespace assay::bench
