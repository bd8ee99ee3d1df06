// Passes and their recorder with a scripted clock: nothing here sleeps or depends on the machine.
#include "suites/harness/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "reports/base/error.h"
#include "suites/harness/faults.h"
#include "suites/harness/measure.h"

namespace assay::bench {
namespace {

class ScriptedClock final : public Clock {
 public:
  double now_s() override { return now_s_; }
  void advance(double seconds) { now_s_ += seconds; }

 private:
  double now_s_ = 100;
};

/// Writes for 2 s, reads for 1 s; the letters tell the order of calls.
class ScriptedPasses final : public PassCase {
 public:
  explicit ScriptedPasses(ScriptedClock& clock, PassLimits limits) : clock_(clock), limits_(limits) {}
  PassLimits limits() const override { return limits_; }
  void prepare() override {}
  void poison() override { calls += 'p'; }
  void pass(Recorder& recorder) override {
    calls += recorder.recording() ? 'R' : 'w';
    recorder.time("write", [&] { clock_.advance(2); });
    recorder.time(
        "read", [&] { clock_.advance(1); }, 4);
    recorder.operation("operation", 0.25);
    recorder.add("share", 0.5, "1");
    clock_.advance(10);  // is in no part
  }
  Check check() override { return {}; }
  std::vector<FigureOfMerit> figures() const override { return {}; }
  void plant(Fault) override {}
  std::string calls;

 private:
  ScriptedClock& clock_;
  PassLimits limits_;
};

Measurement run(ScriptedPasses& passes, ScriptedClock& clock, double time_s) {
  MeasureSettings settings;
  settings.time_s = time_s;
  return measure(passes, Scope::group, ProcessGroup(), clock, settings);
}

TEST(Passes, PartsBecomeSeriesAndThePoisonedPassIsOneOfThem) {
  ScriptedClock clock;
  ScriptedPasses passes(clock, {1, 3, 3, ""});
  const Measurement result = run(passes, clock, 1);
  EXPECT_EQ(passes.calls, "wRRpR");
  EXPECT_EQ(result.warmups, 1);
  EXPECT_EQ(result.iterations, 3);
  EXPECT_TRUE(result.converged);  // no headline: nothing was to become narrow
  EXPECT_TRUE(result.samples_s.empty());
  EXPECT_THAT(result.series.at("write").samples, testing::ElementsAre(2, 2, 2));
  EXPECT_THAT(result.series.at("read").samples, testing::ElementsAre(0.25, 0.25, 0.25));
  EXPECT_EQ(result.series.at("share").unit, "1");
  ASSERT_TRUE(result.series.at("operation").histogram);
  EXPECT_EQ(result.series.at("operation").histogram->counts.back(), 3U);
  EXPECT_TRUE(result.series.at("operation").samples.empty());
}

TEST(Passes, TimeEndsThem) {
  ScriptedClock clock;
  // 13 s a pass: after the warm-up and three passes, 52 of 70 s are spent, and two more would be too many.
  ScriptedPasses passes(clock, {1, 1, 100, ""});
  EXPECT_EQ(run(passes, clock, 70).iterations, 4);
  ScriptedPasses single(clock, {0, 1, 100, ""});
  EXPECT_EQ(run(single, clock, 1e6).iterations, 1);  // of unknown length: once
  ScriptedPasses slow(clock, {1, 1, 100, ""});
  EXPECT_EQ(run(slow, clock, 5).iterations, 1);
}

TEST(Passes, ANarrowHeadlineEndsThem) {
  ScriptedClock clock;
  ScriptedPasses passes(clock, {1, 1, 1000, "write"});
  const Measurement result = run(passes, clock, 1000);
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.iterations, 17);  // sixteen, and the poisoned one
}

TEST(Recorder, ManySamplesAreMergedNeverThinned) {
  ScriptedClock clock;
  Recorder recorder(Scope::device, ProcessGroup(), clock);
  recorder.begin_pass(0, true);
  double sum = 0;
  for (int i = 0; i < 256; ++i) {
    recorder.add("x", i);
    sum += i;
  }
  const auto& samples = recorder.samples("x");
  ASSERT_EQ(samples.size(), 64U);
  EXPECT_DOUBLE_EQ(samples.front(), 1.5);  // of 0, 1, 2, 3
  double mean = 0;
  for (const double sample : samples) mean += sample / 64;
  EXPECT_DOUBLE_EQ(mean, sum / 256);
}

TEST(Recorder, OneSeriesHasOneUnit) {
  ScriptedClock clock;
  Recorder recorder(Scope::device, ProcessGroup(), clock);
  recorder.begin_pass(0, true);
  recorder.add("x", 1);
  EXPECT_THROW(recorder.add("x", 1, "1"), Error);
}

TEST(Recorder, ASlowRankIsSlowInEveryPart) {
  ScriptedClock clock;
  ProcessGroup alone;
  Context context{alone};
  context.fault = Fault::slow_rank;
  const auto planted = with_fault(std::make_unique<ScriptedPasses>(clock, PassLimits{0, 1, 1, ""}), context);
  SteadyClock real;
  const Measurement result = measure(*planted, Scope::group, alone, real, {});
  EXPECT_GE(result.series.at("write").samples[0], 5e-3);
  EXPECT_GE(result.series.at("read").samples[0], 5e-3 / 4);
}

TEST(Histogram, OfOneRankIsItsOwnSum) {
  const Histogram own{16, -150, {1, 0, 2}};
  EXPECT_EQ(add_over_ranks(ProcessGroup(), own), own);
  EXPECT_TRUE(add_over_ranks(ProcessGroup(), {}).counts.empty());
}

}  // namespace
}  // namespace assay::bench
