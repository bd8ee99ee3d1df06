#include "reports/judge/link_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <string_view>

#include "reports/judge/statistics.h"

namespace assay {

namespace {

constexpr int most_sweeps = 30;
constexpr double normal_scale = 1.4826;  // standard deviation over MAD of a normal distribution
constexpr double imaginary_values = 40;

// The value in [low, high], the middle two of `values`, that is nearest to `now`: a median that does not move
// without need.
double steady_median(std::vector<double>& values, double now) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  const double high = *middle;
  const double low = values.size() % 2 == 1 ? high : *std::max_element(values.begin(), middle);
  return std::clamp(now, low, high);
}

// A standard deviation seen in `count` values, as if `imaginary_values` more had shown the expected one.
double moderated(double seen, std::size_t count, double expected) {
  const auto n = static_cast<double>(count);
  return std::sqrt((imaginary_values * expected * expected + n * seen * seen) / (imaginary_values + n));
}

}  // namespace

LinkTable::LinkTable(const LinkMatrix& matrix) {
  const std::size_t all = matrix.endpoints.size();
  std::set<std::string_view> nodes;
  for (const LinkEndpoint& endpoint : matrix.endpoints) nodes.insert(endpoint.node);
  const bool several_nodes = nodes.size() > 1;
  const auto code = [&](std::size_t i, std::size_t j) -> std::uint16_t {
    if (i == j || (several_nodes && matrix.endpoints[i].node == matrix.endpoints[j].node)) return 0;
    return matrix.codes[i < j ? pair_index(all, i, j) : pair_index(all, j, i)];
  };
  kept_.resize(all);
  std::iota(kept_.begin(), kept_.end(), std::size_t{0});
  // Leaving one out takes a link from others: again until all have enough.
  for (std::size_t before = all + 1; kept_.size() < before;) {
    before = kept_.size();
    const std::vector<std::size_t> others = kept_;
    std::erase_if(kept_, [&](std::size_t i) {
      std::size_t links = 0;
      for (auto j = others.begin(); j != others.end() && links < fewest_links; ++j) links += code(i, *j) != 0;
      return links < fewest_links;
    });
  }
  codes_.resize(size() * size());
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::size_t j = i + 1; j < size(); ++j) {
      const std::uint16_t one = code(kept_[i], kept_[j]);
      codes_[i * size() + j] = codes_[j * size() + i] = one;
      pairs_ += one != 0;
    }
  }
}

double LinkTable::median() const {
  std::vector<std::size_t> counts(65536, 0);
  for (const std::uint16_t code : codes_) ++counts[code];
  std::size_t before = 0;  // each pair is there twice
  for (std::size_t code = 1; code < counts.size(); ++code) {
    before += counts[code];
    if (before > pairs_) return logarithm(static_cast<std::uint16_t>(code));
  }
  return 0;
}

std::vector<double> polish_links(const LinkTable& table) {
  const std::size_t n = table.size();
  const double ordinary = table.median() / 2;
  const std::size_t imaginary = n < few_link_endpoints ? 2 : 1;
  std::vector<double> effects(n, ordinary), values;
  const auto improved = [&](std::size_t i) {
    values.assign(imaginary, ordinary);
    for (std::size_t j = 0; j < n; ++j) {
      if (table.measured(i, j)) values.push_back(table.value(i, j) - effects[j]);
    }
    return steady_median(values, effects[i]);
  };
  // The first sweep sees all others as ordinary; what follows takes each correction into account at once.
  std::vector<double> first(n);
  for (std::size_t i = 0; i < n; ++i) first[i] = improved(i);
  effects = first;
  for (int sweep = 1; sweep < most_sweeps; ++sweep) {
    double moved = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double now = improved(i);
      moved = std::max(moved, std::abs(now - effects[i]));
      effects[i] = now;
    }
    if (moved < 1e-4) break;
  }
  return effects;
}

double link_noise(const LinkTable& table, const std::vector<double>& effects) {
  constexpr double bin = 1e-4;
  std::vector<std::size_t> counts(100000, 0);
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = i + 1; j < table.size(); ++j) {
      if (!table.measured(i, j)) continue;
      const double size = std::abs(table.value(i, j) - effects[i] - effects[j]);
      ++counts[std::min(static_cast<std::size_t>(size / bin), counts.size() - 1)];
    }
  }
  std::size_t before = 0, at = 0;
  while (before + counts[at] <= (table.pairs() - 1) / 2) before += counts[at++];
  const auto pairs = static_cast<double>(table.pairs());
  const double free = std::max(pairs - static_cast<double>(table.size()) / 2, pairs / 2);
  const double seen = normal_scale * (static_cast<double>(at) + 0.5) * bin * std::sqrt(pairs / free);
  return moderated(seen, table.pairs(), usual_link_noise);
}

std::vector<double> best_links(const LinkTable& table, double share) {
  std::vector<double> best, values;
  for (std::size_t i = 0; i < table.size(); ++i) {
    values.clear();
    for (std::size_t j = 0; j < table.size(); ++j) {
      if (table.measured(i, j)) values.push_back(table.value(i, j));
    }
    const auto count =
        std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(values.size())));
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(values.begin(), end - 1, values.end(), std::greater<>());
    best.push_back(std::accumulate(values.begin(), end, 0.0) / static_cast<double>(count));
  }
  return best;
}

double endpoint_spread(const std::vector<double>& values, double expected) {
  return std::max(expected, moderated(normal_scale * mad_of(values), values.size(), expected));
}

}  // namespace assay
