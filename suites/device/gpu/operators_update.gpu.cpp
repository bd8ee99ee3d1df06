// What follows a backward pass: the loss, the gradients' norm, AdamW. Sums are f64 in an order that depends
// on the shape alone; what changes from step to step is read from the device's memory, so that a recorded
// step can be begun again.
#include <bit>

#include "suites/device/checksum.h"
#include "suites/device/gpu/maps.h"
#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

using device::AdamW;
using device::AdamWFactors;
using device::AdamWStep;

/// One thread works out what all of the update read.
__global__ void work_out_factors(AdamW settings, AdamWStep step, AdamWFactors* factors) {
  const double norm = settings.squares_on_device == nullptr ? 0 : square_root(*settings.squares_on_device);
  *factors = device::adamw_factors(
      settings, settings.step_on_device == nullptr ? step : *settings.step_on_device, norm);
}

template <typename X>
__device__ inline X moment_of(X value, std::uint32_t, X) {
  return value;
}
template <typename X>
__device__ inline device::Bf16 moment_of(X value, std::uint32_t random16, device::Bf16) {
  return device::to_bf16_by_chance(static_cast<float>(value), random16);
}

/// One pass: everything is read once and written once.
template <typename E, typename M>
struct Update {
  using X = Exact<E>;
  const AdamWFactors* factors;
  bool clear;
  X* master;
  M *first_moment, *second_moment;
  X* gradient;
  E* weights;
  template <int N>
  __device__ void at(Index i) const {
    const X by = static_cast<X>(factors->gradient), keep1 = static_cast<X>(factors->keep1),
            take1 = static_cast<X>(factors->take1), keep2 = static_cast<X>(factors->keep2),
            take2 = static_cast<X>(factors->take2), rate = static_cast<X>(factors->rate),
            correction2 = static_cast<X>(factors->inverse_correction2),
            epsilon = static_cast<X>(factors->epsilon), shrink = static_cast<X>(factors->shrink);
    const std::uint32_t step = factors->rounding;
    const auto g = load_pack<N>(gradient + i);
    auto moments = load_pack<N>(first_moment + i), squares = load_pack<N>(second_moment + i);
    auto w = load_pack<N>(master + i);
    Pack<E, N> narrow;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X slope = g.at[n] * by;
      const X m = keep1 * static_cast<X>(widen(moments.at[n])) + take1 * slope,
              v = keep2 * static_cast<X>(widen(squares.at[n])) + take2 * slope * slope;
      const std::uint32_t random = std::is_same_v<M, X> ? 0 : device::rounding_bits(i + n, step);
      moments.at[n] = moment_of(m, random, M{});
      squares.at[n] = moment_of(v, random >> 16, M{});
      w.at[n] = shrink * w.at[n] - rate * m / (square_root(v * correction2) + epsilon);
      narrow.at[n] = Narrow<E>::from(w.at[n]);
    }
    store_pack(first_moment + i, moments);
    store_pack(second_moment + i, squares);
    store_pack(master + i, w);
    if constexpr (!std::is_same_v<E, X>) store_pack(weights + i, narrow);
    if (clear) store_pack(gradient + i, Pack<X, N>{});
  }
};

/// Every block leaves its part.
template <int N, typename T>
__global__ void __launch_bounds__(threads_per_block) add_squares(Index count, const T* x, double* partial) {
  __shared__ double scratch[most_warps];
  double sums[1] = {0};
  const Index step = static_cast<Index>(gridDim.x) * threads_per_block * N;
  for (Index i = (static_cast<Index>(blockIdx.x) * threads_per_block + threadIdx.x) * N; i < count;
       i += step) {
    if (i + N <= count) {
      const auto values = load_pack<N>(x + i);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const auto value = static_cast<double>(values.at[n]);
        sums[0] += value * value;
      }
    } else {
      for (Index j = i; j < count; ++j) sums[0] += static_cast<double>(x[j]) * static_cast<double>(x[j]);
    }
  }
  block_sums(sums, scratch);
  if (threadIdx.x == 0) partial[blockIdx.x] = sums[0];
}

template <typename X>
__global__ void __launch_bounds__(threads_per_block)
    add_losses(Index rows, const X* largest, const X* sum, const X* target_logit, X* log_sum,
               double* partial) {
  __shared__ double scratch[most_warps];
  double sums[1] = {0};
  const Index step = static_cast<Index>(gridDim.x) * threads_per_block;
  for (Index row = static_cast<Index>(blockIdx.x) * threads_per_block + threadIdx.x; row < rows;
       row += step) {
    const X whole = largest[row] + logarithm(sum[row]);
    log_sum[row] = whole;
    sums[0] += static_cast<double>(whole) - static_cast<double>(target_logit[row]);
  }
  block_sums(sums, scratch);
  if (threadIdx.x == 0) partial[blockIdx.x] = sums[0];
}

