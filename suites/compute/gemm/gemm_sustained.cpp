// compute/gemm with `sustain`: a short measurement, then the load held for a set time, window by window.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "reports/record/time_course.h"
#include "suites/compute/gemm/gemm_hold.h"
#include "suites/compute/gemm/gemm_product.h"
#include "suites/harness/load_watch.h"
#include "suites/harness/measure.h"
#include "suites/harness/recorder.h"
#include "suites/harness/settling.h"

namespace assay::bench {

namespace {

constexpr int short_windows = 32;  // of the short measurement
constexpr double shortest_host_window_s = 2e-3;

/// Two passes, as the harness counts: the warm-up, and one that holds the short measurement and the load.
class SustainedGemm final : public PassCase {
 public:
  SustainedGemm(const GemmCase& gemm, double sustain_s, const Context& context, device::Device& device)
      : context_(context),
        device_(device),
        sustain_s_(sustain_s),
        product_(gemm, context, device),
        shortest_s_(device.works_by_itself() ? shortest_device_interval_s : shortest_host_window_s) {}

  device::Device* device() const override { return &device_; }

  void prepare() override {
    product_.prepare();
    ceiling_ = device_.gemm_ceiling(product_.gemm().element, context_.threads);
    watch_.emplace(device_, ranks_beside(context_.group));
  }
  void poison() override { product_.poison(); }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 1;
    limits.minimum = limits.maximum = 1;
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (!recorder.recording()) return warm_up(recorder);
    const double window_s = std::max(shortest_s_, context_.time_s / (2 * short_windows));
    for (int window = 0; window < short_windows; ++window) run_window(recorder, "product", window_s);
    // All devices of the group begin to hold the load together: so they share power and cooling.
    context_.group.barrier();
    hold(recorder);
  }

  Check check() override {
    tell_others();
    Check check = product_.check();
    check.how += "; outputs poisoned before the last window of the load";
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    const std::string rate = product_.unit_of_work() + "/s", per_joule = product_.unit_of_work() + "/J";
    std::optional<Peak> peak;
    if (ceiling_) peak = Peak{ceiling_->per_second, PeakBasis::measured, ceiling_->source};
    const double work = product_.operations();
    return {{"rate", work, rate, Better::higher, Reduce::median, peak, "product"},
            {"sustained", work, rate, Better::higher, Reduce::median, peak, "sustained"},
            {"sustained_lowest", work, rate, Better::higher, Reduce::max, peak, "slowest"},
            {"per_joule", work, per_joule, Better::higher, Reduce::median, std::nullopt, "joules"}};
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = product_.path();
    path["warm_up"] = settling_words(warm_windows_);
    path["sustained"] = late_words(late_change(held_));
    path["first_throttle"] = throttle_words_;
    path["energy"] = energy_words_;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics = {{"sustain_windows", static_cast<double>(held_.size())},
                                             {"sustained_late_change", late_change(held_)}};
    if (throttle_.seen) metrics["sustained_first_throttle_s"] = throttle_.after_s;
    if (later_energy_j_) metrics["sustained_energy_j"] = *later_energy_j_;
    return metrics;
  }

  std::vector<Attachment> attachments() const override {
    if (context_.group.rank() != 0) return {};
    return {{to_json(course_)}};
  }

  void plant(Fault fault) override { product_.plant(fault); }

 private:
  /// About `window_s` of products, at least one pass; seconds a product.
  double run_window(Recorder& recorder, const char* series, double window_s) {
    const std::int64_t passes = passes_for(window_s, iteration_s_, product_.ring());
    iteration_s_ = recorder.time(
        series, [&] { product_.run_passes(passes); }, passes * product_.ring());
    products_ += passes * product_.ring();
    return iteration_s_;
  }

  void warm_up(Recorder& recorder) {
    const double limit_s = gemm_settling_limit_s(device_, context_.time_s);
    const double window_s = std::max(shortest_s_, limit_s / 50);
    iteration_s_ = window_s;  // one pass, whose time the next window goes by
    warm_windows_ = warm_until_settled(recorder, device_, limit_s,
                                       [&] { return run_window(recorder, "warm_up", window_s); });
  }

