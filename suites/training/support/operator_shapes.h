// The shapes in which a rank calls its operators: what it reserves scratch for, and what the memory estimate
// counts of it before anything is there.
#pragma once

#include <cstdint>

#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/training/support/layout.h"

namespace assay::training {

struct OperatorShapes {
  device::LinearShape qkv, attention_out, feed_forward_in, feed_forward_out;
  device::AttentionShape attention;
  device::HeadShape head;  ///< of the last stage; its part of the vocabulary is the embedding's, too
};

/// Of one micro-batch.
OperatorShapes operator_shapes(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank);

/// What `rank` needs; throws what the operators throw.
void reserve_operators(device::Operators& operators, const ModelShape& shape, const ParallelLayout& layout,
                       std::int64_t rank);

/// Bytes that reserve_operators would take on the device. On the host it allocates none of them; elsewhere it
/// takes them for a moment, and where there is no memory for them the answer is more than any device has.
std::int64_t operator_scratch_bytes(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank,
                                    device::Element element, int threads,
                                    device::Device& device = device::host());

}  // namespace assay::training
