#include "suites/io/support/memory_size.h"

#include <unistd.h>

namespace assay::bench {

bool first_on_node(const ProcessGroup& group) {
  for (int rank = 0; rank < group.rank(); ++rank) {
    if (group.node_of(rank) == group.node_of(group.rank())) return false;
  }
  return true;
}

std::uint64_t ram_bytes_of_nodes(const ProcessGroup& group) {
  const std::int64_t pages = sysconf(_SC_PHYS_PAGES);
  if (group.any(pages <= 0)) return 0;
  return static_cast<std::uint64_t>(group.sum(first_on_node(group) ? pages * sysconf(_SC_PAGESIZE) : 0));
}

}  // namespace assay::bench
