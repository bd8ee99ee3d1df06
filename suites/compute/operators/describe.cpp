#include "reports/base/error.h"
#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/compute/operators/google_benchmark.h"
#include "suites/compute/operators/operators.h"
#include "suites/device/device.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/parameters.h"

namespace assay::bench {

namespace {

using namespace operators;

std::string unsupported(const Parameters& parameters, const Context& context) {
  if (google_benchmark_name().empty())
    return "built without Google Benchmark; install libbenchmark-dev and build again";
  try {
    const StepShape step = step_shape(parameters);
    std::string reason = device::host().gemm_unsupported(step.element);
    if (!reason.empty()) return reason;
    const std::vector<std::string> all = names_of(step), names = chosen(all, context.library_flags);
    if (names.empty())
      return "no operator matches " + join(context.library_flags, " ") + "; there are " + join(all, ", ");
    const FamilySetting setting = family_setting(step, context);
    const double needed = needed_bytes(setting, names) * setting.ranks_on_node;
    const auto available = static_cast<double>(available_memory_bytes());
    if (available == 0 || needed <= 0.9 * available) return {};
    return "the operands need " + format_value(needed, "B") + " on this node (" +
           std::to_string(setting.ranks_on_node) + (setting.ranks_on_node == 1 ? " rank" : " ranks") + "), " +
           format_value(available, "B") +
           " are available (nine tenths may be used); give a smaller micro_batch, sequence or vocabulary, "
           "fewer "
           "ranks, or another model";
  } catch (const Error& wrong) {
    return wrong.what();
  }
}

std::string answer(const Parameters& parameters, const std::vector<std::string>& flags) {
  if (google_benchmark_name().empty()) return {};
  require_google_benchmark_flags(flags);
  if (!asks_for_list(flags)) return {};
  std::string lines;
  for (const std::string& name : chosen(names_of(step_shape(parameters)), flags)) lines += name + "\n";
  if (lines.empty())
    throw bad_input("no operator matches " + join(flags, " "), "leave out the filter to see all");
  return lines;
}

BenchmarkSpec describe_operators() {
  BenchmarkSpec spec;
  spec.name = "compute/operators";
  spec.title = "Every operator of a training step, alone";
  spec.area = "compute";
  spec.scope = Scope::device;
  const char* const changes = "in place of the preset's; 0: the preset's";
  constexpr double most_batch = 1 << 20;
  spec.parameters = {
      choice_parameter("model", training::preset_names(), "architecture and sizes, as in training/llm_step"),
      choice_parameter("precision", {"f32", "bf16", "f64"}, "of activations and products"),
      integer_parameter("micro_batch", 16, 1, most_batch, "sequences of one forward and backward pass"),
      integer_parameter("micro_batches", 1, 1, most_batch, "forward and backward passes of one step"),
      integer_parameter("sequence", 0, 0, 1 << 24, "tokens of a sequence; 0: the preset's"),
      integer_parameter("layers", 0, 0, 1 << 16, changes),
      integer_parameter("width", 0, 0, 1 << 20, changes),
      integer_parameter("heads", 0, 0, 1 << 20, changes),
      integer_parameter("vocabulary", 0, 0, 2147483647, changes)};
  const auto none = std::nullopt;
  spec.foms = {{"step", "s", Better::lower, "sum of all operators' calls x times in one step", none}};
  for (const OperatorName& one : operator_names())
    spec.foms.push_back({one.name, one.arithmetic ? "FLOP/s" : "B/s", Better::higher, one.meaning, none});
  spec.foms.push_back({"triad", "B/s", Better::higher, "bandwidth: a = b + 0.4 c over long arrays", none});
  return spec;
}

}  // namespace

const Benchmark& compute_operators();
const Benchmark& compute_operators() {
  static const Benchmark benchmark{.spec = describe_operators(),
                                   .unsupported = &unsupported,
                                   .make = &make_operators,
                                   .library_flags = {"benchmark_", &answer}};
  return benchmark;
}

}  // namespace assay::bench
