// A GPU made of fibers, so that kernels can be tested where there is none: *.gpu.cpp compiled by g++ with
// ASSAY_GPU_EMULATED see this instead of a vendor's header. Of a block, one thread runs at a time, until it
// waits for others (a barrier, a shuffle) or ends; blocks run one after another, launches at once. A test
// library: nothing of it is in the program.
//
// What it finds: a barrier or shuffle that not all threads reach, or reach at different places; with the
// address sanitizer any access beyond an allocation or beyond the shared memory asked for. Memory begins as
// NaN. A missing barrier shows when the threads run in the other order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "suites/device/gpu/emulation_settings.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static

struct dim3 {
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned x, y, z;
};
/// Of the thread that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
extern int warpSize;

void __syncthreads(std::source_location where = std::source_location::current());

/// Of a block one thread runs at a time.
inline unsigned long long atomicAdd(unsigned long long* at, unsigned long long value) {
  return std::exchange(*at, *at + value);
}

namespace assay::gpu {

using Stream = void*;

namespace emulation {

/// Runs `kernel` as every thread of every block. Throws std::logic_error when threads wait for one another in
/// vain.
void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, const std::function<void()>& kernel);

/// Does it, or records it (Recording of runtime.h).
void begin(const std::function<void()>& work);

/// The shared memory of this block that the launch asked for.
void* shared_memory();

/// Waits for the whole warp and returns what its lanes brought, in their order; valid until the next call.
const void* gather(const void* mine, std::size_t bytes, std::source_location where);

}  // namespace emulation

/// As a vendor's launch, but done when it returns; or recorded.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, std::size_t shared_bytes, Stream,
            Arguments... arguments) {
  emulation::begin([=] { emulation::run(blocks, threads, shared_bytes, [&] { kernel(arguments...); }); });
}

template <typename T>
T* shared_memory() {
  return static_cast<T*>(emulation::shared_memory());
}

template <typename T>
T shuffle_xor(T value, int mask, std::source_location where = std::source_location::current()) {
  static_assert(std::is_trivially_copyable_v<T>);
  const auto* const all = static_cast<const T*>(emulation::gather(&value, sizeof value, where));
  return all[(static_cast<int>(threadIdx.x) % warpSize) ^ mask];
}

}  // namespace assay::gpu
