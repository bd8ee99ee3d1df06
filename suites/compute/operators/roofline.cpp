#include "suites/compute/operators/roofline.h"

#include <algorithm>

#include "reports/record/unit.h"

namespace assay::bench::operators {

std::optional<double> roofline_s(const OperatorCost& cost, const Ceilings& ceilings) {
  if (!(cost.arithmetic ? ceilings.flops_per_s : ceilings.bytes_per_s)) return std::nullopt;
  const double arithmetic_s = ceilings.flops_per_s ? cost.flops / *ceilings.flops_per_s : 0;
  const double memory_s = ceilings.bytes_per_s ? cost.bytes / *ceilings.bytes_per_s : 0;
  return std::max(arithmetic_s, memory_s);
}

double step_s(const std::vector<MeasuredOperator>& operators) {
  double sum = 0;
  for (const MeasuredOperator& one : operators) sum += one.of_step_s();
  return sum;
}

std::string slowest(const std::vector<MeasuredOperator>& operators, const Ceilings& ceilings) {
  const MeasuredOperator* worst = nullptr;
  double most_s = 0, worst_roofline_s = 0;
  for (const MeasuredOperator& one : operators) {
    const std::optional<double> best_s = roofline_s(one.cost, ceilings);
    if (!best_s) continue;
    const double lost_s = one.cost.calls * (one.seconds - *best_s);
    if (lost_s <= most_s) continue;
    most_s = lost_s;
    worst = &one;
    worst_roofline_s = *best_s;
  }
  if (worst == nullptr) return {};
  return worst->cost.name + ": " + format_value(most_s, "s") + " of " + format_value(step_s(operators), "s") +
         " lost against its roofline (" + format_value(worst->of_step_s(), "s") + " instead of " +
         format_value(worst->cost.calls * worst_roofline_s, "s") + ")";
}

std::string longest(const std::vector<MeasuredOperator>& operators) {
  if (operators.empty()) return {};
  const MeasuredOperator& most = *std::max_element(
      operators.begin(), operators.end(),
      [](const auto& one, const auto& other) { return one.of_step_s() < other.of_step_s(); });
  return most.cost.name + ": " + format_value(most.of_step_s(), "s") + " of " +
         format_value(step_s(operators), "s");
}

std::map<std::string, double> operator_metrics(const std::vector<MeasuredOperator>& operators,
                                               const Ceilings& ceilings) {
  std::map<std::string, double> metrics;
  const double all_s = step_s(operators);
  for (const MeasuredOperator& one : operators) {
    const std::string& name = one.cost.name;
    metrics[name + "_s"] = one.seconds;
    metrics[name + "_calls_per_step"] = one.cost.calls;
    metrics[name + "_share_of_step"] = all_s > 0 ? one.of_step_s() / all_s : 0;
    metrics[name + "_flop_per_byte"] = one.cost.intensity();
    const std::optional<double> best_s = roofline_s(one.cost, ceilings);
    if (best_s && one.seconds > 0) metrics[name + "_share_of_roofline"] = *best_s / one.seconds;
  }
  return metrics;
}

}  // namespace assay::bench::operators
