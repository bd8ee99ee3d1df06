// Which ranks sit where. Nodes are told apart by what the launcher calls them.
#pragma once

#include <string>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// The node of each rank, by rank.
std::vector<std::string> node_of_each_rank(const ProcessGroup& group);

/// All ranks, those of one node in a row (in rank order), nodes in the order of their first ranks. So
/// neighbours share a node as far as possible, however the launcher dealt the ranks out.
std::vector<int> ranks_by_node(const std::vector<std::string>& nodes);

/// "shared memory" when the ranks are all on one node, else "network (not identified)": which NIC carried it
/// is not known here.
std::string transport(const std::vector<std::string>& nodes, const std::vector<int>& ranks);

/// The most of these ranks that share a node.
int most_on_a_node(const std::vector<std::string>& nodes, const std::vector<int>& ranks);

}  // namespace assay::bench
