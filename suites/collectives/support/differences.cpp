#include "suites/collectives/support/differences.h"

#include <algorithm>
#include <cmath>

namespace assay::bench {

void Differences::add(std::size_t index, double is, double should) {
  const double error = std::abs(is - should);
  if (error <= 0) return;  // equal, or zeros of either sign
  ++wrong;
  if (std::isnan(error)) {
    not_a_number = true;
  } else {
    largest = std::max(largest, error);
  }
  if (!first) {
    first = index;
    found = is;
    expected = should;
  }
}

void Differences::add(const Differences& part, std::size_t offset) {
  if (!first && part.first) {
    first = offset + *part.first;
    found = part.found;
    expected = part.expected;
  }
  wrong += part.wrong;
  largest = std::max(largest, part.largest);
  not_a_number = not_a_number || part.not_a_number;
}

}  // namespace assay::bench
