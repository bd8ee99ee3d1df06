#include "suites/device/gpu/gpu.h"
#include "suites/memory/stream/gpu_kernels.h"

namespace assay::bench::stream {

namespace {

constexpr int threads_per_block = 256;
constexpr int packs_each = 4;  // of a thread: enough reads under way at once
constexpr int most_warps = dot_threads;

/// What a thread reads at once.
template <typename T>
struct alignas(16) Pack {
  T values[16 / sizeof(T)];
};

template <typename T>
struct CopyOf {
  __device__ static T of(T x, T, T) { return x; }
};
template <typename T>
struct ScaleOf {
  __device__ static T of(T x, T, T s) { return s * x; }
};
template <typename T>
struct AddOf {
  __device__ static T of(T x, T y, T) { return x + y; }
};
template <typename T>
struct TriadOf {
  __device__ static T of(T x, T y, T s) { return x + s * y; }
};

/// out = Formula(x, y, s). A block works on packs_each * threads_per_block neighbouring packs.
template <typename T, typename Formula, bool two>
__global__ void __launch_bounds__(threads_per_block)
    map(Pack<T>* out, const Pack<T>* x, const Pack<T>* y, T s, std::uint64_t packs) {
  const std::uint64_t first =
      static_cast<std::uint64_t>(blockIdx.x) * (threads_per_block * packs_each) + threadIdx.x;
  Pack<T> left[packs_each], right[packs_each];
#pragma unroll
  for (int i = 0; i < packs_each; ++i) {
    const std::uint64_t place = first + static_cast<std::uint64_t>(i) * threads_per_block;
    if (place >= packs) break;
    left[i] = x[place];
    if constexpr (two) right[i] = y[place];
  }
#pragma unroll
  for (int i = 0; i < packs_each; ++i) {
    const std::uint64_t place = first + static_cast<std::uint64_t>(i) * threads_per_block;
    if (place >= packs) break;
    Pack<T> result;
#pragma unroll
    for (unsigned v = 0; v < 16 / sizeof(T); ++v)
      result.values[v] = Formula::of(left[i].values[v], two ? right[i].values[v] : left[i].values[v], s);
    out[place] = result;
  }
}

/// Each thread adds its products in double, so that the order of summation hardly matters.
template <typename T>
__global__ void __launch_bounds__(dot_threads)
    dot_partly(const Pack<T>* x, const Pack<T>* y, std::uint64_t packs, double* partial_sums) {
  __shared__ double scratch[most_warps];
  double sum = 0;
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * dot_threads;
  for (std::uint64_t place = static_cast<std::uint64_t>(blockIdx.x) * dot_threads + threadIdx.x;
       place < packs; place += step) {
    const Pack<T> left = x[place], right = y[place];
#pragma unroll
    for (unsigned v = 0; v < 16 / sizeof(T); ++v)
      sum += static_cast<double>(left.values[v]) * static_cast<double>(right.values[v]);
  }
  sum = gpu::block_sum(sum, scratch);
  if (threadIdx.x == 0) partial_sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(dot_threads) add_partial_sums(const double* partial_sums, double* sum) {
  __shared__ double scratch[most_warps];
  double mine = 0;
  for (int i = static_cast<int>(threadIdx.x); i < dot_blocks; i += dot_threads) mine += partial_sums[i];
  mine = gpu::block_sum(mine, scratch);
  if (threadIdx.x == 0) *sum = mine;
}

template <typename T>
__global__ void fill(T* array, std::uint64_t elements, T value) {
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < elements;
       i += step)
    array[i] = value;
}

/// Errors are not negative, so that their bits are ordered as they are.
template <typename T>
__global__ void compare(const T* array, std::uint64_t elements, double right, double bound,
                        GpuComparison* result) {
  double worst = 0;
  unsigned long long wrong = 0, not_numbers = 0, first = elements;
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < elements;
       i += step) {
    const double difference = static_cast<double>(array[i]) - right;
    const double error = (difference < 0 ? -difference : difference) / right;
    if (error != error) ++not_numbers;
    if (error > worst) worst = error;
    if (error <= bound) continue;
    ++wrong;
    if (i < first) first = i;
  }
  if (worst > 0)
    atomicMax(reinterpret_cast<unsigned long long*>(&result->error),
              static_cast<unsigned long long>(__double_as_longlong(worst)));
  if (wrong == 0) return;
  atomicAdd(&result->wrong, wrong);
  atomicAdd(&result->not_a_number, not_numbers);
  atomicMin(&result->first, first);
}

gpu::Stream stream_of(const gpu::Queue& queue) {
  return static_cast<gpu::Stream>(queue.stream());
}

constexpr unsigned some_blocks = 4096;

template <typename T>
struct Loops {
  using Packs = Pack<T>;