__global__ void __launch_bounds__(threads_per_block)
    add_partials(int count, const double* partial, bool accumulate, double* result) {
  __shared__ double scratch[most_warps];
  double sums[1] = {0};
  for (int i = static_cast<int>(threadIdx.x); i < count; i += threads_per_block) sums[0] += partial[i];
  block_sums(sums, scratch);
  if (threadIdx.x == 0) result[0] = accumulate ? result[0] + sums[0] : sums[0];
}

/// What a checksum mixes.
__device__ inline std::uint64_t bits_of(double value) {
  return std::bit_cast<std::uint64_t>(value);
}
__device__ inline std::uint64_t bits_of(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

// Sums of integers: their order does not matter, and atomics change nothing.
template <typename E>
__global__ void __launch_bounds__(threads_per_block)
    add_checksums(device::HeldElements held, const E* values, unsigned long long* result) {
  __shared__ unsigned long long scratch[most_warps];
  unsigned long long sum = 0;
  const Index step = static_cast<Index>(gridDim.x) * threads_per_block;
  for (Index i = static_cast<Index>(blockIdx.x) * threads_per_block + threadIdx.x;
       i < held.rows * held.columns; i += step) {
    const Index element = held.first + i / held.columns * held.pitch + i % held.columns;
    sum += device::mixed(device::checksum_place(held.tensor, element) ^ bits_of(widen(values[i])));
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) atomicAdd(result, sum);
}

unsigned blocks_of_partials(Index count, Index of_block) {
  return static_cast<unsigned>(smaller(count / of_block + 1, most_partials));
}

}  // namespace

template <typename E, typename M>
void begin_adamw(Stream stream, Index count, const AdamW& settings, Exact<E>* master, M* first_moment,
                 M* second_moment, Exact<E>* gradient, E* weights, AdamWFactors* factors) {
  using X = Exact<E>;
  if (count == 0) return;
  launch(work_out_factors, 1, 1, 0, stream, settings, device::step_of(settings), factors);
  const bool packs =
      aligned(master, first_moment, second_moment, gradient) && (std::is_same_v<E, X> || aligned(weights));
  over_numbers<pack_of<X>>(
      stream, count, packs,
      Update<E, M>{factors, settings.clear, master, first_moment, second_moment, gradient, weights});
}

template <typename T>
void begin_sum_of_squares(Stream stream, Index count, const T* x, double* partial, bool accumulate,
                          double* result) {
  const unsigned blocks = blocks_of_partials(count, 16 * threads_per_block);
  if (aligned(x))
    launch(add_squares<pack_of<T>, T>, blocks, threads_per_block, 0, stream, count, x, partial);
  else
    launch(add_squares<1, T>, blocks, threads_per_block, 0, stream, count, x, partial);
  launch(add_partials, 1, threads_per_block, 0, stream, static_cast<int>(blocks), partial, accumulate,
         result);
}

template <typename E>
void begin_checksum(Stream stream, const device::HeldElements& held, const E* values, std::uint64_t* sum) {
  static_assert(sizeof(std::uint64_t) == sizeof(unsigned long long));
  const unsigned blocks = blocks_of_partials(held.rows * held.columns, 16 * threads_per_block);
  launch(add_checksums<E>, blocks, threads_per_block, 0, stream, held, values,
         reinterpret_cast<unsigned long long*>(sum));
}

template <typename X>
void begin_head_loss(Stream stream, Index rows, const X* largest, const X* sum, const X* target_logit,
                     X* log_sum, double* partial, double* loss) {
  const unsigned blocks = blocks_of_partials(rows, threads_per_block);
  launch(add_losses<X>, blocks, threads_per_block, 0, stream, rows, largest, sum, target_logit, log_sum,
         partial);
  launch(add_partials, 1, threads_per_block, 0, stream, static_cast<int>(blocks), partial, true, loss);
}

#define ASSAY_INSTANTIATE(E)                                                                                 \
  template void begin_adamw(Stream, Index, const AdamW&, Exact<E>*, Exact<E>*, Exact<E>*, Exact<E>*, E*,     \
                            AdamWFactors*);                                                                  \
  template void begin_adamw(Stream, Index, const AdamW&, Exact<E>*, device::Bf16*, device::Bf16*, Exact<E>*, \
                            E*, AdamWFactors*);                                                              \
  template void begin_checksum(Stream, const device::HeldElements&, const E*, std::uint64_t*);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE
#define ASSAY_INSTANTIATE(X)                                                           \
  template void begin_sum_of_squares(Stream, Index, const X*, double*, bool, double*); \
  template void begin_head_loss(Stream, Index, const X*, const X*, const X*, X*, double*, double*);
ASSAY_INSTANTIATE(double)
ASSAY_INSTANTIATE(float)
#undef ASSAY_INSTANTIATE

}  // namespace assay::gpu
