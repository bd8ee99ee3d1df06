// training/llm_step: how fast this machine multiplies large matrices, by the same operators, in the same
// precision and with the same threads as the step: what the step could reach if it were matrix products
// alone.
#pragma once

#include <cstdint>

#include "suites/device/device.h"
#include "suites/device/element.h"
#include "suites/harness/clock.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

struct GemmRate {
  double per_second = 0;  ///< FLOP/s of all ranks together; 0: not measured
  std::int64_t size = 0;  ///< of the product, size x size x size
};

/// Collective. The largest square product, of 256, 512, ... 4096 (8192 on a GPU), whose operands take a rank
/// no more than `most_bytes` and which can be measured three times before all of them have taken time_s (the
/// same on every rank); 256 always. Every product is done by all ranks at once after a barrier and takes as
/// long as the slowest one's; the shortest of three to six counts. All memory is given back. Throws the same
/// Error on every rank.
GemmRate measure_gemm_rate(const ProcessGroup& group, device::Device& device, device::Element element,
                           int threads, std::int64_t most_bytes, double time_s, Clock& clock);

}  // namespace assay::bench
