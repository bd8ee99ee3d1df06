// A random order of 0 ... n - 1 in which each comes exactly once, without a table.
#pragma once

#include <cstdint>

namespace assay::bench {

/// A Feistel network (Luby, Rackoff, 1988) over the next even power of two, applied again while it leads
/// beyond n (Black, Rogaway, "Ciphers with arbitrary finite domains", 2002: cycle walking).
class Permutation {
 public:
  /// n >= 1. Another key, another order.
  Permutation(std::uint64_t n, std::uint64_t key);

  std::uint64_t operator()(std::uint64_t i) const;

 private:
  std::uint64_t n_;
  std::uint64_t key_;
  int half_bits_ = 1;
};

}  // namespace assay::bench
