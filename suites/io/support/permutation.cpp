#include "suites/io/support/permutation.h"

#include "suites/io/support/pattern.h"

namespace assay::bench {

namespace {

constexpr std::uint64_t rounds = 6;

}  // namespace

Permutation::Permutation(std::uint64_t n, std::uint64_t key) : n_(n), key_(mix_bits(key)) {
  while (half_bits_ < 31 && (std::uint64_t{1} << (2 * half_bits_)) < n_) ++half_bits_;
}

std::uint64_t Permutation::operator()(std::uint64_t i) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  do {
    std::uint64_t left = i >> half_bits_;
    std::uint64_t right = i & mask;
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const std::uint64_t next = left ^ (mix_bits(key_ + round * 0x9E3779B97F4A7C15U + right) & mask);
      left = right;
      right = next;
    }
    i = left << half_bits_ | right;
  } while (i >= n_);
  return i;
}

}  // namespace assay::bench
