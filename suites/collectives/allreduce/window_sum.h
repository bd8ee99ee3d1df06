// The arithmetic and memory traffic of a sum in shared memory: one rank's share of it. No MPI.
#pragma once

#include <cstddef>
#include <vector>

#include "suites/collectives/support/arithmetic.h"

namespace assay::bench {

/// A piece of a buffer, in bytes: [begin, end).
struct Share {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What rank `rank` of `ranks` reduces of `bytes`: whole cache lines, but for the buffer's end; the shares of
/// all ranks are disjoint and make up the whole. Some are empty when there are fewer lines than ranks.
Share share_of(std::size_t bytes, int rank, int ranks);

/// Adds the inputs, in this order, and writes the sum to every result: both lists name whole buffers, of
/// which the share is taken. A result may be the input of the same place in the list (in place). `stream`:
/// the results are written past the cache. Buffers are aligned to cache lines.
void sum_share(Element element, const std::vector<const std::byte*>& inputs,
               const std::vector<std::byte*>& results, const Share& share, bool stream);

/// memcpy, or past the cache; both aligned to cache lines.
void copy(std::byte* to, const std::byte* from, std::size_t bytes, bool stream);

}  // namespace assay::bench
