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

/// Threads of a block.
template <typename F>
inline constexpr int threads_of_block = warps* F::lanes;

/// Begins to bring `Rows` rows of a head, of which `rows` are there; what is missing becomes zero. With
/// `packs`, rows and their distance are whole 16 bytes. All threads of the block.
template <typename F, int D, int Rows>
__device__ inline void begin_rows(const Bf16* from, Index stride, Index rows, int size, bool packs,
                                  Bf16* to) {
  constexpr int n = 8, columns = D / n, at_once = threads_of_block<F> / columns;
  const int first = static_cast<int>(threadIdx.x) / columns, d = static_cast<int>(threadIdx.x) % columns * n;
  if (first >= at_once) return;  // threads beyond whole rows
  const Bf16* source =
      from + first * stride + d;  // moves, so that no address is held in registers between tiles
  Bf16* const target = to + first * pitch<D> + d;
#pragma unroll
  for (int done = 0; done < Rows; done += at_once, source += at_once * stride) {
    if (Rows % at_once != 0 && first + done >= Rows) break;
    const bool there = first + done < rows && d < size;
    if (packs) {
      using Eight = Pack<Bf16, n>;
      F::begin_copy(reinterpret_cast<Eight*>(target + done * pitch<D>),
                    reinterpret_cast<const Eight*>(source), there);
    } else {
      Pack<Bf16, n> pack{};
#pragma unroll
      for (int j = 0; j < n; ++j)
        if (there && d + j < size) pack.at[j] = source[j];
      store_pack(target + done * pitch<D>, pack);
    }
  }
}

/// A warp's S strips of 16 rows as left operands.
template <typename F, int D, int S>
__device__ inline void load_strips(const Bf16* tile_of_rows, typename F::A (&to)[S][D / 16]) {
  const int first = static_cast<int>(threadIdx.x) / F::lanes * S * strip;
#pragma unroll
  for (int n = 0; n < S; ++n)
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
      to[n][d] = F::load_a(tile_of_rows + (first + n * strip) * pitch<D> + d * 16, pitch<D>);
}

/// A warp's S strips of sums times by[strip][slot], by way of its own rows of `room`, to rows of a head of
/// which `rows` are there. The whole warp; what was in those rows is lost.
template <typename F, int D, int S>
__device__ inline void store_strips(const typename F::Sum (&sums)[S][D / 16],
                                    const float (&by)[S][F::sum_rows], Bf16* room, Bf16* to, Index stride,
                                    Index rows, int size, bool packs) {
  constexpr int n = 8, columns = D / n;
  const int lane = static_cast<int>(threadIdx.x) % F::lanes,
            first = static_cast<int>(threadIdx.x) / F::lanes * S * strip;
  warp_barrier();
#pragma unroll
  for (int k = 0; k < S; ++k)
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
      F::put(sums[k][d], by[k], room + (first + k * strip) * pitch<D> + d * 16, pitch<D>);
  warp_barrier();
  for (int i = lane; i < S * strip * columns; i += F::lanes) {
    const int row = first + i / columns, d = i % columns * n;
    if (row >= rows || d >= size) continue;
    const auto pack = load_pack<n>(room + row * pitch<D> + d);
    if (packs) {
      store_pack(to + row * stride + d, pack);
    } else {
#pragma unroll
      for (int j = 0; j < n; ++j)
        if (d + j < size) to[row * stride + d + j] = pack.at[j];
    }
  }
}

/// Blocks for tiles of `rows`: all heads of all sequences, then the next tile. Causal tiles differ in length,
/// and begun longest first, what is left at the end are short ones.
inline dim3 blocks_of(const AttentionShape& s, Index heads, int rows) {
  return {static_cast<unsigned>(heads * s.batch), static_cast<unsigned>((s.sequence + rows - 1) / rows)};
}
/// Whether rows and what else is read and written stand on 16 bytes.
template <typename Call, typename... Pointers>
bool whole_packs(const Call& call, Pointers... others) {
  return call.shape.size % 8 == 0 && call.stride % 8 == 0 && aligned(call.q, call.k, call.v, others...);
}
inline float scale_of(const AttentionShape& s) {
  return 1 / ::sqrtf(static_cast<float>(s.size));
}
/// Bytes of shared memory for so many rows, and for what the warps need to narrow.
template <typename F, int D>
constexpr std::size_t room_for(int rows) {
  return sizeof(Bf16) * static_cast<std::size_t>(rows * pitch<D> + warps * F::scratch);
}

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
