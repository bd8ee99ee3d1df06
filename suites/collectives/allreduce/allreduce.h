// collectives/allreduce: every rank gets the sum of all ranks' buffers. Formulas, pure.
#pragma once

namespace assay::bench {

/// What makes the bandwidth of an all-reduce comparable with that of a link, whatever the number of ranks:
/// busbw = algbw * 2 (n - 1) / n (NVIDIA/nccl-tests, PERFORMANCE.md).
double busbw_factor(int ranks);

}  // namespace assay::bench