  void hold(Recorder& recorder) {
    const int count = hold_windows(sustain_s_, iteration_s_ * product_.ring(), shortest_s_);
    const double each_s = sustain_s_ / count, begin_s = recorder.now_s();
    std::optional<double> energy_begin_j;
    std::int64_t products_before = 0;
    bool later = false;
    for (int window = 0; window < count;) {
      const double now_s = recorder.now_s() - begin_s;
      if (window == count - 1) product_.poison();
      if (!later && (now_s >= sustain_s_ / 2 || window == count - 1)) {
        later = true;
        energy_begin_j = watch_->energy_j();
        products_before = products_;
      }
      hold_window(recorder, begin_s, (window + 1) * each_s - now_s);
      if (window == count - 1) break;
      // A window that took longer than it should leaves out those that would have begun meanwhile.
      const auto reached = static_cast<int>((recorder.now_s() - begin_s) / each_s);
      window = std::min(std::max(window + 1, reached), count - 1);
    }
    const std::optional<double> energy_end_j = watch_->energy_j();
    if (energy_begin_j && energy_end_j && *energy_end_j > *energy_begin_j) {
      later_energy_j_ = *energy_end_j - *energy_begin_j;
      recorder.add("joules", *later_energy_j_ / static_cast<double>(products_ - products_before), "J");
    }
    double slowest_s = 0;
    for (std::size_t i = 0; i < held_.size(); ++i) {
      slowest_s = std::max(slowest_s, held_[i].iteration_s);
      if (i >= later_part(held_, sustain_s_)) recorder.add("sustained", held_[i].iteration_s);
    }
    recorder.add("slowest", slowest_s);
    energy_words_ = watch_->energy_words();
    throttle_ = first_throttle(course_windows_, throttled_s_);
  }

  void hold_window(Recorder& recorder, double begin_s, double window_s) {
    watch_->begin();
    run_window(recorder, "hold", window_s);
    WindowConditions meanwhile = watch_->end();
    const auto [window_begin_s, window_end_s] = recorder.own_time();
    held_.push_back({window_begin_s - begin_s, window_end_s - window_begin_s, iteration_s_});
    course_windows_.push_back({held_.back().begin_s, held_.back().length_s,
                               product_.operations() / iteration_s_, meanwhile.clock_hz, meanwhile.power_w,
                               meanwhile.temperature_c, std::move(meanwhile.throttled_by)});
    throttled_s_.push_back(meanwhile.first_throttled_s.value_or(-1));
  }

  /// Rank 0 gets the courses of all devices, each rank the words on its node's.
  void tell_others() {
    const ProcessGroup& group = context_.group;
    TimeCourse own{"matrix products", product_.unit_of_work() + "/s", {}};
    own.devices.push_back(
        {group.rank(), group.node_of(group.rank()), device_.name(), device_.id(), course_windows_});
    course_ = own;
    course_.devices.clear();
    for (const std::string& json : group.gather(to_json(own), 0))
      course_.devices.push_back(parse_time_course(json, "a rank's time course").devices.at(0));
    throttle_words_.clear();
    const std::vector<std::string> words = group.all_gather(throttle_words(throttle_, group.rank()));
    for (int rank = 0; rank < group.size(); ++rank) {
      const std::string& one = words[static_cast<std::size_t>(rank)];
      if (group.node_of(rank) != group.node_of(group.rank())) continue;
      if (throttle_words_.find(one) != std::string::npos) continue;  // "none" of several ranks
      throttle_words_ += (throttle_words_.empty() ? "" : "; ") + one;
    }
  }

  Context context_;
  device::Device& device_;
  double sustain_s_;
  GemmProduct product_;
  double shortest_s_;
  std::optional<device::Ceiling> ceiling_;
  std::optional<LoadWatch> watch_;
  double iteration_s_ = 0;  ///< of the latest window
  std::int64_t products_ = 0;
  std::vector<LoadWindow> warm_windows_;
  std::vector<HeldWindow> held_;
  std::vector<CourseWindow> course_windows_;
  std::vector<double> throttled_s_;
  FirstThrottle throttle_;
  std::optional<double> later_energy_j_;
  std::string energy_words_, throttle_words_;
  TimeCourse course_;
};

}  // namespace

std::unique_ptr<Case> make_sustained_gemm(const Parameters& parameters, const Context& context,
                                          device::Device& device) {
  return std::make_unique<SustainedGemm>(gemm_case(parameters), real(parameters, "sustain"), context, device);
}

}  // namespace assay::bench
