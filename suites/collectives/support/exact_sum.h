// Inputs whose sum over all ranks is exact in any order of addition, and the comparison with that sum.
//
// Element i of slot s holds the pattern value number p = (i + 389 s) mod 1021 of the rank: an integer of
// magnitude at most m, times a power of two. The patterns are random numbers of seed, rank and p; 1021 is
// prime, so blocks that end up in the wrong place (their sizes are powers of two) do not look right. At most
// K ranks have a value other than zero in one pattern, with K m <= L, where integers up to L are exact in the
// type (2^24 for f32, 2^53 for f64, 2^8 for bf16, 2^31 - 1 for int32): every partial sum is an integer of
// magnitude at most L, hence exact, and the tolerance is zero. K is the number of ranks unless there are more
// than L (256 for bf16): then which ranks take part changes from pattern to pattern, and the check's text
// says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "suites/collectives/support/arithmetic.h"
#include "suites/collectives/support/differences.h"

namespace assay::bench {

inline constexpr std::size_t pattern_count = 1021;
inline constexpr std::size_t slot_shift = 389;

/// How large inputs may be, and how many ranks may contribute to one element.
struct SumLimits {
  std::int64_t magnitude = 1;  ///< m, in units
  int contributors = 1;        ///< K
};

SumLimits sum_limits(Element element, int ranks);

/// The input of one rank for one pattern, in units; never zero for a contributing rank.
std::int64_t input_units(const SumLimits& limits, std::uint64_t seed, int rank, int ranks,
                         std::size_t pattern);

/// The inputs of one rank and the sums of all, for one type.
class ExactSum {
 public:
  ExactSum(Element element, std::uint64_t seed, int rank, int ranks);

  const SumLimits& limits() const { return limits_; }
  /// Begins the check's text: "exact sum, ", and who contributes where not all of `ranks` can.
  std::string how(int ranks) const;

  /// Fills `count` elements of a slot with this rank's inputs.
  void fill(std::byte* buffer, std::size_t count, int slot) const;
  /// Compares every element with the sum; NaN is wrong. The buffer holds elements from number `first` on.
  Differences compare(const std::byte* buffer, std::size_t count, int slot, std::size_t first = 0) const;

 private:
  Element element_;
  std::size_t bytes_;
  SumLimits limits_;
  std::vector<std::byte> inputs_;  ///< pattern_count encoded elements
  std::vector<std::byte> sums_;
};

}  // namespace assay::bench
