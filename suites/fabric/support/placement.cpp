#include "suites/fabric/support/placement.h"

#include <algorithm>
#include <map>

namespace assay::bench {

std::vector<std::string> node_of_each_rank(const ProcessGroup& group) {
  std::vector<std::string> nodes;
  for (int rank = 0; rank < group.size(); ++rank) nodes.push_back(group.node_of(rank));
  return nodes;
}

std::vector<int> ranks_by_node(const std::vector<std::string>& nodes) {
  std::map<std::string, std::size_t> place;
  std::vector<std::vector<int>> ranks;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const auto [found, is_new] = place.emplace(nodes[rank], ranks.size());
    if (is_new) ranks.emplace_back();
    ranks[found->second].push_back(static_cast<int>(rank));
  }
  std::vector<int> order;
  for (const auto& node : ranks) order.insert(order.end(), node.begin(), node.end());
  return order;
}

std::string transport(const std::vector<std::string>& nodes, const std::vector<int>& ranks) {
  return most_on_a_node(nodes, ranks) == static_cast<int>(ranks.size()) ? "shared memory"
                                                                        : "network (not identified)";
}

int most_on_a_node(const std::vector<std::string>& nodes, const std::vector<int>& ranks) {
  std::map<std::string, int> count;
  int most = 0;
  for (const int rank : ranks) most = std::max(most, ++count[nodes[static_cast<std::size_t>(rank)]]);
  return most;
}

}  // namespace assay::bench
