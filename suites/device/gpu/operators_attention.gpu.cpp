// Attention in tiles for every element, without matrix units: the streaming softmax of Milakov and
// Gimelshein (arXiv:1805.02867) and the backward pass of Dao et al. (arXiv:2205.14135). Tiles are side x side
// scores, one for each thread. Gradients of queries and of keys are computed in kernels of their own, so that
// each number is summed by one thread in one order.
#include <math.h>  // NOLINT: INFINITY

#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

using device::AttentionShape;

/// Small enough for 64 KiB of shared memory at heads of 128 numbers.
template <typename X>
inline constexpr int side_of = sizeof(X) == 8 ? 8 : 16;
template <typename X>
inline constexpr int threads_of = side_of<X>* side_of<X>;
constexpr int product_threads = 256;
/// Columns of a head that a thread sums.
template <typename X>
inline constexpr int columns_of = static_cast<int>(most_head_size) / side_of<X>;

/// `rows` rows of a head (the others zero) times scale, one number further apart than they are long: threads
/// that read a column then read different banks.
template <typename E>
__device__ inline void load_tile(const E* from, Index stride, Index rows, Index size, Exact<E> scale,
                                 Exact<E>* to) {
  using X = Exact<E>;
  for (Index i = threadIdx.x; i < side_of<X> * size; i += threads_of<X>) {
    const Index row = i / size, d = i - row * size;
    to[row * (size + 1) + d] = row < rows ? widen(from[row * stride + d]) * scale : X{0};
  }
}

template <typename X>
__device__ inline X dot(Index size, const X* a, const X* b) {
  X sum = 0;
  for (Index d = 0; d < size; ++d) sum += a[d] * b[d];
  return sum;
}

/// sums[.] (+)= weights . rows, over the rows of a tile; weights are `apart` from each other.
template <typename X>
__device__ inline void add_rows(Index size, int column, const X* weights, int apart, const X* rows,
                                X (&sums)[columns_of<X>]) {
  for (int r = 0; r < side_of<X>; ++r) {
    const X weight = weights[r * apart];
#pragma unroll
    for (int j = 0; j < columns_of<X>; ++j)
      if (column + j * side_of<X> < size) sums[j] += weight * rows[r * (size + 1) + column + j * side_of<X>];
  }
}

template <typename E, typename X>
__device__ inline void store_row(Index size, int column, const X (&sums)[columns_of<X>], X by, E* to) {
#pragma unroll
  for (int j = 0; j < columns_of<X>; ++j)
    if (column + j * side_of<X> < size) to[column + j * side_of<X>] = Narrow<E>::from(sums[j] * by);
}

/// Where a block works.
struct Place {
  __device__ Place(const AttentionShape& s, int side) : first(static_cast<Index>(blockIdx.x) * side) {
    base = static_cast<Index>(blockIdx.z) * s.sequence;
    count = smaller(side, s.sequence - first);
  }
  Index first, base, count;  // of the tile's rows within the sequence; the sequence's first row
};

template <typename E>
__global__ void __launch_bounds__(threads_of<Exact<E>>) forward(AttentionForward<E> a) {
  using X = Exact<E>;
  constexpr int side = side_of<X>;
  const AttentionShape& s = a.shape;
  const Index size = s.size, head = blockIdx.y, kv_head = head / (s.heads / s.kv_heads);
  X* const queries = shared_memory<X>();
  X* const others = queries + side * (size + 1);
  X* const scores = others + side * (size + 1);
  const int r = static_cast<int>(threadIdx.x) / side, c = static_cast<int>(threadIdx.x) % side;
  const Place at(s, side);
  load_tile(a.q + (at.base + at.first) * a.stride + head * size, a.stride, at.count, size,
            X{1} / square_root(static_cast<X>(size)), queries);
  X largest = -static_cast<X>(INFINITY), total = 0, sums[columns_of<X>] = {};
  for (Index from = 0; from <= at.first; from += side) {
    const Index row = (at.base + from) * a.stride + kv_head * size, count = smaller(side, s.sequence - from);
    __syncthreads();
    load_tile(a.k + row, a.stride, count, size, X{1}, others);
    __syncthreads();
    const X score = from + c <= at.first + r ? dot(size, queries + r * (size + 1), others + c * (size + 1))
                                             : -static_cast<X>(INFINITY);
    X peak = larger(score, largest);  // the side's threads of a row are neighbours in a warp
    for (int mask = side / 2; mask > 0; mask /= 2) peak = larger(peak, shuffle_xor(peak, mask));
    const X weight = exponential(score - peak), shrink = exponential(largest - peak);
    X row_sum = weight;
    for (int mask = side / 2; mask > 0; mask /= 2) row_sum += shuffle_xor(row_sum, mask);
    total = total * shrink + row_sum;
    largest = peak;
    scores[r * side + c] = weight;
    __syncthreads();
    load_tile(a.v + row, a.stride, count, size, X{1}, others);
    __syncthreads();
#pragma unroll
    for (int j = 0; j < columns_of<X>; ++j) sums[j] *= shrink;
    add_rows(size, c, scores + r * side, 1, others, sums);
  }
  if (r >= at.count) return;
  const Index row = (at.base + at.first + r) * s.heads + head;
  store_row(size, c, sums, X{1} / total, a.o + row * size);
  if (c == 0) a.log_sum[row] = largest + logarithm(total);
}

