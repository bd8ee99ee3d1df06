#include "suites/harness/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "suites/harness/histogram.h"
#include "suites/harness/load_watch.h"
#include "suites/harness/recorder.h"
#include "suites/harness/settling.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

void SampleSeries::merge_neighbours() {
  const std::size_t half = values_.size() / 2;
  for (std::size_t i = 0; i < half; ++i) values_[i] = (values_[2 * i] + values_[2 * i + 1]) / 2;
  values_.resize(half);
}

std::int64_t passes_for(double interval_s, double iteration_s, int ring) {
  constexpr double most = 1e9;  // an iteration that the clock cannot see must not run forever
  const double pass_s = iteration_s * ring;
  if (!(pass_s > 0)) return static_cast<std::int64_t>(most) / ring;
  return static_cast<std::int64_t>(std::clamp(std::ceil(interval_s / pass_s - 1e-6), 1.0, most / ring));
}

namespace {

/// One interval: seconds per iteration, over all ranks the longest when the scope is the group.
struct Interval {
  double mean_s = 0;
  double median_s = 0;  ///< of the single operations in latency mode, else the mean
};

/// The two modes differ only in how an interval is timed and what is kept of it.
class Timer {
 public:
  Timer(LoopCase& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock)
      : case_(benchmark_case), scope_(scope), group_(group), clock_(clock), ring_(benchmark_case.ring()) {}
  virtual ~Timer() = default;
  virtual Interval time_passes(std::int64_t passes) = 0;
  virtual std::int64_t most_passes() const { return std::numeric_limits<std::int64_t>::max(); }
  virtual void start_recording() {}

 protected:
  LoopCase& case_;
  Scope scope_;
  const ProcessGroup& group_;
  Clock& clock_;
  const int ring_;
};

class ThroughputTimer final : public Timer {
 public:
  using Timer::Timer;

  Interval time_passes(std::int64_t passes) override {
    double seconds = 0;
    if (case_.consumes_input()) {
      for (std::int64_t pass = 0; pass < passes; ++pass) {
        case_.refill();
        seconds += timed(1);
      }
    } else {
      seconds = timed(passes);
    }
    double mean_s = seconds / (static_cast<double>(passes) * ring_);
    if (scope_ == Scope::group) mean_s = group_.maximum(mean_s);
    return {mean_s, mean_s};
  }

 private:
  double timed(std::int64_t passes) {
    group_.barrier();
    const double begin = clock_.now_s();
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      for (int slot = 0; slot < ring_; ++slot) case_.iterate(slot);
    }
    case_.finish();
    return clock_.now_s() - begin;
  }
};

class LatencyTimer final : public Timer {
 public:
  using Timer::Timer;

  /// An interval's operations are kept until its end, where their maximum over ranks is taken. Intervals
  /// begin with at most 32 KiB of doubles, so that they do not push a small operation's working set out of
  /// the cache.
  std::int64_t most_passes() const override { return std::max<std::int64_t>(1, 4096 / ring_); }

  Interval time_passes(std::int64_t passes) override {
    seconds_.clear();
    seconds_.reserve(static_cast<std::size_t>(passes * ring_));
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      if (case_.consumes_input()) case_.refill();
      for (int slot = 0; slot < ring_; ++slot) {
        group_.barrier();
        const double begin = clock_.now_s();
        case_.iterate(slot);
        case_.finish();
        seconds_.push_back(clock_.now_s() - begin);
      }
    }
    if (scope_ == Scope::group) group_.maximum(seconds_);
    double sum = 0;
    for (const double second : seconds_) {
      sum += second;
      if (recording_) operations_.add(second);
    }
    return {sum / static_cast<double>(seconds_.size()), median_of(seconds_)};
  }

  void start_recording() override { recording_ = true; }
  const HistogramBuilder& operations() const { return operations_; }

 private:
  std::vector<double> seconds_;
  bool recording_ = false;
  HistogramBuilder operations_;
};

/// What rank 0 decides after an interval.
struct Decision {
  bool go_on = true;
  bool converged = false;
  std::int64_t passes = 1;
};

