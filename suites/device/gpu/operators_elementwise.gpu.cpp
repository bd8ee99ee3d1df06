// Operators that work number by number: each is a small struct whose `at<N>` does N neighbouring numbers, and
// goes over memory 16 bytes at a time where everything stands on 16 bytes.
#include <cmath>

#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

constexpr int threads_per_block = 256;

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

/// One block a row; width is a multiple of N.
template <int N, typename Map>
__global__ void __launch_bounds__(threads_per_block) map_rows(Index rows, Index width, Map map) {
  for (Index row = blockIdx.x; row < rows; row += gridDim.x)
    for (Index c = static_cast<Index>(threadIdx.x) * N; c < width; c += static_cast<Index>(blockDim.x) * N)
      map.template at<N>(row, c);
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

template <int N, typename Map>
void over_rows(Stream stream, Index rows, Index width, bool packs, const Map& map) {
  if (rows == 0 || width == 0) return;
  constexpr Index unit = 64;  // whole warps
  const Index wanted = packs && width % N == 0 ? width / N : width;
  const auto threads = static_cast<unsigned>(smaller((wanted + unit - 1) / unit * unit, threads_per_block));
  if (packs && width % N == 0)
    launch(map_rows<N, Map>, blocks_for(rows, 1), threads, 0, stream, rows, width, map);
  else
    launch(map_rows<1, Map>, blocks_for(rows, 1), threads, 0, stream, rows, width, map);
}

// GELU as x times a logistic function, without a difference of nearly equal numbers (see the host's).
constexpr double gelu_slope = 1.5957691216057307118;  // 2 sqrt(2 / pi)
constexpr double gelu_cubic = 0.044715;

template <typename X>
__device__ inline X logistic(X x) {
  return X{1} / (X{1} + exponential(-x));
}

template <typename E>
struct GeluForward {
  const E* x;
  E* y;
  template <int N>
  __device__ void at(Index i) const {
    using X = Exact<E>;
    const auto in = load_pack<N>(x + i);
    Pack<E, N> out;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X value = widen(in.at[n]);
      const X inner =
          static_cast<X>(gelu_slope) * (value + static_cast<X>(gelu_cubic) * value * value * value);
      out.at[n] = Narrow<E>::from(value * logistic(inner));
    }
    store_pack(y + i, out);
  }
};

template <typename E>
struct GeluBackward {
  const E *dy, *x;
  E* dx;
  template <int N>
  __device__ void at(Index i) const {
    using X = Exact<E>;
    constexpr X slope = static_cast<X>(gelu_slope), cubic = static_cast<X>(gelu_cubic);
    const auto in = load_pack<N>(x + i), up = load_pack<N>(dy + i);
    Pack<E, N> out;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X value = widen(in.at[n]);
      const X gate = logistic(slope * (value + cubic * value * value * value));
      const X inner = slope * (X{1} + 3 * cubic * value * value);
      out.at[n] = Narrow<E>::from(widen(up.at[n]) * (gate + value * gate * (X{1} - gate) * inner));
    }
    store_pack(dx + i, out);
  }
};

template <typename E>
struct SwigluForward {
  Index width;
  const E* x;
  E* y;
  template <int N>
  __device__ void at(Index row, Index c) const {
    using X = Exact<E>;
    const E* const in = x + 2 * row * width + c;
    const auto gate = load_pack<N>(in), up = load_pack<N>(in + width);
    Pack<E, N> out;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X value = widen(gate.at[n]);
      out.at[n] = Narrow<E>::from(value * logistic(value) * widen(up.at[n]));
    }
    store_pack(y + row * width + c, out);
  }
};

template <typename E>
struct SwigluBackward {
  Index width;
  const E *dy, *x;
  E* dx;
  template <int N>
  __device__ void at(Index row, Index c) const {
    using X = Exact<E>;
    const Index place = 2 * row * width + c;
    const auto gate = load_pack<N>(x + place), up = load_pack<N>(x + place + width),
               outer = load_pack<N>(dy + row * width + c);
    Pack<E, N> dgate, dup;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X value = widen(gate.at[n]), factor = widen(up.at[n]), by_out = widen(outer.at[n]);
      const X open = logistic(value);
      dgate.at[n] = Narrow<E>::from(by_out * factor * open * (X{1} + value * (X{1} - open)));
      dup.at[n] = Narrow<E>::from(by_out * value * open);
    }
    store_pack(dx + place, dgate);
    store_pack(dx + place + width, dup);
  }
};

