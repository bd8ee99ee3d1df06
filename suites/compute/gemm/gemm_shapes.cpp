#include "suites/compute/gemm/gemm_shapes.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "reports/base/names.h"
#include "reports/record/unit.h"

namespace assay::bench {

namespace {

constexpr std::int64_t most = 2147483647;  // what the libraries' interfaces hold
constexpr std::int64_t tile_rows = 128, tile_columns = 256;

/// Of m and n, in quarters; those that are also moved to whole rounds of tiles come first.
constexpr std::array<std::pair<int, int>, 13> combinations = {
    {{4, 4}, {2, 4}, {4, 2}, {4, 8}, {8, 4}, {3, 4}, {4, 3}, {4, 6}, {6, 4}, {6, 6}, {2, 8}, {8, 2}, {8, 8}}};
constexpr std::size_t moved_combinations = 5;
constexpr std::array<int, 4> depths = {4, 2, 8, 1};  // of k, in quarters

std::int64_t to_multiple(std::int64_t size, std::int64_t of) {
  return std::max(of, (size + of / 2) / of * of);
}

std::int64_t scaled(std::int64_t size, int quarters) {
  if (quarters == 4) return size;
  const std::int64_t exact = std::max<std::int64_t>(1, size * quarters / 4);
  return exact >= 1024 ? to_multiple(exact, 256) : exact >= 16 ? to_multiple(exact, 16) : exact;
}

/// `size` moved to the nearest multiple with which tiles of `tile`, beside `others` of them the other way,
/// are whole rounds of the workers; as it is when that is further than a quarter.
std::int64_t moved(std::int64_t size, std::int64_t tile, std::int64_t others, std::int64_t workers) {
  const std::int64_t step = tile * (workers / std::gcd(workers, others));
  const std::int64_t there = to_multiple(size, step);
  return 4 * std::abs(there - size) <= size ? there : size;
}

}  // namespace

std::vector<GemmShape> search_shapes(const GemmShape& centre, int workers) {
  std::vector<GemmShape> shapes;
  const auto add = [&](const GemmShape& shape) {
    if (std::max({shape.m, shape.n, shape.k}) > most) return;
    if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end()) shapes.push_back(shape);
  };
  for (const int depth : depths) {
    const std::int64_t k = scaled(centre.k, depth);
    for (std::size_t i = 0; i < combinations.size(); ++i) {
      const std::int64_t m = scaled(centre.m, combinations[i].first),
                         n = scaled(centre.n, combinations[i].second);
      add({m, n, k});
      if (workers <= 0 || i >= moved_combinations) continue;
      if (n % tile_columns == 0) add({moved(m, tile_rows, n / tile_columns, workers), n, k});
      if (m % tile_rows == 0) add({m, moved(n, tile_columns, m / tile_rows, workers), k});
    }
  }
  return shapes;
}

std::vector<TriedShape> fastest(std::vector<TriedShape> tried, std::size_t most_of_them) {
  std::erase_if(tried, [](const TriedShape& one) { return !(one.rate > 0); });
  std::stable_sort(tried.begin(), tried.end(),
                   [](const TriedShape& a, const TriedShape& b) { return a.rate > b.rate; });
  if (tried.size() > most_of_them) tried.resize(most_of_them);
  return tried;
}

std::string shape_words(const GemmShape& shape) {
  return std::to_string(shape.m) + " x " + std::to_string(shape.n) + " x " + std::to_string(shape.k);
}

std::string runners_up_words(const std::vector<TriedShape>& best_first) {
  std::vector<std::string> words;
  for (std::size_t i = 1; i < best_first.size(); ++i)
    words.push_back(shape_words(best_first[i].shape) + " at " +
                    format_value(best_first[i].rate / best_first[0].rate, "1"));
  return words.empty() ? "none" : join(words, ", ") + " of the best";
}

}  // namespace assay::bench
