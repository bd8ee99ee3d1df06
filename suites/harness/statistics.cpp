#include "suites/harness/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::bench {

std::optional<MedianRanks> median_ranks(std::size_t n, double confidence) {
  // Both tails beyond ranks (l, n + 1 - l) weigh 2 P(Binomial(n, 1/2) <= l - 1).
  double term = std::exp2(-static_cast<double>(n));
  double tail = 0;
  std::size_t lower = 0;
  for (std::size_t j = 0; 2 * j < n; ++j) {
    tail += term;
    if (2 * tail > 1 - confidence) break;
    lower = j + 1;
    term *= static_cast<double>(n - j) / static_cast<double>(j + 1);
  }
  if (lower == 0) return std::nullopt;
  return MedianRanks{lower, n + 1 - lower};
}

double median_of(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

std::optional<double> relative_half_width(const std::vector<double>& values, double confidence) {
  const auto ranks = median_ranks(values.size(), confidence);
  if (!ranks) return std::nullopt;
  std::vector<double> sorted(values);
  std::sort(sorted.begin(), sorted.end());
  const double median = median_of(sorted);
  if (!(median > 0)) return std::nullopt;
  return (sorted[ranks->upper - 1] - sorted[ranks->lower - 1]) / 2 / median;
}

}  // namespace assay::bench