/// `lanes` threads for each row and head: a power of two, no more than a warp has.
template <int N, typename E>
__global__ void __launch_bounds__(product_threads) products(AttentionBackward<E> a, int lanes) {
  using X = Exact<E>;
  const Index count = a.shape.batch * a.shape.sequence * a.shape.heads, size = a.shape.size;
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const Index i = (static_cast<Index>(blockIdx.x) * product_threads + threadIdx.x) / lanes;
  X sum = 0;
  if (i < count)
    for (Index d = lane * N; d < size; d += lanes * N) {
      const auto left = load_pack<N>(a.d_o + i * size + d), right = load_pack<N>(a.o + i * size + d);
#pragma unroll
      for (int n = 0; n < N; ++n) sum += widen(left.at[n]) * widen(right.at[n]);
    }
  for (int mask = lanes / 2; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  if (lane == 0 && i < count) a.product[i] = sum;
}

/// Score (r, c) of a tile and its gradient, from queries that are scaled.
template <typename X>
struct Scored {
  X weight = 0, gradient = 0;
};
template <typename X>
__device__ inline Scored<X> score(bool seen, Index size, const X* query, const X* key, const X* d_o,
                                  const X* value, X log_sum, X product) {
  if (!seen) return {};
  const X weight = exponential(dot(size, query, key) - log_sum);
  return {weight, weight * (dot(size, d_o, value) - product)};
}

template <typename E>
__global__ void __launch_bounds__(threads_of<Exact<E>>) backward_queries(AttentionBackward<E> a) {
  using X = Exact<E>;
  constexpr int side = side_of<X>;
  const AttentionShape& s = a.shape;
  const Index size = s.size, head = blockIdx.y, kv_head = head / (s.heads / s.kv_heads),
              tile = side * (size + 1);
  X* const queries = shared_memory<X>();
  X *const d_o = queries + tile, *const keys = d_o + tile, *const values = keys + tile,
           *const gradients = values + tile;
  const int r = static_cast<int>(threadIdx.x) / side, c = static_cast<int>(threadIdx.x) % side;
  const Place at(s, side);
  const X scale = X{1} / square_root(static_cast<X>(size));
  const Index row = at.base + at.first, out = (row + r) * s.heads + head;
  load_tile(a.q + row * a.stride + head * size, a.stride, at.count, size, scale, queries);
  load_tile(a.d_o + (row * s.heads + head) * size, s.heads * size, at.count, size, X{1}, d_o);
  const bool here = r < at.count;
  const X log_sum = here ? a.log_sum[out] : X{0}, product = here ? a.product[out] : X{0};
  X sums[columns_of<X>] = {};
  for (Index from = 0; from <= at.first; from += side) {
    const Index other = (at.base + from) * a.stride + kv_head * size,
                count = smaller(side, s.sequence - from);
    __syncthreads();
    load_tile(a.k + other, a.stride, count, size, X{1}, keys);
    load_tile(a.v + other, a.stride, count, size, X{1}, values);
    __syncthreads();
    gradients[r * side + c] =
        score(here && from + c <= at.first + r, size, queries + r * (size + 1), keys + c * (size + 1),
              d_o + r * (size + 1), values + c * (size + 1), log_sum, product)
            .gradient;
    __syncthreads();
    add_rows(size, c, gradients + r * side, 1, keys, sums);
  }
  if (here) store_row(size, c, sums, scale, a.dq + (row + r) * a.stride + head * size);
}

template <typename E>
__global__ void __launch_bounds__(threads_of<Exact<E>>) backward_keys(AttentionBackward<E> a) {
  using X = Exact<E>;
  constexpr int side = side_of<X>;
  const AttentionShape& s = a.shape;
  const Index size = s.size, kv_head = blockIdx.y, group = s.heads / s.kv_heads, tile = side * (size + 1);
  X* const queries = shared_memory<X>();
  X *const d_o = queries + tile, *const keys = d_o + tile, *const values = keys + tile,
           *const weights = values + tile, *const gradients = weights + side * side;
  const int r = static_cast<int>(threadIdx.x) / side, c = static_cast<int>(threadIdx.x) % side;
  const Place at(s, side);
  const X scale = X{1} / square_root(static_cast<X>(size));
  const Index own = (at.base + at.first) * a.stride + kv_head * size;
  load_tile(a.k + own, a.stride, at.count, size, X{1}, keys);
  load_tile(a.v + own, a.stride, at.count, size, X{1}, values);
  X dk[columns_of<X>] = {}, dv[columns_of<X>] = {};
  for (Index head = kv_head * group; head < (kv_head + 1) * group; ++head)
    for (Index from = at.first; from < s.sequence; from += side) {
      const Index row = at.base + from, count = smaller(side, s.sequence - from);
      __syncthreads();
      load_tile(a.q + row * a.stride + head * size, a.stride, count, size, scale, queries);
      load_tile(a.d_o + (row * s.heads + head) * size, s.heads * size, count, size, X{1}, d_o);
      __syncthreads();
      const bool seen = r < count && at.first + c <= from + r;
      const Index out = (row + r) * s.heads + head;
      const Scored<X> scored =
          score(seen, size, queries + r * (size + 1), keys + c * (size + 1), d_o + r * (size + 1),
                values + c * (size + 1), seen ? a.log_sum[out] : X{0}, seen ? a.product[out] : X{0});
      weights[r * side + c] = scored.weight;
      gradients[r * side + c] = scored.gradient;
      __syncthreads();
      add_rows(size, c, weights + r, side, d_o, dv);
      add_rows(size, c, gradients + r, side, queries, dk);
    }
  if (r >= at.count) return;
  store_row(size, c, dk, X{1}, a.dk + own + r * a.stride);
  store_row(size, c, dv, X{1}, a.dv + own + r * a.stride);
}

template <typename X>
dim3 tiles_of(const AttentionShape& s, Index heads) {
  return {static_cast<unsigned>((s.sequence + side_of<X> - 1) / side_of<X>), static_cast<unsigned>(heads),
          static_cast<unsigned>(s.batch)};
}

template <typename X>
std::size_t shared_bytes(const AttentionShape& s, Index tiles, Index scores) {
  return static_cast<std::size_t>(tiles * side_of<X> * (s.size + 1) + scores * threads_of<X>) * sizeof(X);
}

bool empty(const AttentionShape& s) {
  return s.batch == 0 || s.sequence == 0 || s.heads == 0;
}

}  // namespace