class Loop {
 public:
  Loop(LoopCase& benchmark_case, const ProcessGroup& group, Clock& clock, const MeasureSettings& settings,
       Timer& timer, bool latency)
      : case_(benchmark_case),
        group_(group),
        clock_(clock),
        settings_(settings),
        timer_(timer),
        latency_(latency),
        ring_(benchmark_case.ring()),
        begin_s_(clock.now_s()),
        sample_s_(std::min(std::max(settings.sample_s, benchmark_case.shortest_interval_s()),
                           settings.time_s / 16)),
        means_(settings.maximum_samples),
        medians_(settings.maximum_samples) {}

  Measurement run(const std::function<void()>& observe) {
    warm_up();
    if (observe) observe();
    timer_.start_recording();
    while (sample()) {
    }
    case_.poison();
    take_interval();
    if (observe) observe();
    result_.samples_s = means_.values();
    result_.batch = passes_ * ring_;
    return result_;
  }

 private:
  double elapsed_s() { return clock_.now_s() - begin_s_; }

  Decision agree(Decision decision) const {
    group_.broadcast(&decision, sizeof decision, 0);
    return decision;
  }

  /// A first window that was over before the clock could see it must not make the second one endless.
  std::int64_t wanted_passes(double iteration_s) const {
    constexpr std::int64_t most_growth = 1000;
    return std::min({passes_for(sample_s_, iteration_s, ring_), timer_.most_passes(), passes_ * most_growth});
  }

  /// The first windows also show how long an iteration takes; a window counts once it has its full length.
  void warm_up() {
    double previous_s = std::numeric_limits<double>::quiet_NaN();
    const double limit_s = case_.settling_limit_s(settings_.time_s);
    std::optional<LoadWatch> watch;
    if (limit_s > 0 && case_.device() != nullptr) watch.emplace(*case_.device(), group_.size());
    std::vector<LoadWindow> windows;
    for (bool go_on = true; go_on;) {
      if (watch) watch->begin();
      const double window_begin_s = clock_.now_s();
      const double own_window_s = timer_.time_passes(passes_).median_s;
      if (watch) windows.push_back({clock_.now_s() - window_begin_s, own_window_s, watch->end().clock_hz});
      const double window_s = group_.maximum(own_window_s);
      result_.warmups += passes_ * ring_;
      Decision decision;
      decision.passes = wanted_passes(window_s);
      const bool settled = std::abs(window_s - previous_s) <= settings_.settled_within * previous_s;
      const bool long_enough = 2 * passes_ >= decision.passes && result_.warmups >= settings_.minimum_warmups;
      const bool time_up = elapsed_s() >= settings_.warmup_share * settings_.time_s &&
                           result_.warmups >= settings_.minimum_warmups;
      decision.go_on = !(settled && long_enough) && !time_up;
      if (watch) decision.go_on = group_.any(!has_settled(windows)) && elapsed_s() < limit_s;
      decision = agree(decision);
      passes_ = decision.passes;
      previous_s = window_s;
      go_on = decision.go_on;
    }
    if (watch) result_.warm_up = settling_words(windows);
  }

  /// Returns the seconds that the interval took.
  double take_interval() {
    if (means_.full()) {
      means_.merge_neighbours();
      medians_.merge_neighbours();
      passes_ *= 2;
    }
    const double begin_s = clock_.now_s();
    const Interval interval = timer_.time_passes(passes_);
    means_.add(interval.mean_s);
    medians_.add(interval.median_s);
    result_.iterations += passes_ * ring_;
    return clock_.now_s() - begin_s;
  }

  /// One more sample; false when there are enough. The last, poisoned interval is still to come, so time is
  /// up when one more would be one too many for it.
  bool sample() {
    const double interval_s = take_interval();
    const auto width = relative_half_width(medians_.values());
    const bool wide = group_.any(!(width && *width <= settings_.half_width));
    const double spent_s = elapsed_s();
    Decision decision;
    decision.converged = !wide && medians_.values().size() >= settings_.minimum_samples &&
                         spent_s >= settings_.minimum_share * settings_.time_s &&
                         (!latency_ || result_.iterations >= settings_.minimum_operations);
    const double next_s = means_.full() ? 2 * interval_s : interval_s;
    decision.go_on = !decision.converged && spent_s + 2 * next_s <= settings_.time_s;
    decision = agree(decision);
    result_.converged = decision.converged;
    return decision.go_on;
  }

