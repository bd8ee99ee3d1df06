#include <exception>
#include <memory>
#include <new>
#include <optional>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/compute/operators/google_benchmark.h"
#include "suites/compute/operators/operators.h"
#include "suites/device/device.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/parameters.h"
#include "suites/memory/support/turns.h"

namespace assay::bench {

namespace {

using namespace operators;

std::string too_little_memory(const std::string& what, double needed, double available) {
  return "the operands need " + format_value(needed, "B") + " " + what + ", " + format_value(available, "B") +
         " are available (nine tenths may be used); give a smaller micro_batch, sequence or vocabulary, "
         "fewer "
         "ranks, or another model";
}

/// On a device with memory of its own: what the operators need besides their operands is taken for a moment.
std::string does_not_fit(device::Device& device, const FamilySetting& setting,
                         const std::vector<std::string>& names, int threads) {
  const std::vector<std::unique_ptr<Family>> all = families(setting, names);
  try {
    const std::unique_ptr<device::Operators> asked = device.operators(setting.step.element, threads);
    for (const auto& family : all) family->reserve(*asked);
    const double needed = operand_bytes(all);
    const std::optional<std::uint64_t> available = device.available_bytes();
    if (!available || needed <= 0.9 * static_cast<double>(*available)) return {};
    return too_little_memory("on " + device.name(), needed, static_cast<double>(*available));
  } catch (const std::bad_alloc&) {
    return "what the operators need besides their operands does not fit the memory of " + device.name() +
           "; give a smaller micro_batch, sequence or vocabulary, or another model";
  }
}

std::string unsupported_on(device::Device& device, const Parameters& parameters, const Context& context) {
  const StepShape step = step_shape(parameters);
  std::string reason = device.gemm_unsupported(step.element);
  if (!reason.empty()) return reason;
  const std::vector<std::string> all = names_of(step), names = chosen(all, context.library_flags);
  if (names.empty())
    return "no operator matches " + join(context.library_flags, " ") + "; there are " + join(all, ", ");
  const FamilySetting setting = family_setting(step, context, device);
  const int ranks = ranks_on_own_node(context.group);
  const double needed = needed_bytes(setting, names) * ranks;
  const auto available = static_cast<double>(available_memory_bytes());
  if (available > 0 && needed > 0.9 * available)
    return too_little_memory("on this node (" + std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks") +
                                 (setting.apart ? ", to be filled and looked at)" : ")"),
                             needed, available);
  return setting.apart ? does_not_fit(device, setting, names, context.threads) : "";
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  if (google_benchmark_name().empty())
    return "built without Google Benchmark; install libbenchmark-dev and build again";
  // First of what may differ from rank to rank, since it is collective.
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) return missing;
  try {
    return unsupported_on(*device, parameters, context);
  } catch (const std::exception& wrong) {
    return wrong.what();
  }
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) throw Error(ExitStatus::cannot_run, missing);
  return make_operators(parameters, context, *device);
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
      integer_parameter("vocabulary", 0, 0, 2147483647, changes),
      device_parameter()};
  const auto none = std::nullopt;
  spec.foms = {{"step", "s", Better::lower, "sum of all operators' calls x times in one step", none}};
  for (const OperatorName& one : operator_names())
    spec.foms.push_back({one.name, one.arithmetic ? "FLOP/s" : "B/s", Better::higher, one.meaning, none});
  const std::pair<std::string, std::string> on_host = {"device", "host"};
  spec.foms.push_back({"triad", "B/s", Better::higher, "bandwidth: a = b + 0.4 c over long arrays", on_host});
  return spec;
}

}  // namespace

const Benchmark& compute_operators();
const Benchmark& compute_operators() {
  static const Benchmark benchmark{.spec = describe_operators(),
                                   .unsupported = &unsupported,
                                   .make = &make,
                                   .library_flags = {"benchmark_", &answer}};
  return benchmark;
}

}  // namespace assay::bench
