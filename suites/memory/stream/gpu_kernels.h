// The loops of memory/stream on the GPU; in stream.gpu.cpp. Everything is begun on the queue, pointers are
// the device's, arrays are multiples of 64 bytes.
#pragma once

#include <cstdint>

#include "suites/device/gpu/runtime.h"
#include "suites/memory/stream/stream.h"

namespace assay::bench::stream {

/// The three arrays, of double or float.
struct GpuArrays {
  void* a = nullptr;
  void* b = nullptr;
  void* c = nullptr;
  std::uint64_t elements = 0;
  bool f32 = false;
  double* partial_sums = nullptr;  ///< dot_blocks of them
  double* sum = nullptr;
};

inline constexpr int dot_blocks = 2048;
inline constexpr int dot_threads = 256;  ///< of each of its blocks

/// One loop; dot leaves its result in `sum`.
void run_loop_on_gpu(gpu::Queue& queue, Loop loop, const GpuArrays& arrays);
void fill_on_gpu(gpu::Queue& queue, void* array, const GpuArrays& arrays, double value);

/// What comparing every element with one value found.
struct GpuComparison {
  double error = 0;              ///< the largest relative one of those that are numbers
  unsigned long long wrong = 0;  ///< above the bound, or not a number
  unsigned long long not_a_number = 0;
  unsigned long long first = 0;  ///< element that is wrong; `elements` when none is
};
/// Waits for its result. `scratch`: device memory for one GpuComparison.
GpuComparison compare_on_gpu(gpu::Queue& queue, const void* array, const GpuArrays& arrays, double right,
                             double bound, GpuComparison* scratch);

}  // namespace assay::bench::stream
