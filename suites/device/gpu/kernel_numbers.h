// Numbers inside kernels: widening and rounding, loads of 16 bytes at once, sums over a block.
#pragma once

#include <math.h>  // NOLINT: ::exp and its like, which kernels have too

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "suites/device/element.h"
#include "suites/device/gpu/gpu.h"

namespace assay::gpu {

using Index = std::int64_t;

/// Of sums, statistics and weight gradients: device::exact_of.
template <typename E>
using Exact = std::conditional_t<std::is_same_v<E, double>, double, float>;

__device__ inline double widen(double value) {
  return value;
}
__device__ inline float widen(float value) {
  return value;
}
__device__ inline float widen(device::Bf16 value) {
  return device::to_float(value);
}
__device__ inline float widen(device::F16 value) {
  return device::to_float(value);
}
__device__ inline std::int32_t widen(std::int8_t value) {
  return value;
}
__device__ inline std::int32_t widen(std::int32_t value) {
  return value;
}

template <typename T>
struct Narrow {
  template <typename Sum>
  __device__ static T from(Sum sum) {
    return static_cast<T>(sum);
  }
};
template <>
struct Narrow<device::Bf16> {
  __device__ static device::Bf16 from(float sum) { return device::to_bf16(sum); }
};
template <>
struct Narrow<device::F16> {
  __device__ static device::F16 from(float sum) { return device::to_f16(sum); }
};

__device__ inline double exponential(double x) {
  return ::exp(x);
}
__device__ inline float exponential(float x) {
  return ::expf(x);
}
__device__ inline double logarithm(double x) {
  return ::log(x);
}
__device__ inline float logarithm(float x) {
  return ::logf(x);
}
__device__ inline double square_root(double x) {
  return ::sqrt(x);
}
__device__ inline float square_root(float x) {
  return ::sqrtf(x);
}
template <typename T>
__device__ inline T larger(T a, T b) {
  return a > b ? a : b;
}
__device__ __host__ inline Index smaller(Index a, Index b) {
  return a < b ? a : b;
}

/// N numbers that are loaded and stored at once.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};
template <int N, typename T>
__device__ inline Pack<T, N> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <int N, typename T>
__device__ inline void store_pack(T* to, const Pack<T, N>& pack) {
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

/// How many numbers are 16 bytes.
template <typename T>
inline constexpr int pack_of = 16 / static_cast<int>(sizeof(T));

/// Whether all these stand on 16 bytes.
template <typename... Pointers>
bool aligned(Pointers... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

inline unsigned blocks_for(Index count, Index threads_per_block) {
  constexpr Index most = Index{1} << 30;
  const Index blocks = (count + threads_per_block - 1) / threads_per_block;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

/// A block has no more warps than this.
inline constexpr int most_warps = 32;

/// Sums of N values over the block, on every thread; `scratch` is shared memory for N most_warps values.
/// Blocks are whole warps. The order is fixed.
template <int N, typename T>
__device__ inline void block_sums(T (&values)[N], T* scratch) {
  const int lane = static_cast<int>(threadIdx.x) % warpSize, warp = static_cast<int>(threadIdx.x) / warpSize;
  const int warps = static_cast<int>(blockDim.x) / warpSize;
  for (int i = 0; i < N; ++i) values[i] = warp_sum(values[i]);
  __syncthreads();
  if (lane == 0)
    for (int i = 0; i < N; ++i) scratch[i * most_warps + warp] = values[i];
  __syncthreads();
  for (int i = 0; i < N; ++i) {
    T sum{};
    for (int w = 0; w < warps; ++w) sum += scratch[i * most_warps + w];
    values[i] = sum;
  }
}

}  // namespace assay::gpu
