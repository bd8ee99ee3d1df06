#include "suites/collectives/support/factors.h"

#include <algorithm>

namespace assay::bench {

double busbw_factor(CollectiveKind kind, int ranks) {
  const double others = static_cast<double>(ranks - 1) / ranks;
  switch (kind) {
    case CollectiveKind::allreduce:
      return 2 * others;
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::allgather:
    case CollectiveKind::alltoall:
      return others;
    case CollectiveKind::broadcast:
    case CollectiveKind::reduce:
      break;
  }
  return 1;
}

bool in_blocks(CollectiveKind kind) {
  return kind == CollectiveKind::reduce_scatter || kind == CollectiveKind::allgather ||
         kind == CollectiveKind::alltoall;
}

std::int64_t whole_elements(CollectiveKind kind, std::int64_t bytes, std::int64_t element_bytes, int ranks) {
  const std::int64_t unit = element_bytes * (in_blocks(kind) ? ranks : 1);
  const std::int64_t left_out = bytes % unit;
  if (bytes < unit || (left_out != 0 && (!in_blocks(kind) || left_out * 100 > bytes))) return 0;
  return (bytes - left_out) / element_bytes;
}

std::int64_t nearest_bytes(CollectiveKind kind, std::int64_t bytes, std::int64_t element_bytes, int ranks) {
  const std::int64_t unit = element_bytes * (in_blocks(kind) ? ranks : 1);
  return std::max<std::int64_t>(1, (bytes + unit / 2) / unit) * unit;
}

}  // namespace assay::bench
