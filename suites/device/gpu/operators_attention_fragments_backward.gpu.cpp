// Attention's backward pass in bf16 on matrix units. Queries and keys have kernels of their own, as in
// operators_attention.gpu.cpp, so that each sum has one order; both compute the scores again. The scores'
// gradients are rounded to bf16 for the second products.
#include "suites/device/gpu/attention_fragments.h"

namespace assay::gpu {

namespace {

constexpr int some = 2 * strip;  // queries at a time, for a tile of keys

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

  typename F::A queries[1][D / 16], d_o[1][D / 16];
  load_strips<F, D, 1>(a.q + (base + first) * a.stride + head * size, a.stride, count, size, packs, keys,
                       queries);
  load_strips<F, D, 1>(a.d_o + ((base + first) * s.heads + head) * size, s.heads * size, count, size, packs,
                       keys, d_o);
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
        F::multiply(scores, queries[0][d], F::load_b_columns(keys + at, pitch<D>));
        F::multiply(by_weight, d_o[0][d], F::load_b_columns(values + at, pitch<D>));
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
  store_strip<F, D>(sums, scales, a.dq + (base + first) * a.stride + head * size, a.stride, warp * strip,
                    count, size);
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
  // Small heads stay in registers.
  constexpr bool stay = D <= 4 * strip;
  typename F::A held_keys[stay ? D / 16 : 1], held_values[stay ? D / 16 : 1];
  __syncthreads();
  if constexpr (stay) {
#pragma unroll
    for (int d = 0; d < D / 16; ++d) {
      held_keys[d] = F::load_a(own_keys + d * 16, pitch<D>);
      held_values[d] = F::load_a(own_values + d * 16, pitch<D>);
    }
  }
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
          typename F::A some_keys, some_values;
          if constexpr (stay) {
            some_keys = held_keys[d];
            some_values = held_values[d];
          } else {
            some_keys = F::load_a(own_keys + d * 16, pitch<D>);
            some_values = F::load_a(own_values + d * 16, pitch<D>);
          }
          F::multiply(scores, some_keys, F::load_b_columns(queries + at, pitch<D>));
          F::multiply(gradients, some_values, F::load_b_columns(d_o + at, pitch<D>));
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
  store_strip<F, D>(dk, scales, a.dk + own, a.stride, warp * strip, count, size);
  store_strip<F, D>(dv, ones, a.dv + own, a.stride, warp * strip, count, size);
}

struct Begin {
  Stream stream;
  const AttentionBackward<Bf16>& call;
  template <typename F, int D>
  void with() const {
    constexpr std::size_t two_parts = 2 * some * (sizeof(Bf16) * pitch<D> + sizeof(float));
    const AttentionShape& s = call.shape;
    const bool packs = whole_packs(call) && aligned(call.d_o);
    launch(queries_on_fragments<F, D>, blocks_of(s, s.heads, tile), warps * F::lanes, two_tiles<F, D>, stream,
           call, scale_of(s), packs);
    launch(keys_on_fragments<F, D>, blocks_of(s, s.kv_heads, tile), warps * F::lanes,
           two_tiles<F, D> + two_parts, stream, call, scale_of(s), packs);
  }
};

}  // namespace

void begin_attention_backward_on_fragments(Stream stream, const AttentionBackward<Bf16>& call) {
  if (call.shape.batch == 0 || call.shape.sequence == 0 || call.shape.heads == 0) return;
  with_fragments(call.shape.size, Begin{stream, call});
}

}  // namespace assay::gpu
