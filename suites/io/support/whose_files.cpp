#include "suites/io/support/whose_files.h"

#include <algorithm>

namespace assay::bench {
namespace {

int ranks_that_leave(const ProcessGroup& group, int shift) {
  int count = 0;
  for (int rank = 0; rank < group.size(); ++rank) {
    if (group.node_of(rank) != group.node_of((rank + shift) % group.size())) ++count;
  }
  return count;
}

int best_shift(const ProcessGroup& group) {
  int best = group.most_ranks_on_a_node();
  int most = ranks_that_leave(group, best);
  for (int shift = 1; shift < group.size() && most < group.size(); ++shift) {
    const int count = ranks_that_leave(group, shift);
    if (count > most) {
      most = count;
      best = shift;
    }
  }
  return best;
}

}  // namespace

int whose_files(const ProcessGroup& group, bool shared) {
  const int own = group.rank();
  if (shared && !group.one_node()) return (own + best_shift(group)) % group.size();
  for (int step = 1; step <= group.size(); ++step) {
    const int rank = (own + step) % group.size();
    if (group.node_of(rank) == group.node_of(own)) return rank;
  }
  return own;
}

bool all_from_another_node(const ProcessGroup& group, bool shared) {
  return shared && !group.one_node() && ranks_that_leave(group, best_shift(group)) == group.size();
}

}  // namespace assay::bench
