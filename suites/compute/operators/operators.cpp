#include "suites/compute/operators/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/compute/gemm/gemm_data.h"
#include "suites/compute/operators/google_benchmark.h"
#include "suites/compute/operators/intervals.h"
#include "suites/compute/operators/roofline.h"
#include "suites/device/device.h"
#include "suites/harness/recorder.h"
#include "suites/memory/stream/arrays.h"
#include "suites/memory/support/turns.h"
#include "suites/training/llm_step/settings.h"
#include "suites/training/support/host_view.h"
#include "suites/training/support/memory_estimate.h"

namespace assay::bench::operators {

using device::Element;

StepShape step_shape(const Parameters& parameters) {
  training::ModelOverrides changes;
  changes.sequence = integer(parameters, "sequence");
  changes.layers = integer(parameters, "layers");
  changes.width = integer(parameters, "width");
  changes.heads = integer(parameters, "heads");
  changes.vocabulary = integer(parameters, "vocabulary");
  StepShape step;
  step.model = training::preset(text(parameters, "model"), changes);
  const std::string& precision = text(parameters, "precision");
  for (const Element element : {Element::f64, Element::f32, Element::bf16})
    if (precision == device::name_of(element)) step.element = element;
  step.micro_batch = integer(parameters, "micro_batch");
  step.micro_batches = integer(parameters, "micro_batches");
  return step;
}

std::int64_t step_bytes(const StepShape& step) {
  training::ParallelLayout layout;
  layout.micro_batch = step.micro_batch;
  layout.global_batch = step.micro_batch * step.micro_batches;
  return training::total_bytes(training::memory_items(step.model, layout, 0, {step.element, 0, 0}));
}

FamilySetting family_setting(const StepShape& step, const Context& context, device::Device& device) {
  FamilySetting setting;
  setting.step = step;
  setting.apart = training::apart(device);
  setting.cache_bytes = setting.apart ? device.cache_bytes() : context.last_level_cache_bytes;
  setting.ranks_on_node = setting.apart ? 1 : ranks_on_own_node(context.group);
  // There is room for rings that need no emptying of the cache before each call.
  if (setting.apart) setting.most_bytes = std::int64_t{2} << 30;
  setting.cold = static_cast<double>(step_bytes(step)) * setting.ranks_on_node >
                 static_cast<double>(setting.cache_bytes);
  setting.threads = context.threads;
  setting.key = stream_key(context.seed, context.group.rank(), 0, 0);
  return setting;
}

std::uint64_t triad_bytes(const StepShape& step, const FamilySetting& setting) {
  constexpr std::uint64_t unknown_cache = std::uint64_t{32} << 20, line = 64;
  const std::uint64_t cache = setting.cache_bytes > 0 ? setting.cache_bytes : unknown_cache;
  const std::uint64_t beyond = 2 * cache / static_cast<std::uint64_t>(setting.ranks_on_node);
  const std::uint64_t all = setting.cold ? beyond : static_cast<std::uint64_t>(step_bytes(step));
  const std::uint64_t least = line * static_cast<std::uint64_t>(setting.threads);
  return std::max(least, (all / 3 / line + 1) * line);
}

std::vector<std::string> names_of(const StepShape& step) {
  std::vector<std::string> names;
  for (const OperatorCost& cost : operator_costs(step, 0)) names.push_back(cost.name);
  return names;
}

double operand_bytes(const std::vector<std::unique_ptr<Family>>& families) {
  double bytes = 0;
  for (const auto& family : families) bytes += static_cast<double>(family->bytes());
  return bytes;
}

double needed_bytes(const FamilySetting& setting, const std::vector<std::string>& names) {
  const double operands = operand_bytes(families(setting, names));
  if (setting.apart) return operands;
  // What libraries and fused operators keep beside their operands: blocks of logits, and rows once more.
  constexpr double libraries = 128.0 * (1 << 20);
  const training::ModelShape& model = setting.step.model;
  return operands + libraries + 3.0 * static_cast<double>(triad_bytes(setting.step, setting)) +
         4.0 * static_cast<double>(setting.step.rows() * model.width);
}

namespace {

class OperatorsCase final : public PassCase {
 public:
  OperatorsCase(const Parameters& parameters, const Context& context, device::Device& device)
      : context_(context),
        device_(device),
        step_(step_shape(parameters)),
        setting_(family_setting(step_, context, device)),
        all_(names_of(step_)),
        names_(chosen(all_, context.library_flags)) {
    constexpr double passes = 10, warming_up = 2.5;
    min_time_s_ =
        std::clamp(context.time_s / (passes * warming_up * static_cast<double>(names_.size())), 2e-4, 0.5);
  }

  device::Device* device() const override { return &device_; }

