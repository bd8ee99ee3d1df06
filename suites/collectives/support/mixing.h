// Numbers that look random and that every rank can compute for every other.
#pragma once

#include <cstdint>

namespace assay::bench {

/// Mixes 64 bits so that each bit of the input changes half of the output: a multiplicative congruence
/// between two xor-shifts, applied twice.
constexpr std::uint64_t mixed(std::uint64_t bits) {
  for (int round = 0; round < 2; ++round) {
    bits ^= bits >> 32;
    bits *= 0xd6e8feb86659fd93ULL;
  }
  return bits ^ (bits >> 32);
}

}  // namespace assay::bench
