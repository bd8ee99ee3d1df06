// Attention's backward pass in bf16 on matrix units. Queries and keys have kernels of their own, as in
// operators_attention.gpu.cpp, so that each sum has one order; both compute the scores again. The scores'
// gradients are rounded to bf16 for the second products. Where copies go on by themselves, the next tile
// comes while this one is worked on.
#include "suites/device/gpu/attention_fragments.h"

namespace assay::gpu {

namespace {

constexpr int some = 2 * strip;  // queries at a time, for a tile of keys

/// Strips that a warp does at once, of queries or of keys: with two, what it loads of the others serves both.
template <typename F, int D>
constexpr int strips = D <= 4 * strip&& F::stages > 1 ? 2 : 1;

/// exp(score - log_sum), where the score is not scaled yet; `offset` is -log_sum / ln 2.
template <typename F>
__device__ inline float weight_of(float score, float by, float offset) {
  return F::exp2(::fmaf(score, by, offset));
}

template <typename F, int D>
__global__ void __launch_bounds__(threads_of_block<F>)
    queries_on_fragments(AttentionBackward<Bf16> a, float scale, bool packs) {
  constexpr int S = strips<F, D>, stages = F::stages, both = 2 * tile * pitch<D>;
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes, own = warp * S * strip;
  const int sequence = static_cast<int>(s.sequence), heads = static_cast<int>(s.heads),
            head = static_cast<int>(blockIdx.x) % heads,
            kv_head = head / (heads / static_cast<int>(s.kv_heads));
  const Index base = static_cast<Index>(static_cast<int>(blockIdx.x) / heads) * sequence;
  const int first = static_cast<int>(gridDim.y - 1 - blockIdx.y) * S * tile;  // the longest begin first
  const int end = sequence - first < S * tile ? sequence : first + S * tile, count = end - first;
  Bf16* const room = shared_memory<Bf16>();  // of each stage: keys, then values
  Bf16* const scratch = room + stages * both + warp * F::scratch;
  const float by = scale * log2_of_e;
  const Index place = base * a.stride + kv_head * size;
  const auto begin_stage = [&](int from, int stage) {
    Bf16* const keys = room + stage * both;
    begin_rows<F, D, tile>(a.k + place + from * a.stride, a.stride, sequence - from, size, packs, keys);
    begin_rows<F, D, tile>(a.v + place + from * a.stride, a.stride, sequence - from, size, packs,
                           keys + tile * pitch<D>);
  };

  // What a warp holds comes by way of the stages' room: S * tile rows of each.
  typename F::A queries[S][D / 16], d_o[S][D / 16];
  Bf16* const second = room + S * tile * pitch<D>;
  begin_rows<F, D, S * tile>(a.q + (base + first) * a.stride + head * size, a.stride, count, size, packs,
                             room);
  begin_rows<F, D, S * tile>(a.d_o + ((base + first) * heads + head) * size, heads * size, count, size, packs,
                             second);
  F::wait_for_copies();
  __syncthreads();
  load_strips<F, D, S>(room, queries);
  load_strips<F, D, S>(second, d_o);
  __syncthreads();
  if constexpr (stages > 1) begin_stage(0, 0);

  float offset[S][F::sum_rows], product[S][F::sum_rows];  // a row that is not there weighs nothing
#pragma unroll
  for (int k = 0; k < S; ++k)
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int row = own + k * strip + F::sum_row(lane, i), slot = F::sum_slot(i);
      const Index at = (base + first + row) * heads + head;
      offset[k][slot] = row < count ? -a.log_sum[at] * log2_of_e : -INFINITY;
      product[k][slot] = row < count ? a.product[at] : 0;
    }
  typename F::Sum sums[S][D / 16] = {};
  int stage = 0;
  for (int from = 0; from < end; from += tile) {
    if constexpr (stages == 1) {
      __syncthreads();
      begin_stage(from, 0);
    }
    F::wait_for_copies();
    __syncthreads();
    const Bf16* const keys = room + stage * both;
    const Bf16* const values = keys + tile * pitch<D>;
    if constexpr (stages > 1) {
      stage ^= 1;
      if (from + tile < end) begin_stage(from + tile, stage);
    }
    const int ahead = from - first - own;  // of the strips' first query
#pragma unroll
    for (int n = 0; n < tile / 16; ++n) {
      if (ahead + n * 16 >= S * strip) break;  // later than all of them
      typename F::Sum scores[S] = {}, gradients[S] = {};
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const int at = n * 16 * pitch<D> + d * 16;
        const typename F::B some_keys = F::load_b_columns(keys + at, pitch<D>),
                            some_values = F::load_b_columns(values + at, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) {
          F::multiply(scores[k], queries[k][d], some_keys);
          F::multiply(gradients[k], d_o[k][d], some_values);
        }
      }
      typename F::A narrow[S];
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const bool whole = ahead + n * 16 + 15 <= k * strip;  // all keys are seen
#pragma unroll
        for (int i = 0; i < F::held; ++i) {
          const int slot = F::sum_slot(i);
          const bool seen =
              whole || ahead + n * 16 + F::sum_column(lane, i) <= k * strip + F::sum_row(lane, i);
          const float weight = seen ? weight_of<F>(scores[k].at[i], by, offset[k][slot]) : 0;
          gradients[k].at[i] = weight * (gradients[k].at[i] - product[k][slot]);
        }
        narrow[k] = F::narrow(gradients[k], scratch);
      }
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const typename F::B some_keys = F::load_b_rows(keys + n * 16 * pitch<D> + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) F::multiply(sums[k][d], narrow[k], some_keys);
      }
    }
  }
  float scales[S][F::sum_rows];