  void prepare() override {
    on_ = device_.operators(step_.element, context_.threads);
    families_ = families(setting_, names_);
    for (const auto& family : families_) {
      family->prepare(device_, *on_);
      for (std::size_t which = 0; which < family->operators().size(); ++which)
        operators_.push_back({family.get(), which});
    }
    if (setting_.apart) {
      constexpr std::size_t least_bytes = 256;
      place_ = device_.allocate(least_bytes);
      return;
    }
    const std::uint64_t bytes = triad_bytes(step_, setting_);
    arrays_ =
        std::make_unique<stream::StreamArrays<double>>(bytes, context_.threads, parse_page_size("auto"));
    arrays_->touch();
    if (const auto ceiling = device_.gemm_ceiling(step_.element, context_.threads)) {
      ceilings_.flops_per_s = ceiling->per_second;
      arithmetic_source_ = ceiling->source;
    }
  }

  PassLimits limits() const override {
    PassLimits limits;
    limits.minimum = 3;
    limits.maximum = 64;
    limits.headline = complete() ? "step" : names_.front();
    return limits;
  }

  void pass(Recorder& recorder) override {
    context_.group.barrier();  // ranks of a node load its memory together
    if (setting_.apart)
      warm_up(recorder);
    else
      time_triad(recorder);
    std::map<std::string, std::pair<double, int>> sums;
    std::vector<NamedWork> works;
    for (const Operator& one : operators_) {
      works.push_back({one.cost().name, [&one] { one.family->begin(one.which); },
                       [&] { return interval_s(recorder, device_, *one.family, one.which, one.calls); },
                       one.calls});
    }
    run_google_benchmark(works, context_.library_flags, min_time_s_,
                         [&](const std::string& name, double seconds, std::int64_t calls) {
                           recorder.add(name, seconds);
                           sums[name].first += seconds;
                           ++sums[name].second;
                           if (recorder.recording()) calls_timed_ += calls;
                         });
    double step_s = 0;
    for (Operator& one : operators_) {
      const auto& [sum, count] = sums[one.cost().name];
      if (count == 0)
        throw Error(ExitStatus::cannot_run, "Google Benchmark gave no time of " + one.cost().name, "");
      step_s += one.cost().calls * sum / count;
      one.median_s = reduce_samples(Reduce::median, recorder.samples(one.cost().name)).value_or(0);
    }
    if (complete()) recorder.add("step", step_s);
  }

  void poison() override {
    for (const auto& family : families_) family->poison();
  }

  Check check() override {
    Finding worst;
    for (const Operator& one : operators_) worst = worse(worst, one.family->check(one.which));
    Check check;
    check.status = worst.pass ? CheckStatus::pass : CheckStatus::fail;
    if (std::isfinite(worst.error)) check.error = worst.error;
    if (std::isfinite(worst.bound)) check.bound = worst.bound;
    check.how = std::to_string(worst.compared) + " elements of " + std::to_string(operators_.size()) +
                (operators_.size() == 1 ? " operator" : " operators") +
                " against loops in f64; every result looked at for NaN; shown: " + worst.where;
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    std::vector<FigureOfMerit> all;
    if (complete())
      all.push_back({"step", std::nullopt, "s", Better::lower, Reduce::median, std::nullopt, "step"});
    for (const Operator& one : operators_) {
      const OperatorCost& cost = one.cost();
      FigureOfMerit figure{cost.name,
                           cost.arithmetic ? cost.flops : cost.bytes,
                           cost.arithmetic ? "FLOP/s" : "B/s",
                           Better::higher,
                           Reduce::median,
                           std::nullopt,
                           cost.name};
      if (cost.arithmetic && ceilings_.flops_per_s)
        figure.peak = Peak{*ceilings_.flops_per_s, PeakBasis::measured, arithmetic_source_};
      if (!cost.arithmetic && ceilings_.bytes_per_s)
        figure.peak = Peak{*ceilings_.bytes_per_s, PeakBasis::measured, triad_source()};
      all.push_back(std::move(figure));
    }
    if (!setting_.apart)
      all.push_back({"triad", 3.0 * static_cast<double>(array_bytes()), "B/s", Better::higher, Reduce::median,
                     std::nullopt, "triad"});
    return all;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = on_->describe();
    path["timed_by"] = google_benchmark_name() + ", manual time";
    path["model"] = describe(step_.model);
    path["norm"] = step_.gpt() ? "LayerNorm" : "RMSNorm";
    path["activation"] = step_.gpt() ? "GELU" : "SwiGLU";
    const std::vector<std::string> absent = absent_operators(step_);
    if (!absent.empty()) path["absent"] = join(absent, ", ") + ": this model has none";
    if (!complete()) {
      path["left_out"] = std::to_string(all_.size() - names_.size()) + " of " + std::to_string(all_.size()) +
                         " operators; shares and the slowest are of the others";
    }
    if (!context_.library_flags.empty()) path["flags"] = join(context_.library_flags, " ");
    const double bytes = static_cast<double>(step_bytes(step_));
    path["working_set"] = setting_.cold ? "a step's " + format_value(bytes, "B") +
                                              " do not fit the cache: rings of operands beyond twice its size"
                                        : "a step's " + format_value(bytes, "B") +
                                              " fit the cache: a cache case, one set of operands each";
    if (setting_.apart) {
      path["longest"] = longest(measured());
      path["ceilings"] = "none is measured on this device: no roofline";
      path["timing"] = timing();
      return path;
    }
    const std::string most = slowest(measured(), ceilings_);
    if (!most.empty()) path["slowest"] = most;
    if (!ceilings_.flops_per_s)
      path["slowest"] += " (no ceiling of multiply-adds is known: products are left out)";
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics = operator_metrics(measured(), ceilings_);
    metrics["calls_timed"] = static_cast<double>(calls_timed_);
    metrics["operand_bytes"] = operand_bytes(families_);
    if (setting_.apart) {
      metrics["wait_s"] = wait_s_;
      for (const Operator& one : operators_) metrics[one.cost().name + "_calls_per_wait"] = one.calls;
    }
    if (ceilings_.flops_per_s) metrics["ceiling_flop_per_s"] = *ceilings_.flops_per_s;
    if (ceilings_.bytes_per_s) metrics["ceiling_byte_per_s"] = *ceilings_.bytes_per_s;
    return metrics;
  }

