// Contents of what collectives move without computing: each f32 element tells its source, destination, index,
// slot of the ring and seed apart from all others.
//
// Element i of a block is a whole number from 1 to 2^23, a hash of (seed, source, destination, slot, i):
// never zero, never NaN (the poison), and wrong by accident once in eight million elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "suites/collectives/support/differences.h"

namespace assay::bench {

/// What a block is: `destination` is 0 where every rank gets the same.
struct BlockOf {
  int source = 0;
  int destination = 0;
  int slot = 0;
};

class MovedData {
 public:
  explicit MovedData(std::uint64_t seed) : seed_(seed) {}

  /// Writes a block of `count` f32.
  void fill(std::byte* block, std::size_t count, BlockOf of) const;
  /// Compares every element with what `fill` wrote at the source; bits must be equal.
  Differences compare(const std::byte* block, std::size_t count, BlockOf of) const;

  /// One, in units of f32 (arithmetic.h).
  static std::int64_t smallest_error_units();

 private:
  std::uint64_t seed_;
};

}  // namespace assay::bench