  static void run(const gpu::Queue& queue, Loop loop, const GpuArrays& arrays) {
    auto* a = static_cast<Packs*>(arrays.a);
    auto* b = static_cast<Packs*>(arrays.b);
    auto* c = static_cast<Packs*>(arrays.c);
    const std::uint64_t packs = arrays.elements * sizeof(T) / sizeof(Packs);
    constexpr std::uint64_t each = static_cast<std::uint64_t>(threads_per_block) * packs_each;
    const auto blocks = static_cast<unsigned>((packs + each - 1) / each);
    const auto s = static_cast<T>(scalar);
    const gpu::Stream stream = stream_of(queue);
    switch (loop) {
      case copy:
        map<T, CopyOf<T>, false><<<blocks, threads_per_block, 0, stream>>>(c, a, a, s, packs);
        break;
      case scale:
        map<T, ScaleOf<T>, false><<<blocks, threads_per_block, 0, stream>>>(b, c, c, s, packs);
        break;
      case add:
        map<T, AddOf<T>, true><<<blocks, threads_per_block, 0, stream>>>(c, a, b, s, packs);
        break;
      case triad:
        map<T, TriadOf<T>, true><<<blocks, threads_per_block, 0, stream>>>(a, b, c, s, packs);
        break;
      case dot:
        dot_partly<<<dot_blocks, dot_threads, 0, stream>>>(
            static_cast<const Packs*>(a), static_cast<const Packs*>(b), packs, arrays.partial_sums);
        ASSAY_GPU_LAUNCHED();
        add_partial_sums<<<1, dot_threads, 0, stream>>>(arrays.partial_sums, arrays.sum);
        break;
    }
    ASSAY_GPU_LAUNCHED();
  }
};

}  // namespace

void run_loop_on_gpu(gpu::Queue& queue, Loop loop, const GpuArrays& arrays) {
  if (arrays.f32) {
    Loops<float>::run(queue, loop, arrays);
  } else {
    Loops<double>::run(queue, loop, arrays);
  }
}

void fill_on_gpu(gpu::Queue& queue, void* array, const GpuArrays& arrays, double value) {
  if (arrays.f32) {
    fill<<<some_blocks, threads_per_block, 0, stream_of(queue)>>>(static_cast<float*>(array), arrays.elements,
                                                                  static_cast<float>(value));
  } else {
    fill<<<some_blocks, threads_per_block, 0, stream_of(queue)>>>(static_cast<double*>(array),
                                                                  arrays.elements, value);
  }
  ASSAY_GPU_LAUNCHED();
}

GpuComparison compare_on_gpu(gpu::Queue& queue, const void* array, const GpuArrays& arrays, double right,
                             double bound, GpuComparison* scratch) {
  GpuComparison result;
  result.first = arrays.elements;
  queue.copy(scratch, &result, sizeof result);
  if (arrays.f32) {
    compare<<<some_blocks, threads_per_block, 0, stream_of(queue)>>>(static_cast<const float*>(array),
                                                                     arrays.elements, right, bound, scratch);
  } else {
    compare<<<some_blocks, threads_per_block, 0, stream_of(queue)>>>(static_cast<const double*>(array),
                                                                     arrays.elements, right, bound, scratch);
  }
  ASSAY_GPU_LAUNCHED();
  queue.copy(&result, scratch, sizeof result);
  queue.finish();
  return result;
}

}  // namespace assay::bench::stream