  void plant(Fault fault) override {
    if (fault != Fault::wrong_element && fault != Fault::nan) return;
    if (context_.group.rank() != context_.group.size() - 1) return;
    const std::uint64_t choice = random_bits(setting_.key, 99);
    const Operator& one = operators_[choice % operators_.size()];
    one.family->plant(one.which, fault, choice);
  }

 private:
  struct Operator {
    Family* family = nullptr;
    std::size_t which = 0;
    int calls = 1;  ///< of an interval
    double median_s = 0;
    const OperatorCost& cost() const { return family->operators()[which].cost; }
  };

  bool complete() const { return names_.size() == all_.size(); }
  std::uint64_t array_bytes() const { return arrays_->elements() * sizeof(double); }
  std::string triad_source() const {
    return "triad over three arrays of " + format_bytes(static_cast<double>(array_bytes())) +
           ", best of the passes, " + (best_past_ ? "non-temporal" : "temporal") + " stores";
  }

  std::vector<MeasuredOperator> measured() const {
    std::vector<MeasuredOperator> all;
    for (const Operator& one : operators_) all.push_back({one.cost(), one.median_s});
    return all;
  }

  /// On a device apart, in the first pass: every operator has run, the number of calls of its interval is
  /// known, and the device has worked for a while.
  void warm_up(Recorder& recorder) {
    if (wait_s_ > 0) return;
    for (Operator& one : operators_) one.calls = calls_of_interval(recorder, device_, *one.family, one.which);
    const double share = 0.1, until_s = recorder.now_s() + share * context_.time_s;
    while (recorder.now_s() < until_s)
      for (const Operator& one : operators_) interval_s(recorder, device_, *one.family, one.which, one.calls);
    wait_s_ = wait_s(recorder, device_, place_->device());
  }

  std::string timing() const {
    std::vector<std::string> alone;
    for (const Operator& one : operators_)
      if (one.family->most_calls(one.which) == 1) alone.push_back(one.cost().name);
    std::string words = "calls are begun one after another for " + format_value(shortest_interval_s, "s") +
                        " or a few rounds of the operands, and waited for once";
    if (!alone.empty()) words += "; a wait after each of " + join(alone, ", ");
    return words;
  }

  /// With both kinds of stores; the faster one counts.
  void time_triad(Recorder& recorder) {
    const stream::Isa isa = stream::best_isa();
    double best_s = std::numeric_limits<double>::infinity();
    bool past = false;
    for (const stream::StoreKind kind : {stream::StoreKind::temporal, stream::StoreKind::nontemporal}) {
      const auto kernels = stream::kernels<double>(isa, kind);
      if (kernels.triad == nullptr) continue;
      const bool drain = kind == stream::StoreKind::nontemporal;
      const double begin_s = recorder.now_s();
      recorder.begin_own_part();
      arrays_->run(stream::triad, kernels, drain);
      const double seconds = recorder.now_s() - begin_s;
      if (seconds < best_s) past = drain;
      best_s = std::min(best_s, seconds);
    }
    recorder.add("triad", best_s);
    const double rate = 3.0 * static_cast<double>(array_bytes()) / best_s;
    if (!recorder.recording() || rate <= ceilings_.bytes_per_s.value_or(0)) return;
    ceilings_.bytes_per_s = rate;
    best_past_ = past;
  }

  const Context context_;
  device::Device& device_;
  const StepShape step_;
  const FamilySetting setting_;
  const std::vector<std::string> all_, names_;
  double min_time_s_ = 0;
  std::unique_ptr<device::Operators> on_;
  std::vector<std::unique_ptr<Family>> families_;
  std::vector<Operator> operators_;
  std::unique_ptr<stream::StreamArrays<double>> arrays_;
  Ceilings ceilings_;
  std::string arithmetic_source_;
  bool best_past_ = false;
  std::int64_t calls_timed_ = 0;
  std::unique_ptr<device::Buffer> place_;
  double wait_s_ = 0;
};

}  // namespace

std::unique_ptr<Case> make_operators(const Parameters& parameters, const Context& context,
                                     device::Device& device) {
  return std::make_unique<OperatorsCase>(parameters, context, device);
}

}  // namespace assay::bench::operators
