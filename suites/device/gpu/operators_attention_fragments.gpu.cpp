// Attention in bf16 on matrix units: blocks of four warps, each with a strip of 16 rows; of the scores only
// 16 x 64 numbers a warp exist at a time. Heads up to 128 numbers, in the next multiple of two strips. Sums
// are f32; probabilities and the scores' gradients are rounded to bf16 for the second products.
//
// As in operators_attention.gpu.cpp, queries and keys have kernels of their own in the backward pass, so that
// each sum has one order; both compute the scores again.
#include <math.h>  // NOLINT: INFINITY, exp2f

#include "suites/device/gpu/fragments.h"
#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

using device::AttentionShape;
using device::Bf16;

constexpr int strip = 16, warps = 4, tile = strip * warps, some = 2 * strip;
constexpr int most_fragment_size = 8 * strip;
constexpr float log2_of_e = 1.44269504088896340736f;

/// Rows of shared memory stand 16 bytes further apart than they are long: eight rows then lie in different
/// banks.
template <int D>
constexpr int pitch = D + 8;

/// `Rows` rows of a head, of which `rows` are there; what is missing becomes zero. With `packs`, rows and
/// their distance are whole 16 bytes.
template <int D, int Rows>
__device__ inline void load_rows(const Bf16* from, Index stride, Index rows, int size, bool packs, Bf16* to) {
  constexpr int n = 8, columns = D / n;
  for (int i = static_cast<int>(threadIdx.x); i < Rows * columns; i += static_cast<int>(blockDim.x)) {
    const int row = i / columns, d = i % columns * n;
    Pack<Bf16, n> pack{};
    if (row < rows && packs) {
      if (d < size) pack = load_pack<n>(from + row * stride + d);
    } else if (row < rows) {
#pragma unroll
      for (int j = 0; j < n; ++j)
        if (d + j < size) pack.at[j] = from[row * stride + d + j];
    }
    store_pack(to + row * pitch<D> + d, pack);
  }
}

/// A strip of 16 rows as left operands, by way of `room`, whose content is lost. All threads of the block.
template <typename F, int D>
__device__ inline void load_strip(const Bf16* from, Index stride, Index rows, int size, bool packs,
                                  Bf16* room, typename F::A (&to)[D / 16]) {
  __syncthreads();
  load_rows<D, tile>(from, stride, rows, size, packs, room);
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / F::lanes;
#pragma unroll
  for (int d = 0; d < D / 16; ++d) to[d] = F::load_a(room + warp * strip * pitch<D> + d * 16, pitch<D>);
}

template <typename F, int D>
__device__ inline void store_strip(const typename F::Sum (&sums)[D / 16], const float (&by)[F::sum_rows],
                                   Bf16* to, Index stride, Index rows, int size) {
  const int lane = static_cast<int>(threadIdx.x) % F::lanes;
  const int first = static_cast<int>(threadIdx.x) / F::lanes * strip;
#pragma unroll
  for (int d = 0; d < D / 16; ++d)
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int row = first + F::sum_row(lane, i), column = d * 16 + F::sum_column(lane, i);
      if (row < rows && column < size)
        to[row * stride + column] = device::to_bf16(sums[d].at[i] * by[F::sum_slot(i)]);
    }
}

