// Attention's forward pass in bf16 on matrix units, in the order of Dao (arXiv:2307.08691): a warp keeps its
// queries' sums in registers and meets tile after tile of keys and values; the next tile of keys comes while
// the weights of this one are worked out, its values while it is multiplied by the queries. Of the scores
// only 16 x 64 numbers a strip exist at a time; sums are f32; probabilities are rounded to bf16 for the
// second product.
#include "suites/device/gpu/attention_fragments.h"

namespace assay::gpu {

namespace {

/// How a kernel uses a vendor's registers and shared memory. With two strips of queries, what a warp loads of
/// keys and values serves both; large heads have registers for it only where a warp is narrow, and only if
/// the queries stay in shared memory. Where copies go on by themselves, queries have a place of their own
/// there, so that they come with the first keys.
template <typename F, int D>
struct Shape {
  static constexpr bool small = D <= 4 * strip;
  static constexpr int strips = small || F::stages > 1 ? 2 : 1;
  static constexpr bool held = small || F::stages == 1;  // queries, in registers
  static constexpr bool own_place = F::stages > 1;
  static constexpr int queries = strips * tile;
  static constexpr int rows = (own_place ? queries : 0) + 2 * tile;
};

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

/// One tile of keys joins the streaming softmax of a strip: scores become weights, sums shrink.
template <typename F, int D>
__device__ inline void soften(typename F::Sum (&scores)[tile / 16], typename F::Sum (&sums)[D / 16],
                              float (&largest)[F::sum_rows], float (&total)[F::sum_rows], float by) {
  float shrink[F::sum_rows], offset[F::sum_rows];
#pragma unroll
  for (int slot = 0; slot < F::sum_rows; ++slot) {
    float peak = largest[slot];
#pragma unroll
    for (int n = 0; n < tile / 16; ++n)
#pragma unroll
      for (int i = 0; i < F::held; ++i)
        if (F::sum_slot(i) == slot) peak = larger(scores[n].at[i], peak);
    peak = row_largest<F>(peak);
    shrink[slot] = F::exp2((largest[slot] - peak) * by);
    largest[slot] = peak;
    total[slot] *= shrink[slot];
    offset[slot] = -peak * by;
  }
#pragma unroll
  for (int d = 0; d < D / 16; ++d)
#pragma unroll
    for (int i = 0; i < F::held; ++i) sums[d].at[i] *= shrink[F::sum_slot(i)];
#pragma unroll
  for (int n = 0; n < tile / 16; ++n)
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int slot = F::sum_slot(i);
      scores[n].at[i] = F::exp2(::fmaf(scores[n].at[i], by, offset[slot]));
      total[slot] += scores[n].at[i];
    }
}

template <typename F, int D>
__global__ void __launch_bounds__(threads_of_block<F>)
    forward_on_fragments(AttentionForward<Bf16> a, float scale, bool packs) {
  using Is = Shape<F, D>;
  constexpr int S = Is::strips;
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes, own = warp * S * strip;
  const int sequence = static_cast<int>(s.sequence), heads = static_cast<int>(s.heads),
            head = static_cast<int>(blockIdx.x) % heads,
            kv_head = head / (heads / static_cast<int>(s.kv_heads));
  const Index base = static_cast<Index>(static_cast<int>(blockIdx.x) / heads) * sequence;
  const int first = static_cast<int>(gridDim.y - 1 - blockIdx.y) * S * tile;  // the longest begin first
  const int end = sequence - first < S * tile ? sequence : first + S * tile, count = end - first;
  Bf16* const queries = shared_memory<Bf16>();  // without a place of their own: where keys and values are
  Bf16* const keys = queries + (Is::own_place ? Is::queries * pitch<D> : 0);
  Bf16* const values = keys + tile * pitch<D>;
  Bf16* const scratch = values + tile * pitch<D> + warp * F::scratch;
  const float by = scale * log2_of_e;
  const Index place = base * a.stride + kv_head * size;
  const auto begin_tile = [&](const Bf16* of, int from, Bf16* to) {
    begin_rows<F, D, tile>(of + place + from * a.stride, a.stride, sequence - from, size, packs, to);
  };

  begin_rows<F, D, Is::queries>(a.q + (base + first) * a.stride + head * size, a.stride, count, size, packs,
                                queries);
  if constexpr (Is::own_place) begin_tile(a.k, 0, keys);
  typename F::A held[Is::held ? S : 1][Is::held ? D / 16 : 1];
  if constexpr (Is::held) {
    F::wait_for_copies();
    __syncthreads();
    load_strips<F, D, S>(queries, held);
  }
  if constexpr (!Is::own_place) {
    __syncthreads();
    begin_tile(a.k, 0, keys);
  }
  typename F::Sum sums[S][D / 16] = {};
  float largest[S][F::sum_rows], total[S][F::sum_rows];
#pragma unroll
  for (int k = 0; k < S; ++k)
#pragma unroll
    for (int slot = 0; slot < F::sum_rows; ++slot) largest[k][slot] = -INFINITY, total[k][slot] = 0;

  for (int from = 0; from < end; from += tile) {
    const int ahead = from - first - own;  // of the strips' first query
    const bool seen = ahead < S * strip;   // else later than all of them
    typename F::Sum scores[S][tile / 16] = {};
    F::wait_for_copies();
    __syncthreads();  // these keys are here, and nobody needs the values before
    begin_tile(a.v, from, values);
    if (seen) {
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        typename F::A some_queries[S];
#pragma unroll
        for (int k = 0; k < S; ++k) {
          if constexpr (Is::held)
            some_queries[k] = held[k][d];
          else
            some_queries[k] = F::load_a(queries + (own + k * strip) * pitch<D> + d * 16, pitch<D>);
        }
#pragma unroll
        for (int n = 0; n < tile / 16; ++n) {
          const typename F::B some_keys = F::load_b_columns(keys + n * 16 * pitch<D> + d * 16, pitch<D>);
#pragma unroll
          for (int k = 0; k < S; ++k) F::multiply(scores[k][n], some_queries[k], some_keys);
        }
      }
    }
    F::wait_for_copies();
    __syncthreads();  // these values are here, and nobody needs the keys any more
    if (from + tile < end) begin_tile(a.k, from + tile, keys);
    if (!seen) continue;
#pragma unroll
    for (int k = 0; k < S; ++k) {
      if (ahead + tile > k * strip) {
#pragma unroll
        for (int n = 0; n < tile / 16; ++n)
#pragma unroll
          for (int i = 0; i < F::held; ++i)
            if (ahead + n * 16 + F::sum_column(lane, i) > k * strip + F::sum_row(lane, i))
              scores[k][n].at[i] = -INFINITY;
      }
      soften<F, D>(scores[k], sums[k], largest[k], total[k], by);
    }
#pragma unroll
    for (int n = 0; n < tile / 16; ++n) {
      typename F::A weights[S];
#pragma unroll
      for (int k = 0; k < S; ++k) weights[k] = F::narrow(scores[k][n], scratch);
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        const typename F::B some_values = F::load_b_rows(values + n * 16 * pitch<D> + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) F::multiply(sums[k][d], weights[k], some_values);
      }
    }
  }

  float inverse[S][F::sum_rows];
