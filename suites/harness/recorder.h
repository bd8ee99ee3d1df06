// What a PassCase times its parts with: every sample becomes one of a named series of the record. During the
// warm-up the same calls measure and keep nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "reports/record/record.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/clock.h"
#include "suites/harness/histogram.h"

namespace assay::bench {

class Recorder {
 public:
  Recorder(Scope scope, const ProcessGroup& group, Clock& clock);

  /// A barrier, a clock reading, `work`, a clock reading: seconds per iteration when `work` does `iterations`
  /// of them. Scope group: the longest over all ranks, on every rank; then every rank must call it alike.
  /// Scope device: this rank's own. Joins the series `name` and is returned.
  double time(const std::string& name, const std::function<void()>& work, std::int64_t iterations = 1);

  /// A sample that was found otherwise. Unit "s", or "1" for a share or a factor. Scope group: the value must
  /// be the same on every rank (that of rank 0 is written down).
  void add(const std::string& name, double value, const std::string& unit = "s");

  /// One operation among many: joins the histogram of series `name` (each rank its own; with scope group the
  /// counts of all ranks are added up). The series' samples are added apart.
  void operation(const std::string& name, double seconds) {
    if (recording_) operations_[name].add(seconds);
  }

  /// When the latest `time` began and ended on this rank, by its own clock: from where the barrier let it go
  /// to its last iteration.
  struct Interval {
    double begin_s = 0, end_s = 0;
  };
  const Interval& own_time() const { return own_time_; }

  double now_s() const { return clock_.now_s(); }
  /// Called within a part that a case times by now_s() itself: planted faults strike there too.
  void begin_own_part() const {
    if (disturbance_) disturbance_();
  }
  /// False during warm-up.
  bool recording() const { return recording_; }
  /// 0, 1, ...: this pass among all, warm-ups included.
  std::int64_t pass() const { return pass_; }

  // ---- For the harness
  void begin_pass(std::int64_t pass, bool recording);
  /// Done at the start of every timed part: where a planted fault strikes.
  void disturb(std::function<void()> disturbance) { disturbance_ = std::move(disturbance); }
  /// Samples of a series so far (merged when they were many); empty when there is none of that name.
  const std::vector<double>& samples(const std::string& name) const;
  /// Everything recorded. Collective when the scope is the group.
  std::map<std::string, Series> series() const;

 private:
  /// At most 64 samples: when full, neighbours are merged, and later samples are means over as many passes.
  struct Kept {
    std::string unit;
    std::vector<double> samples;
    std::int64_t per_sample = 1;
    double pending_sum = 0;
    std::int64_t pending = 0;
  };

  Scope scope_;
  const ProcessGroup& group_;
  Clock& clock_;
  std::function<void()> disturbance_;
  Interval own_time_;
  bool recording_ = false;
  std::int64_t pass_ = 0;
  std::map<std::string, Kept> kept_;
  std::map<std::string, HistogramBuilder> operations_;
};

}  // namespace assay::bench
