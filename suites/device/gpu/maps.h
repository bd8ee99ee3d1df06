// Kernels that work number by number: `map.at<N>(i)` does N neighbouring numbers, 16 bytes at a time where
// everything stands on 16 bytes. For *.gpu.cpp.
#pragma once

#include "suites/device/gpu/kernel_numbers.h"

namespace assay::gpu {

inline constexpr int threads_per_block = 256;

template <int N, typename Map>
__global__ void __launch_bounds__(threads_per_block) map_numbers(Index count, Map map) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x * N;
  for (Index i = (static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x) * N; i < count; i += step) {
    if (i + N <= count)
      map.template at<N>(i);
    else
      for (Index j = i; j < count; ++j) map.template at<1>(j);
  }
}

template <int N, typename Map>
void over_numbers(Stream stream, Index count, bool packs, const Map& map) {
  if (count == 0) return;
  if (packs)
    launch(map_numbers<N, Map>, blocks_for(count, threads_per_block * N), threads_per_block, 0, stream, count,
           map);
  else
    launch(map_numbers<1, Map>, blocks_for(count, threads_per_block), threads_per_block, 0, stream, count,
           map);
}

}  // namespace assay::gpu
