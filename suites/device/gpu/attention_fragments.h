// What the attention kernels on matrix fragments share: heads up to 128 numbers, in the next multiple of two
// strips; tiles of rows in shared memory; blocks of four warps. For *.gpu.cpp.
#pragma once

#include <math.h>  // NOLINT: INFINITY, exp2f

#include "suites/device/gpu/fragments.h"
#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

using device::AttentionShape;
using device::Bf16;

inline constexpr int strip = 16, warps = 4, tile = strip * warps;
inline constexpr int most_fragment_size = 8 * strip;
inline constexpr float log2_of_e = 1.44269504088896340736f;

/// Rows of shared memory stand 16 bytes further apart than they are long: eight rows then lie in different
/// banks.
template <int D>
inline constexpr int pitch = D + 8;

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

/// A warp's S strips of 16 rows as left operands, by way of `room`, whose content is lost. All threads of the
/// block.
template <typename F, int D, int S>
__device__ inline void load_strips(const Bf16* from, Index stride, Index rows, int size, bool packs,
                                   Bf16* room, typename F::A (&to)[S][D / 16]) {
  __syncthreads();
  load_rows<D, S * tile>(from, stride, rows, size, packs, room);
  __syncthreads();
  const int first = static_cast<int>(threadIdx.x) / F::lanes * S * strip;
#pragma unroll
  for (int n = 0; n < S; ++n)
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
      to[n][d] = F::load_a(room + (first + n * strip) * pitch<D> + d * 16, pitch<D>);
}

/// The 16 rows from `first` of a tile of which `rows` are there.
template <typename F, int D>
__device__ inline void store_strip(const typename F::Sum (&sums)[D / 16], const float (&by)[F::sum_rows],
                                   Bf16* to, Index stride, int first, Index rows, int size) {
  const int lane = static_cast<int>(threadIdx.x) % F::lanes;
#pragma unroll
  for (int d = 0; d < D / 16; ++d)
#pragma unroll
    for (int i = 0; i < F::held; ++i) {
      const int row = first + F::sum_row(lane, i), column = d * 16 + F::sum_column(lane, i);
      if (row < rows && column < size)
        to[row * stride + column] = device::to_bf16(sums[d].at[i] * by[F::sum_slot(i)]);
    }
}

/// Blocks for tiles of `rows`.
inline dim3 blocks_of(const AttentionShape& s, Index heads, int rows) {
  return {static_cast<unsigned>((s.sequence + rows - 1) / rows), static_cast<unsigned>(heads),
          static_cast<unsigned>(s.batch)};
}
template <typename Call>
bool whole_packs(const Call& call) {
  return call.shape.size % 8 == 0 && call.stride % 8 == 0 && aligned(call.q, call.k, call.v);
}
inline float scale_of(const AttentionShape& s) {
  return 1 / ::sqrtf(static_cast<float>(s.size));
}
/// Of shared memory: two tiles, and what a warp needs to narrow.
template <typename F, int D>
inline constexpr std::size_t two_tiles = sizeof(Bf16) * (2 * tile * pitch<D> + warps * F::scratch);

/// use.with<F, D>() for the smallest D that holds a head.
template <typename F, typename Use>
void with_size(Index size, const Use& use) {
  if (size <= 2 * strip)
    use.template with<F, 2 * strip>();
  else if (size <= 4 * strip)
    use.template with<F, 4 * strip>();
  else if (size <= 6 * strip)
    use.template with<F, 6 * strip>();
  else
    use.template with<F, most_fragment_size>();
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

}  // namespace assay::gpu