/// Columns count pairs: heads x half of them.
template <typename E>
struct Rope {
  Index sequence, half, stride;
  const Exact<E>*cosines, *sines;
  Exact<E> sign;
  E* x;
  template <int N>
  __device__ void at(Index row, Index pair) const {
    using X = Exact<E>;
    const auto head = static_cast<unsigned>(pair) / static_cast<unsigned>(half);
    const Index i = pair - static_cast<Index>(head) * half;
    const Index angle = row % sequence * half + i;
    E* const low = x + row * stride + 2 * static_cast<Index>(head) * half + i;
    auto below = load_pack<N>(low), above = load_pack<N>(low + half);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X a = widen(below.at[n]), b = widen(above.at[n]);
      const X cosine = cosines[angle + n], turn = sign * sines[angle + n];
      below.at[n] = Narrow<E>::from(a * cosine - b * turn);
      above.at[n] = Narrow<E>::from(b * cosine + a * turn);
    }
    store_pack(low, below);
    store_pack(low + half, above);
  }
};

template <typename T>
struct Add {
  const T* x;
  T* y;
  template <int N>
  __device__ void at(Index i) const {
    const auto from = load_pack<N>(x + i);
    auto to = load_pack<N>(y + i);
#pragma unroll
    for (int n = 0; n < N; ++n) to.at[n] = Narrow<T>::from(widen(to.at[n]) + widen(from.at[n]));
    store_pack(y + i, to);
  }
};

template <typename E>
struct Round {
  const Exact<E>* x;
  E* y;
  template <int N>
  __device__ void at(Index i) const {
    const auto from = load_pack<N>(x + i);
    Pack<E, N> to;
#pragma unroll
    for (int n = 0; n < N; ++n) to.at[n] = Narrow<E>::from(from.at[n]);
    store_pack(y + i, to);
  }
};

template <typename E>
struct AddBias {
  Index width;
  const E* bias;
  E* y;
  template <int N>
  __device__ void at(Index row, Index c) const {
    const auto from = load_pack<N>(bias + c);
    auto to = load_pack<N>(y + row * width + c);
#pragma unroll
    for (int n = 0; n < N; ++n) to.at[n] = Narrow<E>::from(widen(to.at[n]) + widen(from.at[n]));
    store_pack(y + row * width + c, to);
  }
};

/// One pass: everything is read once and written once.
template <typename E>
struct Update {
  using X = Exact<E>;
  X by, keep1, take1, keep2, take2, rate, correction2, epsilon, shrink;
  bool clear;
  X *master, *first_moment, *second_moment, *gradient;
  E* weights;
  template <int N>
  __device__ void at(Index i) const {
    const auto g = load_pack<N>(gradient + i);
    auto m = load_pack<N>(first_moment + i), v = load_pack<N>(second_moment + i),
         w = load_pack<N>(master + i);
    Pack<E, N> narrow;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X slope = g.at[n] * by;
      m.at[n] = keep1 * m.at[n] + take1 * slope;
      v.at[n] = keep2 * v.at[n] + take2 * slope * slope;
      w.at[n] = shrink * w.at[n] - rate * m.at[n] / (square_root(v.at[n] * correction2) + epsilon);
      narrow.at[n] = Narrow<E>::from(w.at[n]);
    }
    store_pack(first_moment + i, m);
    store_pack(second_moment + i, v);
    store_pack(master + i, w);
    if constexpr (!std::is_same_v<E, X>) store_pack(weights + i, narrow);
    if (clear) store_pack(gradient + i, Pack<X, N>{});
  }
};

/// In f64; every block leaves its part.
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

__global__ void __launch_bounds__(threads_per_block)
    add_partials(int count, const double* partial, double* result) {
  __shared__ double scratch[most_warps];
  double sums[1] = {0};
  for (int i = static_cast<int>(threadIdx.x); i < count; i += threads_per_block) sums[0] += partial[i];
  block_sums(sums, scratch);
  if (threadIdx.x == 0) result[0] = sums[0];
}

}  // namespace

