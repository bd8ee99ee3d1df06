// What a test chooses of the emulated GPU (emulation.h), for host code.
#pragma once

namespace assay::gpu::emulation {

enum class Order { ascending, descending };

/// 32 or 64 lanes a warp; the order of blocks, and of threads between two waits.
void configure(int lanes, Order order);

}  // namespace assay::gpu::emulation