template <typename E>
void begin_attention_forward(Stream stream, const AttentionForward<E>& call) {
  using X = Exact<E>;
  if (empty(call.shape)) return;
  launch(forward<E>, tiles_of<X>(call.shape, call.shape.heads), threads_of<X>,
         shared_bytes<X>(call.shape, 2, 1), stream, call);
}

template <typename E>
void begin_attention_products(Stream stream, const AttentionBackward<E>& call) {
  constexpr int n = pack_of<E>, most_lanes = 16;
  if (empty(call.shape)) return;
  const bool packs = aligned(call.d_o, call.o) && call.shape.size % n == 0;
  int lanes = 1;
  while (lanes < most_lanes && lanes * (packs ? n : 1) < call.shape.size) lanes *= 2;
  const Index count = call.shape.batch * call.shape.sequence * call.shape.heads;
  launch(packs ? products<n, E> : products<1, E>, blocks_for(count * lanes, product_threads), product_threads,
         0, stream, call, lanes);
}

template <typename E>
void begin_attention_backward(Stream stream, const AttentionBackward<E>& call) {
  using X = Exact<E>;
  if (empty(call.shape)) return;
  launch(backward_queries<E>, tiles_of<X>(call.shape, call.shape.heads), threads_of<X>,
         shared_bytes<X>(call.shape, 4, 1), stream, call);
  launch(backward_keys<E>, tiles_of<X>(call.shape, call.shape.kv_heads), threads_of<X>,
         shared_bytes<X>(call.shape, 4, 2), stream, call);
}

#define ASSAY_INSTANTIATE(E)                                                   \
  template void begin_attention_forward(Stream, const AttentionForward<E>&);   \
  template void begin_attention_products(Stream, const AttentionBackward<E>&); \
  template void begin_attention_backward(Stream, const AttentionBackward<E>&);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE

}  // namespace assay::gpu
