// Copies by a kernel, the other way than by a copy engine; in transfer.gpu.cpp.
#pragma once

#include <cstdint>

#include "suites/device/gpu/runtime.h"

namespace assay::bench::transfer {

/// Begins a copy by the GPU's cores. `bytes` is a multiple of 16; both addresses must be the device's to
/// reach: its own memory, a peer's, or pinned memory of the host.
void copy_by_kernel(gpu::Queue& queue, void* to, const void* from, std::uint64_t bytes);

/// Where the GPU sees pinned memory of the host.
void* device_address(void* pinned);

}  // namespace assay::bench::transfer
