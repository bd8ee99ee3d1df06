#include <limits>

#include "suites/compute/gemm/gemm_check.h"
#include "suites/compute/gemm/gemm_kernels.h"
#include "suites/compute/gemm/gemm_values.h"
#include "suites/device/gpu/gpu.h"

namespace assay::bench {

using device::Element;

namespace {

constexpr int V = freivalds_vectors;
constexpr int threads_per_block = 256;
constexpr int most_warps = threads_per_block;  // of a block, whatever a warp's width

unsigned blocks_for(std::size_t count) {
  constexpr std::size_t most = 1 << 20;
  const std::size_t blocks = (count + threads_per_block - 1) / threads_per_block;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

gpu::Stream stream_of(const gpu::Queue& queue) {
  return static_cast<gpu::Stream>(queue.stream());
}

template <typename T>
__global__ void write_uniform(T* data, std::size_t count, int range, std::uint64_t key) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step)
    data[i] = UniformValue<T>::of(random_bits(key, i), range);
}

template <typename T>
__global__ void write_value(T* data, std::size_t count, T value) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step)
    data[i] = value;
}

/// One block a row; threads stride over its columns.
template <typename T>
__global__ void multiply_rows(const T* matrix, std::int64_t rows, std::int64_t columns, const double* vectors,
                              double* sums, double* squares, double* storing_squares) {
  __shared__ double scratch[most_warps];
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    double mine[V] = {}, square = 0, storing = 0;
    for (std::int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      const T element = matrix[row * columns + j];
      const auto value = static_cast<double>(number(element));
      for (int v = 0; v < V; ++v) mine[v] += value * vectors[j * V + v];
      square += value * value;
      storing += storing_error_square(element);
    }
    for (int v = 0; v < V; ++v) {
      const double sum = gpu::block_sum(mine[v], scratch);
      if (threadIdx.x == 0) sums[row * V + v] = sum;
    }
    square = gpu::block_sum(square, scratch);
    storing = gpu::block_sum(storing, scratch);
    if (threadIdx.x == 0) {
      squares[row] = square;
      storing_squares[row] = storing;
    }
    __syncthreads();
  }
}

/// The same for a matrix that is stored as its transpose: one thread a row, so that neighbours read
/// neighbours.
template <typename T>
__global__ void multiply_columns(const T* stored, std::int64_t rows, std::int64_t columns,
                                 const double* vectors, double* sums, double* squares,
                                 double* storing_squares) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; row < rows;
       row += step) {
    double mine[V] = {}, square = 0, storing = 0;
    for (std::int64_t j = 0; j < columns; ++j) {
      const T element = stored[j * rows + row];
      const auto value = static_cast<double>(number(element));
      for (int v = 0; v < V; ++v) mine[v] += value * vectors[j * V + v];
      square += value * value;
      storing += storing_error_square(element);
    }
    for (int v = 0; v < V; ++v) sums[row * V + v] = mine[v];
    squares[row] = square;
    storing_squares[row] = storing;
  }
}

template <typename T>
struct Typed {
  static void fill(const gpu::Queue& queue, void* data, std::size_t count, int range, std::uint64_t key) {
    write_uniform<<<blocks_for(count), threads_per_block, 0, stream_of(queue)>>>(static_cast<T*>(data), count,
                                                                                 range, key);
    ASSAY_GPU_LAUNCHED();
  }
  static void poison(const gpu::Queue& queue, void* data, std::size_t count, T value) {
    write_value<<<blocks_for(count), threads_per_block, 0, stream_of(queue)>>>(static_cast<T*>(data), count,
                                                                               value);
    ASSAY_GPU_LAUNCHED();
  }
  static void multiply(const gpu::Queue& queue, const void* matrix, std::int64_t rows, std::int64_t columns,
                       bool transposed, const double* vectors, double* sums, double* squares,
                       double* storing) {
    const T* typed = static_cast<const T*>(matrix);
    if (transposed) {
      multiply_columns<<<blocks_for(static_cast<std::size_t>(rows)), threads_per_block, 0,
                         stream_of(queue)>>>(typed, rows, columns, vectors, sums, squares, storing);
    } else {
      constexpr std::int64_t most = 1 << 20;
      const auto blocks = static_cast<unsigned>(rows < most ? rows : most);
      multiply_rows<<<blocks, threads_per_block, 0, stream_of(queue)>>>(typed, rows, columns, vectors, sums,
                                                                        squares, storing);
    }
    ASSAY_GPU_LAUNCHED();
  }
};

}  // namespace

void fill_uniform_on_gpu(gpu::Queue& queue, void* data, std::size_t count, Element element, int range,
                         std::uint64_t key) {
  switch (element) {
    case Element::f64:
      return Typed<double>::fill(queue, data, count, range, key);
    case Element::f32:
      return Typed<float>::fill(queue, data, count, range, key);
    case Element::tf32:
      return Typed<Tf32>::fill(queue, data, count, range, key);
    case Element::bf16:
      return Typed<device::Bf16>::fill(queue, data, count, range, key);
    case Element::f16:
      return Typed<device::F16>::fill(queue, data, count, range, key);
    case Element::fp8_e4m3:
      return Typed<device::Fp8E4m3>::fill(queue, data, count, range, key);
    case Element::fp8_e5m2:
      return Typed<device::Fp8E5m2>::fill(queue, data, count, range, key);
    case Element::int8:
      return Typed<std::int8_t>::fill(queue, data, count, range, key);
    case Element::int32:
      return;  // a result, never an operand
  }
}

void fill_poison_on_gpu(gpu::Queue& queue, void* data, std::size_t count, Element element) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  switch (element) {
    case Element::f64:
      return Typed<double>::poison(queue, data, count, std::numeric_limits<double>::quiet_NaN());
    case Element::f32:
      return Typed<float>::poison(queue, data, count, nan);
    case Element::bf16:
      return Typed<device::Bf16>::poison(queue, data, count, device::to_bf16(nan));
    case Element::f16:
      return Typed<device::F16>::poison(queue, data, count, device::to_f16(nan));
    case Element::int32:
      return Typed<std::int32_t>::poison(queue, data, count, std::numeric_limits<std::int32_t>::min());
    default:
      return;  // an operand, never a result
  }
}

void multiply_rows_on_gpu(gpu::Queue& queue, const void* matrix, std::int64_t rows, std::int64_t columns,
                          Element element, bool transposed, const double* vectors, double* sums,
                          double* squares, double* storing) {
  const auto multiply = [&](auto typed) {
    typed.multiply(queue, matrix, rows, columns, transposed, vectors, sums, squares, storing);
  };
  switch (element) {
    case Element::f64:
      return multiply(Typed<double>());
    case Element::f32:
    case Element::tf32:
      return multiply(Typed<float>());
    case Element::bf16:
      return multiply(Typed<device::Bf16>());
    case Element::f16:
      return multiply(Typed<device::F16>());
    case Element::fp8_e4m3:
      return multiply(Typed<device::Fp8E4m3>());
    case Element::fp8_e5m2:
      return multiply(Typed<device::Fp8E5m2>());
    case Element::int8:
      return multiply(Typed<std::int8_t>());
    case Element::int32:
      return multiply(Typed<std::int32_t>());
  }
}

}  // namespace assay::bench
