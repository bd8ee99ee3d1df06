// What the fused head does with a block of logits, one block of threads a row.
#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

constexpr int threads_per_block = 256;

/// The largest and the sum of exp(. - largest), of one part of a row and another.
template <typename X>
__device__ inline void join(X& largest, X& sum, X other_largest, X other_sum) {
  const X now = larger(largest, other_largest);
  // A part without numbers has -infinity and 0.
  const X own = largest == now ? sum : sum * exponential(largest - now);
  const X others = other_largest == now ? other_sum : other_sum * exponential(other_largest - now);
  largest = now;
  sum = own + others;
}

template <int N, typename X>
__global__ void __launch_bounds__(threads_per_block)
    scan(Index rows, Index columns, const X* logits, const std::int32_t* targets, Index first, bool fresh,
         X* largest, X* sum, X* target_logit) {
  __shared__ X largest_of[most_warps];
  __shared__ X sum_of[most_warps];
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const X* const in = logits + row * columns;
    X peak = -static_cast<X>(INFINITY), total = 0;
    for (Index c = static_cast<Index>(threadIdx.x) * N; c < columns; c += threads_per_block * N) {
      const auto values = load_pack<N>(in + c);
      X highest = values.at[0];
#pragma unroll
      for (int n = 1; n < N; ++n) highest = larger(highest, values.at[n]);
      if (!(highest <= peak)) {  // NaN too, so that it reaches the sum
        total = total == 0 ? 0 : total * exponential(peak - highest);
        peak = highest;
      }
#pragma unroll
      for (int n = 0; n < N; ++n) total += exponential(values.at[n] - peak);
    }
    for (int mask = warpSize / 2; mask > 0; mask /= 2) {
      const X other_peak = shuffle_xor(peak, mask), other_total = shuffle_xor(total, mask);
      join(peak, total, other_peak, other_total);
    }
    const int warp = static_cast<int>(threadIdx.x) / warpSize;
    __syncthreads();
    if (static_cast<int>(threadIdx.x) % warpSize == 0) {
      largest_of[warp] = peak;
      sum_of[warp] = total;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int w = 1; w < threads_per_block / warpSize; ++w) join(peak, total, largest_of[w], sum_of[w]);
      if (!fresh) join(peak, total, largest[row], sum[row]);
      largest[row] = peak;
      sum[row] = total;
      const Index target = targets[row] - first;
      if (target >= 0 && target < columns)
        target_logit[row] = in[target];
      else if (fresh)
        target_logit[row] = 0;
    }
  }
}

template <int N, typename E>
__global__ void __launch_bounds__(threads_per_block)
    gradient_of(Index rows, Index columns, const Exact<E>* logits, const std::int32_t* targets, Index first,
                const Exact<E>* log_sum, Exact<E> scale, E* gradient) {
  using X = Exact<E>;
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const Index target = targets[row] - first;
    const X offset = log_sum[row];
    for (Index c = static_cast<Index>(threadIdx.x) * N; c < columns; c += threads_per_block * N) {
      const auto values = load_pack<N>(logits + row * columns + c);
      Pack<E, N> out;
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const X probability = exponential(values.at[n] - offset);
        out.at[n] = Narrow<E>::from(scale * (c + n == target ? probability - X{1} : probability));
      }
      store_pack(gradient + row * columns + c, out);
    }
  }
}

}  // namespace

template <typename X>
void begin_head_scan(Stream stream, Index rows, Index columns, const X* logits, const std::int32_t* targets,
                     Index first, bool fresh, X* largest, X* sum, X* target_logit) {
  if (rows == 0) return;
  constexpr int n = pack_of<X>;
  const auto begin = [&](auto kernel) {
    launch(kernel, blocks_for(rows, 1), threads_per_block, 0, stream, rows, columns, logits, targets, first,
           fresh, largest, sum, target_logit);
  };
  aligned(logits) && columns % n == 0 ? begin(scan<n, X>) : begin(scan<1, X>);
}

template <typename E>
void begin_head_gradient(Stream stream, Index rows, Index columns, const Exact<E>* logits,
                         const std::int32_t* targets, Index first, const Exact<E>* log_sum, double scale,
                         E* gradient) {
  if (rows == 0) return;
  constexpr int n = pack_of<Exact<E>>;
  const auto begin = [&](auto kernel) {
    launch(kernel, blocks_for(rows, 1), threads_per_block, 0, stream, rows, columns, logits, targets, first,
           log_sum, static_cast<Exact<E>>(scale), gradient);
  };
  aligned(logits, gradient) && columns % n == 0 ? begin(gradient_of<n, E>) : begin(gradient_of<1, E>);
}

#define ASSAY_INSTANTIATE(E)                                                                           \
  template void begin_head_gradient(Stream, Index, Index, const Exact<E>*, const std::int32_t*, Index, \
                                    const Exact<E>*, double, E*);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE
template void begin_head_scan(Stream, Index, Index, const double*, const std::int32_t*, Index, bool, double*,
                              double*, double*);
template void begin_head_scan(Stream, Index, Index, const float*, const std::int32_t*, Index, bool, float*,
                              float*, float*);

}  // namespace assay::gpu