/// Of the values of lanes that hold the same row.
template <typename F>
__device__ inline float row_sum(float value) {
#pragma unroll
  for (int mask = F::row_lanes / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}
template <typename F>
__device__ inline float row_largest(float value) {
#pragma unroll
  for (int mask = F::row_lanes / 2; mask > 0; mask /= 2) value = larger(value, shuffle_xor(value, mask));
  return value;
}

template <typename F, int D>
__global__ void __launch_bounds__(warps* F::lanes)
    forward_on_fragments(AttentionForward<Bf16> a, float scale, bool packs) {
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes;
  const Index head = blockIdx.y, kv_head = head / (s.heads / s.kv_heads);
  const Index base = static_cast<Index>(blockIdx.z) * s.sequence;
  const Index first = static_cast<Index>(gridDim.x - 1 - blockIdx.x) * tile;  // the longest begin first
  const Index count = smaller(tile, s.sequence - first);
  Bf16* const keys = shared_memory<Bf16>();
  Bf16* const values = keys + tile * pitch<D>;
  Bf16* const scratch = values + tile * pitch<D> + warp * F::scratch;
  const float by = scale * log2_of_e;

  typename F::A queries[D / 16];
  load_strip<F, D>(a.q + (base + first) * a.stride + head * size, a.stride, count, size, packs, keys,
                   queries);
  typename F::Sum sums[D / 16] = {};
  float largest[F::sum_rows], total[F::sum_rows];
  for (int slot = 0; slot < F::sum_rows; ++slot) largest[slot] = -INFINITY, total[slot] = 0;

  for (Index from = 0; from <= first; from += tile) {
    const Index row = (base + from) * a.stride + kv_head * size;
    __syncthreads();
    load_rows<D, tile>(a.k + row, a.stride, smaller(tile, s.sequence - from), size, packs, keys);
    load_rows<D, tile>(a.v + row, a.stride, smaller(tile, s.sequence - from), size, packs, values);
    __syncthreads();
    typename F::Sum scores[tile / 16] = {};
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
#pragma unroll
      for (int n = 0; n < tile / 16; ++n)
        F::multiply(scores[n], queries[d], F::load_b_columns(keys + n * 16 * pitch<D> + d * 16, pitch<D>));
    if (from == first) {
#pragma unroll
      for (int n = 0; n < tile / 16; ++n)
#pragma unroll
        for (int i = 0; i < F::held; ++i)
          if (n * 16 + F::sum_column(lane, i) > warp * strip + F::sum_row(lane, i))
            scores[n].at[i] = -INFINITY;
    }
    float shrink[F::sum_rows];
#pragma unroll
    for (int slot = 0; slot < F::sum_rows; ++slot) {
      float peak = largest[slot];
#pragma unroll
      for (int n = 0; n < tile / 16; ++n)
#pragma unroll
        for (int i = 0; i < F::held; ++i)
          if (F::sum_slot(i) == slot) peak = larger(scores[n].at[i], peak);
      peak = row_largest<F>(peak);
      shrink[slot] = ::exp2f((largest[slot] - peak) * by);
      largest[slot] = peak;
      total[slot] *= shrink[slot];
    }
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
#pragma unroll
      for (int i = 0; i < F::held; ++i) sums[d].at[i] *= shrink[F::sum_slot(i)];
#pragma unroll
    for (int n = 0; n < tile / 16; ++n) {
#pragma unroll
      for (int i = 0; i < F::held; ++i) {
        const int slot = F::sum_slot(i);
        const float weight = ::exp2f((scores[n].at[i] - largest[slot]) * by);
        total[slot] += weight;
        scores[n].at[i] = weight;
      }
      const typename F::A weights = F::narrow(scores[n], scratch);
#pragma unroll
      for (int d = 0; d < D / 16; ++d)
        F::multiply(sums[d], weights, F::load_b_rows(values + n * 16 * pitch<D> + d * 16, pitch<D>));
    }
  }

  float inverse[F::sum_rows];
#pragma unroll
  for (int slot = 0; slot < F::sum_rows; ++slot) {
    total[slot] = row_sum<F>(total[slot]);
    inverse[slot] = 1 / total[slot];
  }
  store_strip<F, D>(sums, inverse, a.o + ((base + first) * s.heads + head) * size, s.heads * size, count,
                    size);
#pragma unroll
  for (int i = 0; i < F::held; ++i) {
    const int row = warp * strip + F::sum_row(lane, i), slot = F::sum_slot(i);
    if (F::sum_column(lane, i) == 0 && row < count)
      a.log_sum[(base + first + row) * s.heads + head] = largest[slot] * scale + ::logf(total[slot]);
  }
}

template <typename F, int D>
__global__ void __launch_bounds__(warps* F::lanes)
    queries_on_fragments(AttentionBackward<Bf16> a, float scale, bool packs) {
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes;
  const Index head = blockIdx.y, kv_head = head / (s.heads / s.kv_heads);
  const Index base = static_cast<Index>(blockIdx.z) * s.sequence;
  const Index first = static_cast<Index>(gridDim.x - 1 - blockIdx.x) * tile;
  const Index count = smaller(tile, s.sequence - first);
  Bf16* const keys = shared_memory<Bf16>();
  Bf16* const values = keys + tile * pitch<D>;
  Bf16* const scratch = values + tile * pitch<D> + warp * F::scratch;
  const float by = scale * log2_of_e;

  typename F::A queries[D / 16], d_o[D / 16];
  load_strip<F, D>(a.q + (base + first) * a.stride + head * size, a.stride, count, size, packs, keys,
                   queries);
  load_strip<F, D>(a.d_o + ((base + first) * s.heads + head) * size, s.heads * size, count, size, packs, keys,
                   d_o);
  float log_sum[F::sum_rows], product[F::sum_rows];  // a row that is not there weighs nothing
  for (int i = 0; i < F::held; ++i) {
    const int row = warp * strip + F::sum_row(lane, i), slot = F::sum_slot(i);
    const Index at = (base + first + row) * s.heads + head;
    log_sum[slot] = row < count ? a.log_sum[at] * log2_of_e : INFINITY;
    product[slot] = row < count ? a.product[at] : 0;
  }
  typename F::Sum sums[D / 16] = {};
  for (Index from = 0; from <= first; from += tile) {
    const Index row = (base + from) * a.stride + kv_head * size;
    __syncthreads();
    load_rows<D, tile>(a.k + row, a.stride, smaller(tile, s.sequence - from), size, packs, keys);
    load_rows<D, tile>(a.v + row, a.stride, smaller(tile, s.sequence - from), size, packs, values);
    __syncthreads();
#pragma unroll
    for (int n = 0; n < tile / 16; ++n) {
      if (from == first && n > warp) break;  // later than all of this strip
      typename F::Sum scores = {}, by_weight = {};
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const int at = n * 16 * pitch<D> + d * 16;
        F::multiply(scores, queries[d], F::load_b_columns(keys + at, pitch<D>));
        F::multiply(by_weight, d_o[d], F::load_b_columns(values + at, pitch<D>));
      }
#pragma unroll
      for (int i = 0; i < F::held; ++i) {
        const int slot = F::sum_slot(i);
        const bool seen =
            from < first || n * 16 + F::sum_column(lane, i) <= warp * strip + F::sum_row(lane, i);
        const float weight = seen ? ::exp2f(scores.at[i] * by - log_sum[slot]) : 0;
        scores.at[i] = weight * (by_weight.at[i] - product[slot]);
      }
      const typename F::A gradients = F::narrow(scores, scratch);
#pragma unroll
      for (int d = 0; d < D / 16; ++d)
        F::multiply(sums[d], gradients, F::load_b_rows(keys + n * 16 * pitch<D> + d * 16, pitch<D>));
    }
  }
  float scales[F::sum_rows];
  for (int slot = 0; slot < F::sum_rows; ++slot) scales[slot] = scale;
  store_strip<F, D>(sums, scales, a.dq + (base + first) * a.stride + head * size, a.stride, count, size);
}

