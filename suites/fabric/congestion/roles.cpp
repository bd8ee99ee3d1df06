#include "suites/fabric/congestion/roles.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "suites/fabric/support/payload.h"
#include "suites/fabric/support/placement.h"

namespace assay::bench {

CongestionRoles deal_roles(const std::vector<std::string>& nodes, double share) {
  constexpr std::size_t fewest_nodes = 4;  // below, whole nodes cannot be two of each
  constexpr std::int64_t fewest = 2;
  CongestionRoles roles;
  roles.whole_nodes = std::set<std::string>(nodes.begin(), nodes.end()).size() >= fewest_nodes;
  // What is dealt out: nodes, or single ranks.
  std::vector<std::vector<int>> units;
  const std::string* before = nullptr;
  for (const int rank : ranks_by_node(nodes)) {
    const std::string& node = nodes[static_cast<std::size_t>(rank)];
    if (!roles.whole_nodes || before == nullptr || *before != node) units.emplace_back();
    units.back().push_back(rank);
    before = &node;
  }
  const auto count = static_cast<std::int64_t>(units.size());
  const std::int64_t victims = std::clamp(
      static_cast<std::int64_t>(std::llround(share * static_cast<double>(count))), fewest, count - fewest);
  for (std::int64_t unit = 0; unit < count; ++unit) {
    // As evenly as whole numbers allow: a victim wherever the share of the units so far reaches the next one.
    const bool victim = (unit + 1) * victims / count > unit * victims / count;
    auto& ranks = victim ? roles.victims : roles.congestors;
    const auto& dealt = units[static_cast<std::size_t>(unit)];
    ranks.insert(ranks.end(), dealt.begin(), dealt.end());
  }
  return roles;
}

std::vector<int> ring_of_pass(int size, std::uint64_t seed, std::int64_t number) {
  std::vector<int> ring(static_cast<std::size_t>(size));
  std::iota(ring.begin(), ring.end(), 0);
  std::uint64_t state = scrambled(scrambled(seed) + static_cast<std::uint64_t>(number));
  for (std::size_t left = ring.size(); left > 1; --left) {
    state = scrambled(state + left);
    std::swap(ring[left - 1], ring[state % left]);
  }
  return ring;
}

RingNeighbours neighbours(const std::vector<int>& ring, int member) {
  const auto at = static_cast<std::size_t>(std::find(ring.begin(), ring.end(), member) - ring.begin());
  return {ring[(at + ring.size() - 1) % ring.size()], ring[(at + 1) % ring.size()]};
}

}  // namespace assay::bench
