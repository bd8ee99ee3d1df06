// collectives/allreduce: every rank gets the sum of all ranks' buffers. Formulas, pure.
#pragma once

#include <cstdint>

namespace assay::bench {

/// What makes the bandwidth of an all-reduce comparable with that of a link, whatever the number of ranks:
/// busbw = algbw * 2 (n - 1) / n (NVIDIA/nccl-tests, PERFORMANCE.md).
double busbw_factor(int ranks);

/// How many buffers iterations rotate over: so many that the node's working set, slots * ranks_on_node *
/// buffers * bytes, exceeds twice its last-level cache; at least 2 and at most 64, and beyond 2 not more than
/// 256 MiB a rank. Where 64 slots do not get there the case is a cache case, whatever the ring, and takes 16.
/// An unknown cache (0) counts as 32 MiB.
int ring_slots(std::uint64_t bytes, int buffers, int ranks_on_node, std::uint64_t last_level_cache_bytes);

}  // namespace assay::bench
