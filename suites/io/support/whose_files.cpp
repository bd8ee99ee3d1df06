#include "suites/io/support/whose_files.h"

#include <algorithm>
#include <map>

namespace assay::bench {
namespace {

std::size_t ranks_that_leave(const std::vector<std::string>& nodes, std::size_t shift) {
  std::size_t count = 0;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    if (nodes[rank] != nodes[(rank + shift) % nodes.size()]) ++count;
  }
  return count;
}

std::size_t most_on_a_node(const std::vector<std::string>& nodes) {
  std::map<std::string, std::size_t> count;
  std::size_t most = 0;
  for (const std::string& node : nodes) most = std::max(most, ++count[node]);
  return most;
}

std::size_t best_shift(const std::vector<std::string>& nodes) {
  std::size_t best = most_on_a_node(nodes);
  std::size_t most = ranks_that_leave(nodes, best);
  for (std::size_t shift = 1; shift < nodes.size() && most < nodes.size(); ++shift) {
    const std::size_t count = ranks_that_leave(nodes, shift);
    if (count > most) {
      most = count;
      best = shift;
    }
  }
  return best;
}

}  // namespace

int whose_files(const std::vector<std::string>& nodes, int rank, bool shared) {
  const auto own = static_cast<std::size_t>(rank);
  const std::size_t count = nodes.size();
  if (shared && most_on_a_node(nodes) < count) return static_cast<int>((own + best_shift(nodes)) % count);
  std::size_t next = (own + 1) % count;
  while (nodes[next] != nodes[own]) next = (next + 1) % count;
  return static_cast<int>(next);
}

bool all_from_another_node(const std::vector<std::string>& nodes, bool shared) {
  return shared && ranks_that_leave(nodes, best_shift(nodes)) == nodes.size();
}

std::vector<std::string> nodes_of(const ProcessGroup& group) {
  std::vector<std::string> nodes;
  for (int rank = 0; rank < group.size(); ++rank) nodes.push_back(group.node_of(rank));
  return nodes;
}

}  // namespace assay::bench
