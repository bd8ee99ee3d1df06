#include "suites/stability/burn/burn.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/compute/gemm/gemm_check.h"
#include "suites/harness/agreement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/group_energy.h"
#include "suites/harness/recorder.h"
#include "suites/stability/burn/course.h"
#include "suites/stability/burn/group_facts.h"
#include "suites/stability/burn/load.h"

namespace assay::bench {

namespace {

using device::Element;
using stability::BurnLoad;
using stability::CounterChange;
using stability::ErrorPart;

constexpr double reading_period_s = 0.1, energy_period_s = 20;

/// Windows of a second, but at least four, and no more than a series keeps apart.
int windows_of(double duration_s) {
  return static_cast<int>(std::clamp(std::round(duration_s), 4.0, 64.0));
}

/// Visited at a time: on a GPU long enough that waiting for it does not show.
std::uint64_t chunk_bytes(const device::Device& device) {
  return device.works_by_itself() ? std::uint64_t{1} << 30 : std::uint64_t{16} << 20;
}

class StabilityBurn final : public PassCase {
 public:
  StabilityBurn(const Parameters& parameters, const Context& context, device::Device& device)
      : context_(context),
        group_(context.group),
        device_(device),
        gemm_(stability::burn_product(parameters)),
        duration_s_(real(parameters, "duration")),
        memory_time_(real(parameters, "memory_time")),
        windows_(windows_of(duration_s_)),
        chunk_bytes_(chunk_bytes(device)),
        memory_bytes_(agreed_memory(stability::share_memory(parameters, context, device).tested)),
        load_(device,
              {gemm_, context.threads, memory_bytes_, chunk_bytes_, context.seed, context.group.rank()}),
        course_(duration_s_),
        energy_(context.group) {}

  device::Device* device() const override { return &device_; }

  void prepare() override { load_.prepare(); }

  /// One pass holds the whole burn: between passes the ranks would wait for one another.
  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 0;
    limits.minimum = 1;
    limits.maximum = 1;
    return limits;
  }

  void poison() override { load_.poison(); }

  void pass(Recorder& recorder) override {
    before_ = device_.read_conditions();
    energy_.start(recorder.now_s());
    group_.barrier();
    const double begin_s = recorder.now_s();
    const BurnLoad::Now now = [&recorder, begin_s] { return recorder.now_s() - begin_s; };
    if (context_.fault != Fault::silent_rank || !last_rank()) burn(recorder, now);
    burned_s_ = now();
    energy_.read(recorder.now_s());
  }

  Check check() override {
    std::vector<std::string> changed;
    std::vector<CounterChange> counters;
    const bool burned = load_.products() > 0;
    agree_or_throw(group_, [&] {
      if (burned) {
        const BurnLoad::Now at_the_end = [this] { return burned_s_; };
        load_.compare_last(at_the_end);
        load_.compare_memory(at_the_end);
        changed = load_.changed();
      }
      // Errors of memory are counted when it is read, so the counters come last.
      counters = stability::changes_between(before_, device_.read_conditions());
    });
    const Check check = judge(burned, changed, counters);
    group_facts_ =
        stability::gather_facts(group_, report(counters), stability::TimeBins(duration_s_), attachment_);
    energy_.gather();
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    const std::string unit = gemm_.element == Element::int8 ? "OP/s" : "FLOP/s";
    const double operations = gemm_operations(gemm_);
    std::vector<FigureOfMerit> all = {
        {"rate", operations, unit, Better::higher, Reduce::median, std::nullopt, "burn"},
        {"rate_worst", operations, unit, Better::higher, Reduce::max, std::nullopt, "window"},
        {"steadiness", std::nullopt, "1", Better::higher, Reduce::median, std::nullopt, "steadiness"}};
    if (memory_bytes_ > 0 && memory_time_ > 0)
      all.push_back({"memory_rate", 2.0 * static_cast<double>(chunk_bytes_), "B/s", Better::higher,
                     Reduce::median, std::nullopt, "memory"});
    return all;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = load_.describe();
    path["inputs"] = load_.inputs();
    path["together"] = std::to_string(group_.size()) + (group_.size() == 1 ? " device" : " devices") +
                       ", begun after one barrier";
    path["tested_memory"] = memory_bytes_ == 0
                                ? "none"
                                : format_value(static_cast<double>(memory_bytes_), "B") + " of each device";
    if (!energy_.words().empty()) path["host_energy"] = energy_.words();
    for (const auto& [name, words] : group_facts_.path) path[name] = words;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    const stability::ErrorLog& errors = load_.errors();
    std::map<std::string, double> metrics = {
        {"burn_s", burned_s_},
        {"products", static_cast<double>(load_.products())},
        {"memory_bytes", static_cast<double>(memory_bytes_)},
        {"verified_memory_bytes", static_cast<double>(load_.visited_bytes())},
        {"wrong_elements", static_cast<double>(errors.count(ErrorPart::result))},
        {"wrong_memory_words", static_cast<double>(errors.count(ErrorPart::memory))}};
    if (!errors.kept().empty()) metrics["first_error_s"] = errors.kept().front().at_s;
    if (course_.first_throttle()) metrics["throttled_after_s"] = course_.first_throttle()->at_s;
    if (energy_.joules() && energy_.elapsed_s() > 0)
      metrics["host_power_mean_w"] = *energy_.joules() / energy_.elapsed_s();
    for (const auto& [name, value] : group_facts_.metrics) metrics[name] = value;
    return metrics;
  }

