// Differences between a buffer and what it should hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace assay::bench {

struct Differences {
  std::int64_t wrong = 0;  ///< elements
  double largest = 0;      ///< |found - expected| over wrong elements that are numbers
  bool not_a_number = false;
  std::optional<std::size_t> first;  ///< index of the first wrong element
  double found = 0;                  ///< there
  double expected = 0;

  /// Compares one element; NaN is wrong. Indices come in rising order.
  void add(std::size_t index, double is, double should);
  /// Joins those of a later part, whose elements begin at `offset`.
  void add(const Differences& part, std::size_t offset);
};

}  // namespace assay::bench
