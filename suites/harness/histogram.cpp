#include "suites/harness/histogram.h"

#include <algorithm>
#include <cmath>

namespace assay::bench {

namespace {

/// Durations outside [1 ns, 2^20 s] count at the limit, which keeps the number of bins below 800.
constexpr double shortest_s = 1e-9;
constexpr double longest_kept_s = 1048576;

}  // namespace

int bin_of(double seconds, int per_octave) {
  return static_cast<int>(std::floor(per_octave * std::log2(seconds)));
}

void HistogramBuilder::add(double seconds) {
  const double kept = seconds > shortest_s ? std::min(seconds, longest_kept_s) : shortest_s;
  longest_s_ = std::max(longest_s_, kept);
  const int bin = bin_of(kept, histogram_.per_octave);
  auto& counts = histogram_.counts;
  if (counts.empty()) {
    histogram_.first = bin;
    counts.push_back(0);
  } else if (bin < histogram_.first) {
    counts.insert(counts.begin(), static_cast<std::size_t>(histogram_.first - bin), 0);
    histogram_.first = bin;
  }
  const auto index = static_cast<std::size_t>(bin - histogram_.first);
  if (index >= counts.size()) counts.resize(index + 1, 0);
  ++counts[index];
  ++count_;
}

Histogram add_over_ranks(const ProcessGroup& group, const Histogram& own) {
  // Without counts `first` means nothing.
  constexpr double none = -1e9;
  const bool empty = own.counts.empty();
  const auto count = static_cast<double>(own.counts.size());
  const double lowest = -group.maximum(empty ? none : -static_cast<double>(own.first));
  const double beyond = group.maximum(empty ? none : own.first + count);
  Histogram sum;
  if (!(beyond > lowest)) return sum;
  sum.first = static_cast<int>(lowest);
  const auto bins = static_cast<std::size_t>(beyond - lowest);
  sum.counts.assign(bins, 0);
  for (std::size_t i = 0; i < own.counts.size(); ++i) {
    sum.counts[i + static_cast<std::size_t>(own.first - sum.first)] = own.counts[i];
  }
  group.sum(sum.counts);
  return sum;
}

}  // namespace assay::bench