/// Rows of the scores are keys here, columns queries.
template <typename F, int D>
__global__ void __launch_bounds__(warps* F::lanes)
    keys_on_fragments(AttentionBackward<Bf16> a, float scale, bool packs) {
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes;
  const Index kv_head = blockIdx.y, group = s.heads / s.kv_heads;
  const Index base = static_cast<Index>(blockIdx.z) * s.sequence,
              first = static_cast<Index>(blockIdx.x) * tile;
  const Index count = smaller(tile, s.sequence - first);
  Bf16* const keys = shared_memory<Bf16>();
  Bf16* const values = keys + tile * pitch<D>;
  Bf16* const queries = values + tile * pitch<D>;
  Bf16* const d_o = queries + some * pitch<D>;
  float* const log_sums = reinterpret_cast<float*>(d_o + some * pitch<D>);
  float* const products = log_sums + some;
  Bf16* const scratch = reinterpret_cast<Bf16*>(products + some) + warp * F::scratch;
  const Bf16* const own_keys = keys + warp * strip * pitch<D>;
  const Bf16* const own_values = values + warp * strip * pitch<D>;
  const float by = scale * log2_of_e;

  const Index own = (base + first) * a.stride + kv_head * size;
  load_rows<D, tile>(a.k + own, a.stride, count, size, packs, keys);
  load_rows<D, tile>(a.v + own, a.stride, count, size, packs, values);
  typename F::Sum dk[D / 16] = {}, dv[D / 16] = {};
  for (Index head = kv_head * group; head < (kv_head + 1) * group; ++head)
    for (Index from = first; from < s.sequence; from += some) {
      const Index row = base + from, rows = smaller(some, s.sequence - from);
      __syncthreads();
      load_rows<D, some>(a.q + row * a.stride + head * size, a.stride, rows, size, packs, queries);
      load_rows<D, some>(a.d_o + (row * s.heads + head) * size, s.heads * size, rows, size, packs, d_o);
      if (const int r = static_cast<int>(threadIdx.x); r < some) {
        log_sums[r] = r < rows ? a.log_sum[(row + r) * s.heads + head] * log2_of_e : INFINITY;
        products[r] = r < rows ? a.product[(row + r) * s.heads + head] : 0;
      }
      __syncthreads();
#pragma unroll
      for (int n = 0; n < some / 16; ++n) {
        const int ahead =
            static_cast<int>(from - first) + n * 16;  // of these queries, to the tile's first key
        if (ahead + 16 <= warp * strip) continue;     // earlier than all of this strip
        typename F::Sum scores = {}, gradients = {};
#pragma unroll
        for (int d = 0; d < D / 16; ++d) {
          const int at = n * 16 * pitch<D> + d * 16;
          F::multiply(scores, F::load_a(own_keys + d * 16, pitch<D>),
                      F::load_b_columns(queries + at, pitch<D>));
          F::multiply(gradients, F::load_a(own_values + d * 16, pitch<D>),
                      F::load_b_columns(d_o + at, pitch<D>));
        }
#pragma unroll
        for (int i = 0; i < F::held; ++i) {
          const int column = F::sum_column(lane, i), query = n * 16 + column;
          const bool seen = warp * strip + F::sum_row(lane, i) <= ahead + column;
          const float weight = seen ? ::exp2f(scores.at[i] * by - log_sums[query]) : 0;
          scores.at[i] = weight;
          gradients.at[i] = weight * (gradients.at[i] - products[query]);
        }
        const typename F::A weights = F::narrow(scores, scratch);
#pragma unroll
        for (int d = 0; d < D / 16; ++d)
          F::multiply(dv[d], weights, F::load_b_rows(d_o + n * 16 * pitch<D> + d * 16, pitch<D>));
        const typename F::A narrow = F::narrow(gradients, scratch);
#pragma unroll
        for (int d = 0; d < D / 16; ++d)
          F::multiply(dk[d], narrow, F::load_b_rows(queries + n * 16 * pitch<D> + d * 16, pitch<D>));
      }
    }
  float ones[F::sum_rows], scales[F::sum_rows];
  for (int slot = 0; slot < F::sum_rows; ++slot) ones[slot] = 1, scales[slot] = scale;
  store_strip<F, D>(dk, scales, a.dk + own, a.stride, count, size);
  store_strip<F, D>(dv, ones, a.dv + own, a.stride, count, size);
}

