// The checksum (fingerprint.h) of the weights that one rank holds, by the elements of the whole tensors, so
// that every layout of the same parameters has the same sum over its ranks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "suites/device/element.h"
#include "suites/training/support/inventory.h"

namespace assay::training {

/// Of one tensor. `weights`: this rank's flat buffer of f64, f32 or bf16 (which counts as the f32 that it
/// is).
std::uint64_t parameter_checksum(const LocalTensor& tensor, device::Element element,
                                 const std::byte* weights);

/// Of a tensor-parallel group, rank 0 stands for what is not split, and nobody for the copy of a tied table.
bool stands_for(const LocalTensor& tensor, std::int64_t tensor_rank);

/// Of all tensors that this rank stands for. Summed over the ranks of one data-parallel copy it is the
/// model's.
std::uint64_t parameter_checksum(const LocalInventory& local, std::int64_t tensor_rank,
                                 device::Element element, const std::byte* weights);

}  // namespace assay::training