  std::vector<Attachment> attachments() const override {
    if (group_.rank() != 0) return {};
    return {{attachment_}};
  }

  /// What was planted in mid-burn is there already.
  void plant(Fault fault) override {
    if (!last_rank() || planted_ || load_.products() == 0) return;
    if (fault == Fault::wrong_element || fault == Fault::nan) load_.plant_in_the_last(fault);
    if (fault == Fault::wrong_element) load_.plant_in_memory();
  }

 private:
  bool last_rank() const { return group_.rank() == group_.size() - 1; }

  /// Ranks that share memory begin to take it only when all have seen how much there is, and take alike.
  std::uint64_t agreed_memory(std::uint64_t own) const {
    const double least = -group_.maximum(-static_cast<double>(own));
    return device_.works_by_itself() ? own : static_cast<std::uint64_t>(least);
  }

  void burn(Recorder& recorder, const BurnLoad::Now& now) {
    const double window_s = duration_s_ / windows_;
    double product_time_s = 0;
    for (int window = 0; window < windows_; ++window) {
      // Not in the first: what was written then is to wait while products heat the device.
      if (window > 0) visit_memory(recorder, now, memory_time_ * window_s);
      product_time_s += multiply_until(recorder, now, (window + 1) * window_s);
    }
    load_.last_product();
    const double product_s = product_time_s / static_cast<double>(load_.products());
    recorder.add("burn", product_s);
    recorder.add("steadiness", product_s / slowest_s_, "1");
    rate_ = gemm_operations(gemm_) / product_s;
  }

  /// Products, at least one, until `end_s`; returns the seconds that they took.
  double multiply_until(Recorder& recorder, const BurnLoad::Now& now, double end_s) {
    const double begin_s = now();
    const std::uint64_t before = load_.products();
    do {
      recorder.begin_own_part();
      const double batch_begin_s = now();
      const std::uint64_t batch = products_for(end_s - batch_begin_s);
      load_.begin_products(batch);
      read_conditions(recorder, now);  // while the device works
      load_.finish(ErrorPart::result, now);
      product_s_ = (now() - batch_begin_s) / static_cast<double>(batch);
      plant_in_mid_burn(now);
    } while (now() < end_s);
    const double taken_s = now() - begin_s, each_s = taken_s / static_cast<double>(load_.products() - before);
    recorder.add("window", each_s);
    slowest_s_ = std::max(slowest_s_, each_s);
    return taken_s;
  }

  /// As many as take a twentieth of a second, or what is left: an error's time is known as well as that.
  std::uint64_t products_for(double left_s) const {
    constexpr double batch_s = 0.05, most = 4096;
    if (product_s_ <= 0) return 1;
    return static_cast<std::uint64_t>(std::clamp(std::min(batch_s, left_s) / product_s_, 1.0, most));
  }

  /// Each chunk at most once: between its visits lie products.
  void visit_memory(Recorder& recorder, const BurnLoad::Now& now, double most_s) {
    if (memory_bytes_ == 0 || most_s <= 0) return;
    recorder.begin_own_part();
    const double begin_s = now();
    double bytes = 0;
    for (std::uint64_t visits = 0; visits < load_.chunks(); ++visits) {
      bytes += static_cast<double>(load_.begin_visit());
      read_conditions(recorder, now);
      load_.finish(ErrorPart::memory, now);
      if (now() - begin_s >= most_s) break;
    }
    recorder.add("memory", (now() - begin_s) * static_cast<double>(chunk_bytes_) / bytes);
  }

