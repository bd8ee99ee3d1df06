// What an operator loses against the ceilings of its machine (the roofline model: Williams, Waterman,
// Patterson, CACM 52(4), 2009). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "suites/compute/operators/operator_costs.h"

namespace assay::bench::operators {

struct Ceilings {
  std::optional<double> flops_per_s;  ///< multiply-adds in registers; absent: no probe
  std::optional<double> bytes_per_s;  ///< triad
};

/// Seconds that a call takes at the ceilings: max(FLOPs / F, bytes / B). Absent where the ceiling that its
/// figure is measured against is not known.
std::optional<double> roofline_s(const OperatorCost& cost, const Ceilings& ceilings);

/// One operator as it was measured.
struct MeasuredOperator {
  OperatorCost cost;
  double seconds = 0;  ///< of one call

  double of_step_s() const { return cost.calls * seconds; }
};

/// Of all operators, in seconds.
double step_s(const std::vector<MeasuredOperator>& operators);

/// The operator that loses most of a step's time above its roofline, in words; empty when none can be told.
std::string slowest(const std::vector<MeasuredOperator>& operators, const Ceilings& ceilings);

/// The operator that takes most of a step, in words; for where no ceilings are known.
std::string longest(const std::vector<MeasuredOperator>& operators);

/// For each operator: seconds, calls in a step, share of the sum, FLOP / byte, share of its roofline.
std::map<std::string, double> operator_metrics(const std::vector<MeasuredOperator>& operators,
                                               const Ceilings& ceilings);

}  // namespace assay::bench::operators
