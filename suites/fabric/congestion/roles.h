// Who is a victim and who makes the congestion. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

struct CongestionRoles {
  std::vector<int> victims;     ///< ranks; at least two
  std::vector<int> congestors;  ///< ranks; at least two
  bool whole_nodes = false;     ///< all ranks of a node have one role
};

/// Deals `share` of the nodes (with fewer than four nodes: of the ranks, in the order of their nodes) out as
/// victims, evenly interleaved with the congestors, so that both groups' routes cross everywhere; at least
/// two of each. `nodes` names each rank's node; at least four ranks.
CongestionRoles deal_roles(const std::vector<std::string>& nodes, double share);

/// The numbers 0 to size - 1 in an order that depends on seed and number only: the ring of one pass.
std::vector<int> ring_of_pass(int size, std::uint64_t seed, std::int64_t number);

/// Neighbours of `member` in a ring.
struct RingNeighbours {
  int left = 0;
  int right = 0;
};
RingNeighbours neighbours(const std::vector<int>& ring, int member);

}  // namespace assay::bench