template <typename E>
void begin_gelu_forward(Stream stream, Index count, const E* x, E* y) {
  over_numbers<pack_of<E>>(stream, count, aligned(x, y), GeluForward<E>{x, y});
}
template <typename E>
void begin_gelu_backward(Stream stream, Index count, const E* dy, const E* x, E* dx) {
  over_numbers<pack_of<E>>(stream, count, aligned(dy, x, dx), GeluBackward<E>{dy, x, dx});
}
template <typename E>
void begin_swiglu_forward(Stream stream, Index rows, Index width, const E* x, E* y) {
  over_rows<pack_of<E>>(stream, rows, width, aligned(x, y), SwigluForward<E>{width, x, y});
}
template <typename E>
void begin_swiglu_backward(Stream stream, Index rows, Index width, const E* dy, const E* x, E* dx) {
  over_rows<pack_of<E>>(stream, rows, width, aligned(dy, x, dx), SwigluBackward<E>{width, dy, x, dx});
}
template <typename E>
void begin_rope(Stream stream, Index rows, Index sequence, Index heads, Index size, Index stride,
                const Exact<E>* cosines, const Exact<E>* sines, int sign, E* x) {
  constexpr int n = pack_of<E>;
  const Index half = size / 2;
  over_rows<n>(stream, rows, heads * half, aligned(x) && half % n == 0 && stride % n == 0,
               Rope<E>{sequence, half, stride, cosines, sines, static_cast<Exact<E>>(sign < 0 ? -1 : 1), x});
}
template <typename T>
void begin_add(Stream stream, Index count, const T* x, T* y) {
  over_numbers<pack_of<T>>(stream, count, aligned(x, y), Add<T>{x, y});
}
template <typename E>
void begin_round(Stream stream, Index count, const Exact<E>* x, E* y) {
  over_numbers<pack_of<Exact<E>>>(stream, count, aligned(x, y), Round<E>{x, y});
}
template <typename E>
void begin_add_bias(Stream stream, Index rows, Index width, const E* bias, E* y) {
  over_rows<pack_of<E>>(stream, rows, width, aligned(bias, y), AddBias<E>{width, bias, y});
}

template <typename E>
void begin_adamw(Stream stream, Index count, const device::AdamW& settings, Exact<E>* master,
                 Exact<E>* first_moment, Exact<E>* second_moment, Exact<E>* gradient, E* weights) {
  using X = Exact<E>;
  const auto step = static_cast<double>(settings.step);
  const Update<E> update = {static_cast<X>(settings.gradient_scale),
                            static_cast<X>(settings.beta1),
                            static_cast<X>(1 - settings.beta1),
                            static_cast<X>(settings.beta2),
                            static_cast<X>(1 - settings.beta2),
                            static_cast<X>(settings.rate / (1 - std::pow(settings.beta1, step))),
                            static_cast<X>(1 / (1 - std::pow(settings.beta2, step))),
                            static_cast<X>(settings.epsilon),
                            static_cast<X>(1 - settings.rate * settings.decay),
                            settings.clear,
                            master,
                            first_moment,
                            second_moment,
                            gradient,
                            weights};
  const bool packs =
      aligned(master, first_moment, second_moment, gradient) && (std::is_same_v<E, X> || aligned(weights));
  over_numbers<pack_of<X>>(stream, count, packs, update);
}

template <typename T>
void begin_sum_of_squares(Stream stream, Index count, const T* x, double* partial, double* result) {
  constexpr Index of_block = 16 * threads_per_block;
  const auto blocks = static_cast<unsigned>(smaller(count / of_block + 1, square_partials));
  if (aligned(x))
    launch(add_squares<pack_of<T>, T>, blocks, threads_per_block, 0, stream, count, x, partial);
  else
    launch(add_squares<1, T>, blocks, threads_per_block, 0, stream, count, x, partial);
  launch(add_partials, 1, threads_per_block, 0, stream, static_cast<int>(blocks), partial, result);
}

#define ASSAY_INSTANTIATE(E)                                                                                 \
  template void begin_gelu_forward(Stream, Index, const E*, E*);                                             \
  template void begin_gelu_backward(Stream, Index, const E*, const E*, E*);                                  \
  template void begin_swiglu_forward(Stream, Index, Index, const E*, E*);                                    \
  template void begin_swiglu_backward(Stream, Index, Index, const E*, const E*, E*);                         \
  template void begin_rope(Stream, Index, Index, Index, Index, Index, const Exact<E>*, const Exact<E>*, int, \
                           E*);                                                                              \
  template void begin_add(Stream, Index, const E*, E*);                                                      \
  template void begin_round(Stream, Index, const Exact<E>*, E*);                                             \
  template void begin_add_bias(Stream, Index, Index, const E*, E*);                                          \
  template void begin_adamw(Stream, Index, const device::AdamW&, Exact<E>*, Exact<E>*, Exact<E>*, Exact<E>*, \
                            E*);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE
template void begin_sum_of_squares(Stream, Index, const double*, double*, double*);
template void begin_sum_of_squares(Stream, Index, const float*, double*, double*);

}  // namespace assay::gpu
