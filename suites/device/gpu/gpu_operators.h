// The operators of a transformer's training step on a GPU. Defined only in GPU builds (and, emulated, in the
// tests of the others).
#pragma once

#include <memory>

#include "suites/device/gpu/runtime.h"
#include "suites/device/operators.h"

namespace assay::gpu {

/// Of f64, f32 or bf16; all pointers that calls are given are the selected device's, tokens and targets too.
/// Everything is only begun, on the queue, in the order of the calls, but for sum_of_squares, which waits for
/// its result. The queue outlives them. The same operands give the same bits: sums have an order that depends
/// on the shape alone. Throws GpuError, and OutOfDeviceMemory from reserve_*.
std::unique_ptr<device::Operators> gpu_operators(device::Element element, Queue& queue);

}  // namespace assay::gpu
