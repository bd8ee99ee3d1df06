// Where bits were not what they must be. The GPU's compilers include this too.
#pragma once

#include <cstdint>

namespace assay::bench::stability {

inline constexpr int most_places = 8;

/// One element of a result, or one word of memory.
struct DifferentPlace {
  unsigned long long when = 0;                 ///< number of the product, or generation of the pattern
  unsigned long long index = 0;                ///< of the element, or of the word
  unsigned long long found = 0, expected = 0;  ///< bits
};

struct Differences {
  unsigned long long count = 0;  ///< elements or words, all of them
  unsigned long long taken = 0;  ///< places that asked to be kept
  DifferentPlace places[most_places];
};

/// Elements of `element_bytes` (1, 2, 4 or 8) that differ in two words, and the first of them.
struct WordComparison {
  unsigned count = 0;
  unsigned first = 0;                     ///< element within the word; memory order, little endian
  std::uint64_t found = 0, expected = 0;  ///< its bits
};

constexpr WordComparison compare_words(std::uint64_t found, std::uint64_t expected, unsigned element_bytes) {
  WordComparison result;
  const unsigned elements = 8 / element_bytes, bits = 8 * element_bytes;
  const std::uint64_t mask = element_bytes == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  for (unsigned i = 0; i < elements; ++i) {
    const std::uint64_t f = (found >> (i * bits)) & mask, e = (expected >> (i * bits)) & mask;
    if (f == e) continue;
    if (result.count == 0) {
      result.first = i;
      result.found = f;
      result.expected = e;
    }
    ++result.count;
  }
  return result;
}

/// After a result was compared, one in so many packs of 16 bytes is overwritten with the complement of what
/// it must hold, another one after each product: a product, or a tile of one, that is not computed again is
/// then found. A prime, so that the packs of neighbouring rows are not below one another.
inline constexpr unsigned spoilt_every = 61;

}  // namespace assay::bench::stability