#pragma unroll
  for (int k = 0; k < S; ++k)
    for (int slot = 0; slot < F::sum_rows; ++slot) scales[k][slot] = scale;
  __syncthreads();
  store_strips<F, D, S>(sums, scales, room, a.dq + (base + first) * a.stride + head * size, a.stride, count,
                        size, packs);
}

/// Rows of the scores are keys here, columns queries.
template <typename F, int D>
__global__ void __launch_bounds__(threads_of_block<F>)
    keys_on_fragments(AttentionBackward<Bf16> a, float scale, bool packs) {
  constexpr int S = strips<F, D>, stages = F::stages, own_rows = S * tile, both = 2 * some * pitch<D>;
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes, own = warp * S * strip;
  const int sequence = static_cast<int>(s.sequence), heads = static_cast<int>(s.heads),
            kv_heads = static_cast<int>(s.kv_heads), kv_head = static_cast<int>(blockIdx.x) % kv_heads,
            group = heads / kv_heads;
  const Index base = static_cast<Index>(static_cast<int>(blockIdx.x) / kv_heads) * sequence;
  const int first = static_cast<int>(blockIdx.y) * own_rows,  // the longest begin first
      count = sequence - first < own_rows ? sequence - first : own_rows;
  Bf16* const keys = shared_memory<Bf16>();
  Bf16* const values = keys + own_rows * pitch<D>;
  Bf16* const room = values + own_rows * pitch<D>;  // of each stage: queries, then gradients of the output
  float* const numbers = reinterpret_cast<float*>(room + stages * both);  // of each: log-sums, then products
  Bf16* const scratch = reinterpret_cast<Bf16*>(numbers + stages * 2 * some) + warp * F::scratch;
  const float by = scale * log2_of_e;
  const auto begin_stage = [&](int head, int from, int stage) {
    const Index row = base + from;
    Bf16* const to = room + stage * both;
    begin_rows<F, D, some>(a.q + row * a.stride + head * size, a.stride, sequence - from, size, packs, to);
    begin_rows<F, D, some>(a.d_o + (row * heads + head) * size, heads * size, sequence - from, size, packs,
                           to + some * pitch<D>);
    // A query that is not there is zero, and so is its d_o: whatever its weight, it adds nothing.
    if (const int i = static_cast<int>(threadIdx.x); i < 2 * some) {
      const int r = i % some;
      F::begin_copy(numbers + stage * 2 * some + i,
                    (i < some ? a.log_sum : a.product) + (row + r) * heads + head, from + r < sequence);
    }
  };

  const Index own_place = (base + first) * a.stride + kv_head * size;
  begin_rows<F, D, own_rows>(a.k + own_place, a.stride, count, size, packs, keys);
  begin_rows<F, D, own_rows>(a.v + own_place, a.stride, count, size, packs, values);
  // Small heads' keys stay in registers.
  constexpr bool stay = S > 1;
  typename F::A held[stay ? S : 1][stay ? D / 16 : 1];
  if constexpr (stay) {
    F::wait_for_copies();
    __syncthreads();
    load_strips<F, D, S>(keys, held);
  }
  int head = kv_head * group, from = first;
  if constexpr (stages > 1) begin_stage(head, from, 0);
  typename F::Sum dk[S][D / 16] = {}, dv[S][D / 16] = {};
  for (int stage = 0; head < (kv_head + 1) * group;) {
    if constexpr (stages == 1) {
      __syncthreads();
      begin_stage(head, from, 0);
    }
    F::wait_for_copies();
    __syncthreads();
    const Bf16* const queries = room + stage * both;
    const Bf16* const d_o = queries + some * pitch<D>;
    const float* const log_sums = numbers + stage * 2 * some;
    const float* const products = log_sums + some;
    const int ahead = from - first - own;  // of these queries, to the strips' first key
    from += some;
    if (from >= sequence) from = first, ++head;
    if constexpr (stages > 1) {
      stage ^= 1;
      if (head < (kv_head + 1) * group) begin_stage(head, from, stage);
    }
#pragma unroll
    for (int n = 0; n < some / 16; ++n) {
      if (ahead + n * 16 + 16 <= 0) continue;  // earlier than all of the strips
      const int place = n * 16 * pitch<D>;
      typename F::Sum scores[S] = {}, gradients[S] = {};
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const typename F::B some_queries = F::load_b_columns(queries + place + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) {
          if constexpr (stay)
            F::multiply(scores[k], held[k][d], some_queries);
          else
            F::multiply(scores[k], F::load_a(keys + (own + k * strip) * pitch<D> + d * 16, pitch<D>),
                        some_queries);
        }
      }
      typename F::A narrow[S];
#pragma unroll
      for (int k = 0; k < S; ++k) {
        const bool whole = k * strip + 15 <= ahead + n * 16;  // all keys are seen
#pragma unroll
        for (int i = 0; i < F::held; ++i) {
          const int query = n * 16 + F::sum_column(lane, i);
          const bool seen = whole || k * strip + F::sum_row(lane, i) <= ahead + query;
          scores[k].at[i] = seen ? weight_of<F>(scores[k].at[i], by, -log_sums[query] * log2_of_e) : 0;
        }
        narrow[k] = F::narrow(scores[k], scratch);
      }
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const typename F::B some_d_o = F::load_b_rows(d_o + place + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) F::multiply(dv[k][d], narrow[k], some_d_o);
      }
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const typename F::B some_d_o = F::load_b_columns(d_o + place + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k)
          F::multiply(gradients[k], F::load_a(values + (own + k * strip) * pitch<D> + d * 16, pitch<D>),
                      some_d_o);
      }
