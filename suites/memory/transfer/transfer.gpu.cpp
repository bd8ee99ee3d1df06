#include "suites/device/gpu/gpu.h"
#include "suites/memory/transfer/transfer_kernels.h"

namespace assay::bench::transfer {

namespace {

constexpr unsigned threads_per_block = 256;
constexpr unsigned most_blocks = 2048;

struct alignas(16) Line {
  std::uint64_t words[2];
};

__global__ void copy_lines(Line* to, const Line* from, std::uint64_t lines) {
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < lines;
       i += step)
    to[i] = from[i];
}

}  // namespace

void copy_by_kernel(gpu::Queue& queue, void* to, const void* from, std::uint64_t bytes) {
  const std::uint64_t lines = bytes / sizeof(Line),
                      blocks = (lines + threads_per_block - 1) / threads_per_block;
  copy_lines<<<static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), threads_per_block, 0,
               static_cast<gpu::Stream>(queue.stream())>>>(static_cast<Line*>(to),
                                                           static_cast<const Line*>(from), lines);
  ASSAY_GPU_LAUNCHED();
}

void* device_address(void* pinned) {
  void* address = nullptr;
  ASSAY_GPU_TRY(gpu::device_view(&address, pinned));
  return address;
}

}  // namespace assay::bench::transfer