  void read_conditions(Recorder& recorder, const BurnLoad::Now& now) {
    const double at_s = now();
    if (at_s - read_at_s_ >= reading_period_s) {
      read_at_s_ = at_s;
      if (const auto reading = device_.read_conditions()) course_.keep(at_s, *reading);
    }
    if (at_s - energy_at_s_ >= energy_period_s) {
      energy_at_s_ = at_s;
      energy_.read(recorder.now_s());
    }
  }

  void plant_in_mid_burn(const BurnLoad::Now& now) {
    const Fault fault = context_.fault;
    if (planted_ || !last_rank() || (fault != Fault::wrong_element && fault != Fault::nan)) return;
    if (now() < duration_s_ / 2) return;
    planted_ = true;
    load_.plant_in_a_product(fault);
    load_.finish(ErrorPart::result, now);
    if (fault == Fault::wrong_element) load_.plant_in_memory();
  }

  Check judge(bool burned, const std::vector<std::string>& changed,
              const std::vector<CounterChange>& counters) const {
    constexpr std::size_t most_told = 4;
    const ProductCheck& first = load_.verified();
    const stability::ErrorLog& errors = load_.errors();
    auto wrong = static_cast<double>(errors.count());
    std::vector<std::string> told = {
        first.pass ? "the first product verified (Freivalds, " + std::to_string(freivalds_vectors) +
                         " vectors; " + std::to_string(sampled_elements) + " elements in higher precision)"
                   : std::string("the first product is wrong (") + first.test + ", row " +
                         std::to_string(first.row) + "): nothing to compare with"};
    if (!first.pass) wrong += 1;
    if (burned) {
      told.push_back(std::to_string(load_.products()) + " products and " +
                     format_value(static_cast<double>(load_.visited_bytes()), "B") +
                     " of memory compared bit by bit");
    } else {
      told.emplace_back("no product was computed and compared");
      wrong += 1;
    }
    if (errors.count() > 0) {
      told.push_back(std::to_string(errors.count()) + " wrong");
      for (std::size_t i = 0; i < std::min(most_told, errors.kept().size()); ++i)
        told.push_back(errors.kept()[i].words);
    }
    for (const std::string& what : changed) {
      told.push_back(what + " has changed in memory");
      wrong += 1;
    }
    for (std::size_t i = 0; i < counters.size(); ++i) {
      const stability::ErrorCounter& counter = stability::error_counters()[i];
      told.push_back(counter.words + (": " + counters[i].words()));
      if (counter.fails && counters[i].bad()) wrong += static_cast<double>(counters[i].risen().value_or(1));
    }
    Check check;
    check.error = wrong;
    check.bound = 0;
    check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = join(told, "; ");
    return check;
  }

  stability::RankReport report(const std::vector<CounterChange>& counters) const {
    stability::RankReport report;
    report.node = group_.node_of(group_.rank());
    report.device = device_.name();
    report.id = device_.id();
    report.products = load_.products();
    report.rate = rate_;
    report.worst_rate = slowest_s_ > 0 ? gemm_operations(gemm_) / slowest_s_ : 0;
    report.wrong = load_.errors().count();
    for (const stability::LocatedError& error : load_.errors().kept()) report.errors.push_back(error.words);
    report.counters = counters;
    report.throttling_known = course_.throttling_known();
    report.throttle = course_.first_throttle();
    report.power_w = course_.power_w();
    report.throttled = course_.throttled();
    return report;
  }

  Context context_;
  ProcessGroup& group_;
  device::Device& device_;
  GemmCase gemm_;
  double duration_s_, memory_time_;
  int windows_;
  std::uint64_t chunk_bytes_, memory_bytes_;
  BurnLoad load_;
  stability::Course course_;
  GroupEnergy energy_;
  std::optional<device::Reading> before_;
  double product_s_ = 0, slowest_s_ = 0, rate_ = 0, burned_s_ = 0;
  double read_at_s_ = -reading_period_s, energy_at_s_ = 0;
  bool planted_ = false;
  stability::GroupFacts group_facts_;
  std::string attachment_;
};

}  // namespace

std::unique_ptr<PassCase> stability::make_burn(const Parameters& parameters, const Context& context,
                                               device::Device& device) {
  return std::make_unique<StabilityBurn>(parameters, context, device);
}

}  // namespace assay::bench
