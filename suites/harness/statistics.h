// What the measuring loop needs to know when to stop. Verdicts are no business of the worker: see
// reports/judge.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace assay::bench {

/// Ranks (from 1) of the order statistics that enclose the median.
struct MedianRanks {
  std::size_t lower = 0;
  std::size_t upper = 0;
};

/// The narrowest symmetric pair of order statistics that encloses the median of n independent values with at
/// least `confidence` (exact, by the binomial distribution with p = 1/2). Absent when n is too small: below 6
/// at 95 %.
std::optional<MedianRanks> median_ranks(std::size_t n, double confidence = 0.95);

/// Half the width of that interval over the median. Absent when there are too few values or the median is not
/// positive.
std::optional<double> relative_half_width(const std::vector<double>& values, double confidence = 0.95);

/// The median; NaN when there are no values.
double median_of(std::vector<double> values);

}  // namespace assay::bench
