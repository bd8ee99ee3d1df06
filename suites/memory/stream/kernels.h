// The loops of memory/stream on one thread's part of the arrays, for each instruction set and kind of store.
#pragma once

#include <cstddef>

namespace assay::bench::stream {

enum class Isa { generic, avx2, avx512 };

/// Non-temporal stores go past the caches: the line that is overwritten is not read first.
enum class StoreKind { temporal, nontemporal };

/// out = f(x, y, scalar) for `count` elements. Pointers are aligned to 64 bytes and `count` elements are
/// whole multiples of that.
template <typename T>
using Map = void (*)(T* out, const T* x, const T* y, T scalar, std::size_t count);

/// Sum of x * y. Blocks of dot_block elements are summed in T, dot_chains vectors side by side; their sums in
/// double, lane by lane.
template <typename T>
using Dot = double (*)(const T* x, const T* y, std::size_t count);

inline constexpr std::size_t dot_block = 8192;
inline constexpr std::size_t dot_chains = 8;

template <typename T>
struct StreamKernels {
  Map<T> copy = nullptr;   ///< out = x
  Map<T> scale = nullptr;  ///< out = scalar x
  Map<T> add = nullptr;    ///< out = x + y
  Map<T> triad = nullptr;  ///< out = x + scalar y
  Dot<T> dot = nullptr;
  std::size_t lanes = 1;  ///< elements of a vector
};

/// Null pointers where this build or architecture has no such kernels.
template <typename T>
StreamKernels<T> kernels(Isa isa, StoreKind stores);

/// The widest that this processor executes.
Isa best_isa();

/// "AVX-512", "AVX2", "baseline vectors".
const char* name_of(Isa isa);

/// Makes this thread's non-temporal stores visible to the others: before they meet at a barrier.
void drain_stores();

}  // namespace assay::bench::stream
