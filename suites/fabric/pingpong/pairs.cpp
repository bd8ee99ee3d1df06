#include "suites/fabric/pingpong/pairs.h"

#include <algorithm>

#include "suites/fabric/support/placement.h"

namespace assay::bench {

RankPair farthest_pair(const std::vector<std::string>& nodes) {
  const int last = static_cast<int>(nodes.size()) - 1;
  for (int rank = last; rank > 0; --rank) {
    if (nodes[static_cast<std::size_t>(rank)] != nodes[0]) return {0, rank};
  }
  return {0, last};
}

std::vector<RankPair> half_to_half(const std::vector<std::string>& nodes, int wanted) {
  const std::vector<int> order = ranks_by_node(nodes);
  const std::size_t half = order.size() / 2;
  std::vector<RankPair> pairs;
  for (std::size_t i = 0; i < half; ++i) pairs.push_back({order[i], order[i + half]});
  if (wanted > 0 && static_cast<std::size_t>(wanted) < half) pairs.resize(static_cast<std::size_t>(wanted));
  return pairs;
}

int across_nodes(const std::vector<RankPair>& pairs, const std::vector<std::string>& nodes) {
  return static_cast<int>(std::count_if(pairs.begin(), pairs.end(), [&](const RankPair& pair) {
    return nodes[static_cast<std::size_t>(pair.first)] != nodes[static_cast<std::size_t>(pair.second)];
  }));
}

int most_talkers_on_a_node(const std::vector<RankPair>& pairs, const std::vector<std::string>& nodes) {
  std::vector<int> ranks;
  for (const RankPair& pair : pairs) {
    ranks.push_back(pair.first);
    ranks.push_back(pair.second);
  }
  return most_on_a_node(nodes, ranks);
}

int window_messages(int window, std::size_t bytes, int buffers) {
  constexpr std::size_t memory_per_rank = std::size_t{256} << 20;
  const std::size_t each = std::max<std::size_t>(1, bytes) * static_cast<std::size_t>(buffers);
  return static_cast<int>(
      std::clamp<std::size_t>(memory_per_rank / each, 1, static_cast<std::size_t>(window)));
}

}  // namespace assay::bench
