// Attention's forward pass in bf16 on matrix units. Of the scores only 16 x 64 numbers a strip exist at a
// time; sums are f32; probabilities are rounded to bf16 for the second product.
#include "suites/device/gpu/attention_fragments.h"

namespace assay::gpu {

namespace {

/// Strips of queries that a warp does at once: with two, what is loaded of keys and values serves both, but
/// large heads have no registers for it.
template <int D>
constexpr int strips = D <= 4 * strip ? 2 : 1;

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
  for (int n = 0; n < tile / 16; ++n)
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int slot = F::sum_slot(i);
      scores[n].at[i] = ::exp2f((scores[n].at[i] - largest[slot]) * by);
      total[slot] += scores[n].at[i];
    }
}

template <typename F, int D>
__global__ void __launch_bounds__(warps* F::lanes)
    forward_on_fragments(AttentionForward<Bf16> a, float scale, bool packs) {
  constexpr int S = strips<D>;
  const AttentionShape& s = a.shape;
  const int size = static_cast<int>(s.size), lane = static_cast<int>(threadIdx.x) % F::lanes,
            warp = static_cast<int>(threadIdx.x) / F::lanes;
  const Index head = blockIdx.y, kv_head = head / (s.heads / s.kv_heads);
  const Index base = static_cast<Index>(blockIdx.z) * s.sequence;
  const Index first = static_cast<Index>(gridDim.x - 1 - blockIdx.x) * S * tile;  // the longest begin first
  const Index count = smaller(S * tile, s.sequence - first);
  Bf16* const keys = shared_memory<Bf16>();  // with the values, room for two tiles of queries
  Bf16* const values = keys + tile * pitch<D>;
  Bf16* const scratch = values + tile * pitch<D> + warp * F::scratch;
  const float by = scale * log2_of_e;

  typename F::A queries[S][D / 16];
  load_strips<F, D, S>(a.q + (base + first) * a.stride + head * size, a.stride, count, size, packs, keys,
                       queries);
  typename F::Sum sums[S][D / 16] = {};
  float largest[S][F::sum_rows], total[S][F::sum_rows];
#pragma unroll
  for (int n = 0; n < S; ++n)
#pragma unroll
    for (int slot = 0; slot < F::sum_rows; ++slot) largest[n][slot] = -INFINITY, total[n][slot] = 0;

  for (Index from = 0; from < first + count; from += tile) {
    const Index row = (base + from) * a.stride + kv_head * size;
    __syncthreads();
    load_rows<D, tile>(a.k + row, a.stride, smaller(tile, s.sequence - from), size, packs, keys);
    load_rows<D, tile>(a.v + row, a.stride, smaller(tile, s.sequence - from), size, packs, values);
    __syncthreads();
    const int ahead = static_cast<int>(from - first) - warp * S * strip;  // of the strips' first query
    if (ahead >= S * strip) continue;                                     // later than all of them
    typename F::Sum scores[S][tile / 16] = {};
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
#pragma unroll
      for (int n = 0; n < tile / 16; ++n) {
        const typename F::B some_keys = F::load_b_columns(keys + n * 16 * pitch<D> + d * 16, pitch<D>);
#pragma unroll
        for (int k = 0; k < S; ++k) F::multiply(scores[k][n], queries[k][d], some_keys);
      }
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

#pragma unroll
  for (int k = 0; k < S; ++k) {
    const int own = (warp * S + k) * strip;
    float inverse[F::sum_rows];
#pragma unroll
    for (int slot = 0; slot < F::sum_rows; ++slot) {
      total[k][slot] = row_sum<F>(total[k][slot]);
      inverse[slot] = 1 / total[k][slot];
    }
    store_strip<F, D>(sums[k], inverse, a.o + ((base + first) * s.heads + head) * size, s.heads * size, own,
                      count, size);
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int row = own + F::sum_row(lane, i), slot = F::sum_slot(i);
      if (F::sum_column(lane, i) == 0 && row < count)
        a.log_sum[(base + first + row) * s.heads + head] = largest[k][slot] * scale + ::logf(total[k][slot]);
    }
  }
}

struct Begin {
  Stream stream;
  const AttentionForward<Bf16>& call;
  template <typename F, int D>
  void with() const {
    launch(forward_on_fragments<F, D>, blocks_of(call.shape, call.shape.heads, strips<D> * tile),
           warps * F::lanes, two_tiles<F, D>, stream, call, scale_of(call.shape), whole_packs(call));
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