  LoopCase& case_;
  const ProcessGroup& group_;
  Clock& clock_;
  const MeasureSettings& settings_;
  Timer& timer_;
  const bool latency_;
  const int ring_;
  const double begin_s_;
  const double sample_s_;
  std::int64_t passes_ = 1;
  SampleSeries means_;
  SampleSeries medians_;
  Measurement result_;
};

/// A PassCase: warm-ups, passes until the headline is known well enough or time is up, and the last, poisoned
/// one.
class Passes {
 public:
  Passes(PassCase& benchmark_case, const ProcessGroup& group, Clock& clock, const MeasureSettings& settings,
         Recorder& recorder)
      : case_(benchmark_case),
        limits_(benchmark_case.limits()),
        group_(group),
        clock_(clock),
        settings_(settings),
        recorder_(recorder) {}

  Measurement run(const std::function<void()>& observe) {
    Measurement result;
    const double begin_s = clock_.now_s();
    double pass_s = 0;
    const auto timed_pass = [&](bool recording) {
      const double pass_begin_s = clock_.now_s();
      pass(recording);
      pass_s = clock_.now_s() - pass_begin_s;
    };
    for (; result.warmups < limits_.warmups; ++result.warmups) timed_pass(false);
    if (observe) observe();
    for (; wanted(result, clock_.now_s() - begin_s, pass_s); ++result.iterations) timed_pass(true);
    case_.poison();
    pass(true);
    ++result.iterations;
    if (observe) observe();
    result.batch = 1;
    if (limits_.headline.empty()) result.converged = true;  // nothing was to become narrow
    result.series = recorder_.series();
    return result;
  }

 private:
  void pass(bool recording) {
    recorder_.begin_pass(passes_++, recording);
    case_.pass(recorder_);
  }

  /// Whether another pass is wanted before the last one. Decided on rank 0, so that a rank whose clock runs
  /// differently makes no pass alone.
  bool wanted(Measurement& result, double spent_s, double pass_s) const {
    const std::int64_t done_with_last = result.iterations + 1;
    const auto width = relative_half_width(recorder_.samples(limits_.headline));
    const bool wide = group_.any(!(width && *width <= settings_.half_width));
    result.converged = !limits_.headline.empty() && !wide &&
                       recorder_.samples(limits_.headline).size() >= settings_.minimum_samples &&
                       spent_s >= settings_.minimum_share * settings_.time_s;
    bool go_on = !result.converged && spent_s + 2 * pass_s <= settings_.time_s;
    if (done_with_last < limits_.minimum) go_on = true;
    if (done_with_last >= limits_.maximum) go_on = false;
    // A pass of unknown length may take hours: without a warm-up or a minimum there is only the last one.
    if (result.iterations == 0 && limits_.warmups == 0 && limits_.minimum <= 1) go_on = false;
    bool decision[2] = {go_on, result.converged};
    group_.broadcast(decision, sizeof decision, 0);
    result.converged = decision[1];
    return decision[0];
  }

  PassCase& case_;
  const PassLimits limits_;
  const ProcessGroup& group_;
  Clock& clock_;
  const MeasureSettings& settings_;
  Recorder& recorder_;
  std::int64_t passes_ = 0;
};

}  // namespace

Measurement measure(LoopCase& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock,
                    const MeasureSettings& settings, const std::function<void()>& observe) {
  if (benchmark_case.mode() == Mode::throughput) {
    ThroughputTimer timer(benchmark_case, scope, group, clock);
    return Loop(benchmark_case, group, clock, settings, timer, false).run(observe);
  }
  LatencyTimer timer(benchmark_case, scope, group, clock);
  Measurement result = Loop(benchmark_case, group, clock, settings, timer, true).run(observe);
  result.histogram = timer.operations().histogram();
  result.longest_s = timer.operations().longest_s();
  return result;
}

Measurement measure(PassCase& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock,
                    const MeasureSettings& settings, const std::function<void()>& observe) {
  Recorder recorder(scope, group, clock);
  return Passes(benchmark_case, group, clock, settings, recorder).run(observe);
}

Measurement measure(Case& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock,
                    const MeasureSettings& settings, const std::function<void()>& observe) {
  if (auto* passes = dynamic_cast<PassCase*>(&benchmark_case))
    return measure(*passes, scope, group, clock, settings, observe);
  return measure(dynamic_cast<LoopCase&>(benchmark_case), scope, group, clock, settings, observe);
}

}  // namespace assay::bench
