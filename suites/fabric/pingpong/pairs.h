// Who talks with whom, and with how many buffers. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace assay::bench {

struct RankPair {
  int first = 0;   ///< begins
  int second = 0;  ///< answers
  friend bool operator==(const RankPair&, const RankPair&) = default;
};

/// Rank 0 and the last rank that is on another node; on one node simply the last rank. `nodes` names each
/// rank's node; at least two ranks.
RankPair farthest_pair(const std::vector<std::string>& nodes);

/// Disjoint pairs: with the ranks in the order of their nodes, rank i of the first half and rank i of the
/// second (as OSU's multiple-bandwidth test has it), so that with several equal nodes every pair is across
/// nodes. An odd one stays out. The first `wanted` of them; 0: all.
std::vector<RankPair> half_to_half(const std::vector<std::string>& nodes, int wanted);

/// Pairs whose ranks are on different nodes.
int across_nodes(const std::vector<RankPair>& pairs, const std::vector<std::string>& nodes);

/// The most ranks of these pairs that share a node.
int most_talkers_on_a_node(const std::vector<RankPair>& pairs, const std::vector<std::string>& nodes);

/// Messages of a window that have buffers of their own within 256 MiB a rank; at least 1, at most `window`.
/// `buffers`: per message and rank (2 when a rank sends and receives).
int window_messages(int window, std::size_t bytes, int buffers);

}  // namespace assay::bench