#pragma unroll
  for (int k = 0; k < S; ++k) {
#pragma unroll
    for (int slot = 0; slot < F::sum_rows; ++slot) {
      total[k][slot] = row_sum<F>(total[k][slot]);
      inverse[k][slot] = 1 / total[k][slot];
    }
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int row = own + k * strip + F::sum_row(lane, i), slot = F::sum_slot(i);
      if (F::sum_column(lane, i) == 0 && row < count)
        a.log_sum[(base + first + row) * heads + head] = largest[k][slot] * scale + ::logf(total[k][slot]);
    }
  }
  if constexpr (!Is::own_place) __syncthreads();
  store_strips<F, D, S>(sums, inverse, queries, a.o + ((base + first) * heads + head) * size, heads * size,
                        count, size, packs);
}

struct Begin {
  Stream stream;
  const AttentionForward<Bf16>& call;
  template <typename F, int D>
  void with() const {
    using Is = Shape<F, D>;
    launch(forward_on_fragments<F, D>, blocks_of(call.shape, call.shape.heads, Is::queries),
           threads_of_block<F>, room_for<F, D>(Is::rows), stream, call, scale_of(call.shape),
           whole_packs(call, call.o));
  }
};

}  // namespace

bool fragments_take(const AttentionShape& shape) {
  return shape.size <= most_fragment_size;
}

void begin_attention_forward_on_fragments(Stream stream, const AttentionForward<Bf16>& call) {
  if (call.shape.batch == 0 || call.shape.sequence == 0 || call.shape.heads == 0) return;
  with_fragments(call.shape.size, Begin{stream, call});
}

}  // namespace assay::gpu
