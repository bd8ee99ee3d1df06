// From single operations of many ranks to the factor by which congestion slows them down.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

struct OperationSummary {
  std::uint64_t count = 0;
  double mean_s = 0;
  double p99_s = 0;  ///< within 1.1 % of the true one: bins of a 64th of an octave
};

/// Sums and counts of single operations, such as can be added up over ranks.
class OperationTally {
 public:
  OperationTally();
  void add(double seconds);
  /// Over all ranks, on all ranks; collective.
  OperationSummary over(const ProcessGroup& group) const;

 private:
  double sum_s_ = 0;
  Histogram histogram_;
};

/// congested / alone; absent where there is nothing to compare.
std::optional<double> impact(double alone_s, double congested_s);

/// Why a measurement under congestion was none, from the fewest whole rounds that the congestors finished
/// during any of its parts; empty when it was one.
std::string missing_congestion(std::int64_t fewest_rounds, const std::string& congestor);

}  // namespace assay::bench
