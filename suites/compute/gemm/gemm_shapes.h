// The shapes that a search tries. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

struct GemmShape {
  std::int64_t m = 1, n = 1, k = 1;
  friend bool operator==(const GemmShape&, const GemmShape&) = default;
};

/// The centre, and around it m and n times 1/2, 3/4, 1, 3/2 and 2 in thirteen combinations, each with k times
/// 1/4, 1/2, 1 and 2: rounded to multiples of 256 from 1024 on, of 16 from 16 on. With `workers` above zero
/// (multiprocessors, which work on tiles of 128 x 256 at once) also five combinations with m or n moved, by
/// at most a quarter, to where the tiles are whole rounds of all workers. No shape twice, none beyond 2^31 -
/// 1; the centre first; at most 92.
std::vector<GemmShape> search_shapes(const GemmShape& centre, int workers);

/// A shape that was measured: operations per second on the slowest rank; not positive: it could not be
/// measured.
struct TriedShape {
  GemmShape shape;
  double rate = 0;
};

/// The `most` fastest, fastest first; of equals, the one that was tried first.
std::vector<TriedShape> fastest(std::vector<TriedShape> tried, std::size_t most);

/// "8192 x 4096 x 2048".
std::string shape_words(const GemmShape& shape);
/// "8192 x 4096 x 2048 at 0.991, ... of the best", of all but the first.
std::string runners_up_words(const std::vector<TriedShape>& best_first);

}  // namespace assay::bench