template <typename F, int D>
struct Begin {
  static constexpr unsigned threads = warps * F::lanes;
  static constexpr std::size_t two_tiles = 2 * sizeof(Bf16) * tile * pitch<D>,
                               scratch = sizeof(Bf16) * warps * F::scratch,
                               two_parts = 2 * sizeof(Bf16) * some * pitch<D> + 2 * sizeof(float) * some;

  static dim3 blocks(const AttentionShape& s, Index heads) {
    return {static_cast<unsigned>((s.sequence + tile - 1) / tile), static_cast<unsigned>(heads),
            static_cast<unsigned>(s.batch)};
  }
  template <typename Call>
  static bool whole_packs(const Call& call) {
    return call.shape.size % 8 == 0 && call.stride % 8 == 0 && aligned(call.q, call.k, call.v);
  }
  static float scale(const AttentionShape& s) { return 1 / ::sqrtf(static_cast<float>(s.size)); }

  static void forward(Stream stream, const AttentionForward<Bf16>& call) {
    launch(forward_on_fragments<F, D>, blocks(call.shape, call.shape.heads), threads, two_tiles + scratch,
           stream, call, scale(call.shape), whole_packs(call));
  }
  static void backward(Stream stream, const AttentionBackward<Bf16>& call) {
    const bool packs = whole_packs(call) && aligned(call.d_o);
    launch(queries_on_fragments<F, D>, blocks(call.shape, call.shape.heads), threads, two_tiles + scratch,
           stream, call, scale(call.shape), packs);
    launch(keys_on_fragments<F, D>, blocks(call.shape, call.shape.kv_heads), threads,
           two_tiles + two_parts + scratch, stream, call, scale(call.shape), packs);
  }
};

/// use(Begin<F, D>) for the smallest D that holds a head.
template <typename F, typename Use>
void with_size(Index size, const Use& use) {
  if (size <= 2 * strip)
    use(Begin<F, 2 * strip>());
  else if (size <= 4 * strip)
    use(Begin<F, 4 * strip>());
  else if (size <= 6 * strip)
    use(Begin<F, 6 * strip>());
  else
    use(Begin<F, most_fragment_size>());
}

template <typename Use>
void with_fragments(Index size, const Use& use) {
#if defined(ASSAY_GPU_EMULATED)
  warpSize == NvidiaFragments::lanes ? with_size<NvidiaFragments>(size, use)
                                     : with_size<AmdFragments>(size, use);
#else
  with_size<Fragments>(size, use);
#endif
}

}  // namespace

bool fragments_take(const AttentionShape& shape) {
  return shape.size <= most_fragment_size;
}

void begin_attention_forward_on_fragments(Stream stream, const AttentionForward<Bf16>& call) {
  if (call.shape.batch == 0 || call.shape.sequence == 0 || call.shape.heads == 0) return;
  with_fragments(call.shape.size, [&](auto begin) { begin.forward(stream, call); });
}

void begin_attention_backward_on_fragments(Stream stream, const AttentionBackward<Bf16>& call) {
  if (call.shape.batch == 0 || call.shape.sequence == 0 || call.shape.heads == 0) return;
  with_fragments(call.shape.size, [&](auto begin) { begin.backward(stream, call); });
}

}  // namespace assay::gpu
