// Operators that work number by number: each is a small struct whose `at<N>` does N neighbouring numbers, and
// goes over memory 16 bytes at a time where everything stands on 16 bytes.
#include "suites/device/gpu/maps.h"
#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

/// One block a row; width is a multiple of N.
template <int N, typename Map>
__global__ void __launch_bounds__(threads_per_block) map_rows(Index rows, Index width, Map map) {
  for (Index row = blockIdx.x; row < rows; row += gridDim.x)
    for (Index c = static_cast<Index>(threadIdx.x) * N; c < width; c += static_cast<Index>(blockDim.x) * N)
      map.template at<N>(row, c);
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

#define ASSAY_INSTANTIATE(E)                                                                                 \
  template void begin_gelu_forward(Stream, Index, const E*, E*);                                             \
  template void begin_gelu_backward(Stream, Index, const E*, const E*, E*);                                  \
  template void begin_swiglu_forward(Stream, Index, Index, const E*, E*);                                    \
  template void begin_swiglu_backward(Stream, Index, Index, const E*, const E*, E*);                         \
  template void begin_rope(Stream, Index, Index, Index, Index, Index, const Exact<E>*, const Exact<E>*, int, \
                           E*);                                                                              \
  template void begin_add(Stream, Index, const E*, E*);                                                      \
  template void begin_round(Stream, Index, const Exact<E>*, E*);                                             \
  template void begin_add_bias(Stream, Index, Index, const E*, E*);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE

}  // namespace assay::gpu
