// collectives/allreduce: every rank gets the sum of all ranks' buffers. Formulas, pure.
#pragma once

#include <cstdint>

namespace assay::bench {

/// What makes the bandwidth of an all-reduce comparable with that of a link, whatever the number of ranks:
/// busbw = algbw * 2 (n - 1) / n (NVIDIA/nccl-tests, PERFORMANCE.md).
double busbw_factor(int ranks);

/// How many buffers iterations rotate over, so that the node's working set exceeds twice its last-level cache:
/// ceil(2 cache / (ranks_on_node * buffers * bytes)), at least 2 and at most 64, and for messages above 4 MiB not
/// more than fit in 256 MiB a rank. An unknown cache (0) counts as 32 MiB.
int ring_slots(std::uint64_t bytes, int buffers, int ranks_on_node, std::uint64_t last_level_cache_bytes);

}  // namespace assay::bench
