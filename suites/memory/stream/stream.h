// memory/stream: what the loops move, how long the arrays are, and what they must hold. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace assay::bench::stream {

/// The loops in BabelStream's order. Each reads and writes whole arrays:
///   copy c = a; scale b = s c; add c = a + b; triad a = b + s c; dot sum = a . b
enum Loop { copy, scale, add, triad, dot };
inline constexpr int loop_count = 5;
inline constexpr std::array<const char*, loop_count> loop_names = {"copy", "scale", "add", "triad", "dot"};
/// StreamArrays that each loop reads or writes, as STREAM and BabelStream count them: the line that a store
/// fetches before overwriting it is not counted.
inline constexpr std::array<int, loop_count> arrays_moved = {2, 2, 3, 3, 2};

inline constexpr double scalar = 0.4;
inline constexpr double initial_a = 0.1;
inline constexpr double initial_b = 0.2;
inline constexpr double initial_c = 0.0;

/// Each pass multiplies a by 0.96. After this many, BabelStream's default, the arrays begin anew: f32 would
/// otherwise reach denormal numbers after some 2100 passes.
inline constexpr int passes_before_restart = 100;

/// Bytes of one array of one rank, a multiple of 64. `asked` 0: so that the arrays of the `sharers` ranks
/// that use `cache_bytes` of last-level cache at the same time exceed four times the cache, and 64 MiB,
/// together. A cache of unknown size (0) counts as 64 MiB.
std::uint64_t array_bytes(std::uint64_t asked, std::uint64_t cache_bytes, int sharers);

/// Why three arrays on each of `ranks` ranks do not fit into the memory that a node has left; empty: they do.
/// They may take nine tenths of it; `available_bytes` 0 is not known and refuses nothing.
std::string does_not_fit(std::uint64_t bytes, int ranks, std::uint64_t available_bytes);

/// What every element holds after `passes` passes (at least one) since the arrays began, in closed form:
///   a_n = a_0 (2 s + s^2)^n,  b_n = s a_(n-1),  c_n = (1 + s) a_(n-1),  dot = elements a_n b_n
/// with s and a_0 rounded to T.
struct StreamValues {
  long double a = 0;
  long double b = 0;
  long double c = 0;
  long double dot = 0;
};

template <typename T>
StreamValues expected(int passes, std::uint64_t elements);

/// The largest relative error that rounding can explain. All terms are positive, so relative errors never
/// grow by cancellation: a pass adds at most four roundings of T (scale, add and two in triad), each of 2^-53
/// or 2^-24 relative, and the expected value has one of its own. 2 % more covers the products of these
/// errors.
template <typename T>
double array_bound(int passes);

/// The same for the dot product: both factors' errors, one rounding of the product, the longest chain of
/// additions within a block in T, and the additions of block sums in double.
template <typename T>
double dot_bound(int passes, std::size_t lanes, std::uint64_t elements_of_a_thread, int threads);

}  // namespace assay::bench::stream
