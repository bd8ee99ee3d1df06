// Builds the histogram of a record: single operations in bins of equal ratio, 16 an octave.
#pragma once

#include <cstdint>
#include <vector>

#include "reports/record/record.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// The bin of a duration: floor(per_octave * log2(seconds)), so bin b holds
/// [2^(b / per_octave), 2^((b + 1) / per_octave)) seconds.
int bin_of(double seconds, int per_octave);

class HistogramBuilder {
 public:
  /// Durations that are not positive (a clock too coarse to see the operation) count as one nanosecond: they
  /// did happen, and the record holds positive times only.
  void add(double seconds);

  std::uint64_t count() const { return count_; }
  double longest_s() const { return longest_s_; }
  const Histogram& histogram() const { return histogram_; }

 private:
  Histogram histogram_;
  std::uint64_t count_ = 0;
  double longest_s_ = 0;
};

/// The counts of all ranks, on all ranks.
Histogram add_over_ranks(const ProcessGroup& group, const Histogram& own);

}  // namespace assay::bench
