// What a word of tested memory holds. The GPU's compilers include this too, so host and device write the same
// bits.
#pragma once

#include <cstdint>

#include "suites/compute/gemm/gemm_values.h"

namespace assay::bench::stability {

/// Word number `index` of a device's tested memory after it was written `generation` + 1 times. Odd
/// generations are the one before inverted, so that each bit of each word is written both ways and read back
/// both ways (moving inversions); pairs of generations take turns:
///   its own byte offset; a single one that walks through the bits; alternate bits; random bits.
constexpr std::uint64_t pattern_word(std::uint64_t index, std::uint64_t generation) {
  const std::uint64_t pair = generation / 2, turn = pair / 4;
  std::uint64_t word = 0;
  switch (pair % 4) {
    case 0:
      word = index * sizeof(std::uint64_t);
      break;
    case 1:
      word = std::uint64_t{1} << ((index + turn) % 64);
      break;
    case 2:
      word = (index + turn) % 2 == 0 ? 0x5555555555555555u : 0xaaaaaaaaaaaaaaaau;
      break;
    default:
      word = random_bits(turn, index);
      break;
  }
  return generation % 2 == 0 ? word : ~word;
}

/// "byte offset", "walking one, inverted", ...
constexpr const char* pattern_name(std::uint64_t generation) {
  constexpr const char* names[] = {
      "byte offset",    "byte offset, inverted",    "walking one", "walking one, inverted",
      "alternate bits", "alternate bits, inverted", "random bits", "random bits, inverted"};
  return names[generation % 8];
}

}  // namespace assay::bench::stability
