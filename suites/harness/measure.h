// The measuring loop: warm up, choose a batch, sample until the median is known well enough or time is up,
// and end with a timed pass over poisoned outputs, so that what is checked afterwards is what was timed. All
// decisions are taken on rank 0 and broadcast, so every rank makes the same calls in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/clock.h"

namespace assay::bench {

struct MeasureSettings {
  double time_s = 1;         ///< to aim for, warm-up included
  double half_width = 0.01;  ///< of the median's 95 % interval, relative: narrow enough to stop
  double sample_s = 2e-3;    ///< an interval lasts at least this long, or a 16th of time_s
  std::size_t maximum_samples = 64;
  std::size_t minimum_samples = 16;         ///< before the interval may stop the loop
  double minimum_share = 0.1;               ///< of time_s, before the interval may stop the loop
  std::int64_t minimum_warmups = 3;         ///< iterations
  double settled_within = 0.05;             ///< two successive warm-up windows differ by less than this share
  double warmup_share = 0.25;               ///< of time_s, at most
  std::int64_t minimum_operations = 10000;  ///< latency mode: so that a p99 stands on 100 operations
};

struct Measurement {
  std::int64_t warmups = 0;       ///< iterations before the first sample
  std::int64_t iterations = 0;    ///< timed, all samples together
  std::int64_t batch = 0;         ///< iterations of one sample, at the end
  std::vector<double> samples_s;  ///< seconds per iteration; over all ranks the longest when scope is group
  std::optional<Histogram> histogram;    ///< latency mode
  std::optional<double> longest_s;       ///< latency mode: the longest single operation, not rounded to a bin
  std::map<std::string, Series> series;  ///< of a PassCase; it has no samples_s
  std::string warm_up;                   ///< how it ended where the clock had to settle, for the path
  bool converged = false;
};

/// Samples of one kind, never more than `maximum`: when it is full, neighbours are merged into intervals of
/// twice the length. Nothing is thinned out.
class SampleSeries {
 public:
  explicit SampleSeries(std::size_t maximum) : maximum_(maximum) {}
  void add(double value) { values_.push_back(value); }
  bool full() const { return values_.size() >= maximum_; }
  /// Each pair of neighbours becomes its mean; `maximum` is even, so none is left over.
  void merge_neighbours();
  const std::vector<double>& values() const { return values_; }

 private:
  std::size_t maximum_;
  std::vector<double> values_;
};

/// Ring passes that make an interval of `interval_s`, at least one.
std::int64_t passes_for(double interval_s, double iteration_s, int ring);

/// Measures a prepared case, in the way of its kind. `observe` is called, untimed, after the warm-up and
/// after the last interval or pass: there the machine's conditions are sampled under load. The case's buffers
/// are afterwards as the last timed pass left them.
Measurement measure(Case& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock,
                    const MeasureSettings& settings, const std::function<void()>& observe = {});
Measurement measure(LoopCase& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock,
                    const MeasureSettings& settings, const std::function<void()>& observe = {});
Measurement measure(PassCase& benchmark_case, Scope scope, const ProcessGroup& group, Clock& clock,
                    const MeasureSettings& settings, const std::function<void()>& observe = {});

}  // namespace assay::bench