#pragma unroll
      for (int k = 0; k < S; ++k) {
#pragma unroll
        for (int i = 0; i < F::held; ++i)
          gradients[k].at[i] =
              scores[k].at[i] * (gradients[k].at[i] - products[n * 16 + F::sum_column(lane, i)]);
        narrow[k] = F::narrow(gradients[k], scratch);
      }
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const typename F::B some_queries = F::load_b_rows(queries + place + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) F::multiply(dk[k][d], narrow[k], some_queries);
      }
    }
  }
  float ones[S][F::sum_rows], scales[S][F::sum_rows];
#pragma unroll
  for (int k = 0; k < S; ++k)
    for (int slot = 0; slot < F::sum_rows; ++slot) ones[k][slot] = 1, scales[k][slot] = scale;
  // A warp's own rows of keys and values are nobody else's.
  store_strips<F, D, S>(dk, scales, keys, a.dk + own_place, a.stride, count, size, packs);
  store_strips<F, D, S>(dv, ones, values, a.dv + own_place, a.stride, count, size, packs);
}

struct Begin {
  Stream stream;
  const AttentionBackward<Bf16>& call;
  template <typename F, int D>
  void with() const {
    constexpr int rows = strips<F, D> * tile;
    constexpr std::size_t numbers = sizeof(float) * F::stages * 2 * some;
    const AttentionShape& s = call.shape;
    const bool packs = whole_packs(call, call.d_o, call.dq, call.dk, call.dv);
    launch(queries_on_fragments<F, D>, blocks_of(s, s.heads, rows), threads_of_block<F>,
           room_for<F, D>(F::stages * 2 * tile), stream, call, scale_of(s), packs);
    launch(keys_on_fragments<F, D>, blocks_of(s, s.kv_heads, rows), threads_of_block<F>,
           room_for<F, D>(2 * rows + F::stages * 2 * some) + numbers, stream, call, scale_of(s), packs);
  }
};

}  // namespace

void begin_attention_backward_on_fragments(Stream stream, const AttentionBackward<Bf16>& call) {
  if (call.shape.batch == 0 || call.shape.sequence == 0 || call.shape.heads == 0) return;
  with_fragments(call.shape.size, Begin{stream, call});
}

}  // namespace assay::gpu
