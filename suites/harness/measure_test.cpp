// The measuring loop with a scripted clock: nothing here sleeps or depends on the machine.
#include "suites/harness/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <utility>

namespace assay::bench {
namespace {

class ScriptedClock final : public Clock {
 public:
  double now_s() override { return now_s_; }
  void advance(double seconds) { now_s_ += seconds; }

 private:
  double now_s_ = 100;
};

/// Each iteration takes what `duration` says of its number (from 0). Calls are written down as letters.
class ScriptedCase final : public LoopCase {
 public:
  ScriptedCase(ScriptedClock& clock, int ring, std::function<double(std::int64_t)> duration)
      : clock_(clock), ring_(ring), duration_(std::move(duration)) {}

  Mode mode() const override { return mode_; }
  int ring() const override { return ring_; }
  bool consumes_input() const override { return consumes_; }
  void prepare() override {}
  void refill() override {
    calls += 'r';
    clock_.advance(1);  // must not be timed
  }
  void poison() override {
    calls += 'p';
    clock_.advance(1);
  }
  void iterate(int slot) override {
    if (calls.size() < 100000 || slot == 0) calls += static_cast<char>('0' + slot);
    const double seconds = duration_(iterations++);
    timed_s += seconds;
    clock_.advance(seconds);
  }
  void finish() override {
    ++finishes;
    clock_.advance(finish_s);
  }
  double shortest_interval_s() const override { return shortest_s; }
  double settling_limit_s(double time_s) const override { return settling_share * time_s; }
  device::Device* device() const override { return &device::host(); }
  Check check() override { return {}; }
  std::vector<FigureOfMerit> figures() const override { return {}; }
  void plant(Fault) override {}

  std::int64_t finishes = 0;
  double finish_s = 0;
  double shortest_s = 0;
  double settling_share = 0;
  Mode mode_ = Mode::throughput;
  bool consumes_ = false;
  std::string calls;
  std::int64_t iterations = 0;
  double timed_s = 0;

 private:
  ScriptedClock& clock_;
  int ring_;
  std::function<double(std::int64_t)> duration_;
};

Measurement run(ScriptedCase& scripted, ScriptedClock& clock, const MeasureSettings& settings = {}) {
  const ProcessGroup alone;
  return measure(scripted, Scope::group, alone, clock, settings);
}

TEST(Measure, ASteadyCaseStopsAsSoonAsItMay) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 4, [](std::int64_t) { return 1e-6; });
  MeasureSettings settings;
  const Measurement result = run(scripted, clock, settings);
  EXPECT_TRUE(result.converged);
  for (const double sample : result.samples_s) EXPECT_NEAR(sample, 1e-6, 1e-12);
  EXPECT_GE(result.samples_s.size(), settings.minimum_samples);
  EXPECT_EQ(result.batch % 4, 0);
  EXPECT_GE(static_cast<double>(result.batch) * 1e-6, settings.sample_s * (1 - 1e-9));
  // A tenth of the time and one sample more for the poisoned one, not the whole second.
  EXPECT_LT(scripted.timed_s, 0.2);
  EXPECT_EQ(scripted.iterations, result.warmups + result.iterations);
}

TEST(Measure, WarmUpWaitsUntilTwoWindowsAgree) {
  ScriptedClock clock;
  MeasureSettings settings;
  settings.time_s = 10;
  ScriptedCase cooling(clock, 1,
                       [](std::int64_t i) { return 1e-3 + 1e-2 * std::exp(-0.3 * static_cast<double>(i)); });
  const Measurement cooled = run(cooling, clock, settings);
  for (const double sample : cooled.samples_s) EXPECT_NEAR(sample, 1e-3, 3e-4);
}

TEST(Measure, WarmUpGoesOnUntilTheRateIsStableWhereTheClockHasToSettle) {
  // 30 % slower when warm, with a time constant of a second: neighbouring windows of milliseconds agree from
  // the beginning, spans of a quarter of a second do so to 1 % after 2.1 s.
  const auto warming = [](std::int64_t i) {
    return 1e-3 * (1.3 - 0.3 * std::exp(-1e-3 * static_cast<double>(i)));
  };
  MeasureSettings settings;
  settings.time_s = 20;
  ScriptedClock clock;
  ScriptedCase hasty(clock, 1, warming);
  EXPECT_EQ(run(hasty, clock, settings).warm_up, "");
  ScriptedCase patient(clock, 1, warming);
  patient.settling_share = 0.5;
  patient.shortest_s = 0.02;
  const Measurement settled = run(patient, clock, settings);
  EXPECT_THAT(settled.warm_up, testing::StartsWith("settled after 2."));
  EXPECT_GT(settled.warmups, 1000);
  ScriptedCase limited(clock, 1, warming);
  limited.settling_share = 0.05;
  limited.shortest_s = 0.02;
  const Measurement ended = run(limited, clock, settings);
  EXPECT_THAT(ended.warm_up, testing::StartsWith("not settled after 1.0 s, the limit: "));
  EXPECT_THAT(ended.warm_up, testing::HasSubstr(" changed by "));
}

TEST(Measure, WarmUpIsAtLeastThreeIterationsHoweverLongTheyTake) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 1, [](std::int64_t) { return 10.0; });
  const Measurement result = run(scripted, clock);
  EXPECT_EQ(result.warmups, 3);
  EXPECT_EQ(result.samples_s.size(), 2u);  // one, and the poisoned one
  EXPECT_FALSE(result.converged);
}

TEST(Measure, SamplesAreMergedNeverThinned) {
  ScriptedClock clock;
  // A drift that never converges.
  ScriptedCase scripted(clock, 2, [](std::int64_t i) { return 1e-4 * (1 + 1e-3 * static_cast<double>(i)); });
  MeasureSettings settings;
  settings.time_s = 5;
  std::int64_t warm_iterations = 0;
  double warm_s = 0;
  int observed = 0;
  const ProcessGroup alone;
  const Measurement result = measure(scripted, Scope::group, alone, clock, settings, [&] {
    if (observed++ == 0) {
      warm_iterations = scripted.iterations;
      warm_s = scripted.timed_s;
    }
  });
  EXPECT_EQ(observed, 2);
  EXPECT_FALSE(result.converged);
  EXPECT_LE(result.samples_s.size(), settings.maximum_samples);
  EXPECT_EQ(result.warmups, warm_iterations);
  EXPECT_EQ(result.iterations, scripted.iterations - warm_iterations);
  // Every iteration is in a sample and all samples weigh the same.
  EXPECT_EQ(result.iterations, static_cast<std::int64_t>(result.samples_s.size()) * result.batch);
  const double sum = std::accumulate(result.samples_s.begin(), result.samples_s.end(), 0.0);
  EXPECT_NEAR(sum * static_cast<double>(result.batch), scripted.timed_s - warm_s, 1e-6);
}

TEST(Measure, EndsInTimeWhenNothingConverges) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 2, [](std::int64_t i) { return i % 2048 < 1024 ? 1e-5 : 4e-5; });
  MeasureSettings settings;
  settings.time_s = 2;
  const Measurement result = run(scripted, clock, settings);
  EXPECT_FALSE(result.converged);
  EXPECT_LE(scripted.timed_s, 1.01 * settings.time_s);
}

TEST(Measure, PoisonIsFollowedByOneTimedIntervalAndNothingElse) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 3, [](std::int64_t) { return 1.0; });
  const Measurement result = run(scripted, clock);
  EXPECT_THAT(scripted.calls, testing::EndsWith("012p012"));
  EXPECT_EQ(result.batch, 3);
  for (const double sample : result.samples_s) EXPECT_DOUBLE_EQ(sample, 1.0);
}

// A device that works by itself: iterations are begun, the interval lasts until all of them are done.
TEST(Measure, WaitingForTheDeviceIsTimedOncePerInterval) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 2, [](std::int64_t) { return 1e-6; });
  scripted.finish_s = 0.03;
  scripted.shortest_s = 0.02;
  const Measurement result = run(scripted, clock);
  for (const double sample : result.samples_s)
    EXPECT_NEAR(sample, 1e-6 + 0.03 / static_cast<double>(result.batch), 0.03);
  EXPECT_GE(scripted.finishes, static_cast<std::int64_t>(result.samples_s.size()));
  EXPECT_GE(result.samples_s.front() * static_cast<double>(result.batch), 0.02);
}

TEST(Measure, ConsumedInputsAreRefilledUntimedBeforeEachPass) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 2, [](std::int64_t) { return 1e-3; });
  scripted.consumes_ = true;
  MeasureSettings settings;
  settings.sample_s = 8e-3;
  settings.time_s = 40;
  const Measurement result = run(scripted, clock, settings);
  for (const double sample : result.samples_s) EXPECT_NEAR(sample, 1e-3, 1e-9);
  EXPECT_THAT(scripted.calls, testing::StartsWith("r01r01"));
  EXPECT_THAT(scripted.calls, testing::EndsWith("pr01r01r01r01"));
  EXPECT_EQ(scripted.calls.find("0101"), std::string::npos);
}

TEST(Measure, LatencyModeKeepsEveryOperationAndTheWorst) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 4, [](std::int64_t i) { return i == 15000 ? 5e-3 : 1e-6; });
  scripted.mode_ = Mode::latency;
  const Measurement result = run(scripted, clock);
  ASSERT_TRUE(result.histogram);
  const auto& counts = result.histogram->counts;
  const auto total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  EXPECT_EQ(total, static_cast<std::uint64_t>(result.iterations));
  EXPECT_GE(result.iterations, MeasureSettings{}.minimum_operations);
  EXPECT_TRUE(result.converged);  // one outlier does not move a median
  ASSERT_TRUE(result.longest_s);
  EXPECT_NEAR(*result.longest_s, 5e-3, 1e-9);
  EXPECT_EQ(counts.back(), 1u);
  EXPECT_NEAR(*quantile(*result.histogram, 0.5), 1e-6, 0.05e-6);
}

TEST(Measure, AClockThatCannotSeeTheFirstWindowDoesNotMakeTheNextEndless) {
  ScriptedClock clock;
  ScriptedCase scripted(clock, 1, [](std::int64_t i) { return i < 1 ? 0.0 : 1e-5; });
  const Measurement result = run(scripted, clock);
  EXPECT_TRUE(result.converged);
  EXPECT_LT(scripted.timed_s, 1.0);
}

TEST(Passes, MakeAnIntervalLongEnough) {
  EXPECT_EQ(passes_for(2e-3, 1e-6, 10), 200);
  EXPECT_EQ(passes_for(2e-3, 1e-6, 3), 667);  // 666.7 rounded up
  EXPECT_EQ(passes_for(2e-3, 1.0, 2), 1);
  EXPECT_GT(passes_for(2e-3, 0.0, 2), 1);
}

TEST(SampleSeries, MergesNeighbours) {
  SampleSeries series(4);
  for (const double value : {1.0, 3.0, 5.0, 9.0}) series.add(value);
  EXPECT_TRUE(series.full());
  series.merge_neighbours();
  EXPECT_THAT(series.values(), testing::ElementsAre(2.0, 7.0));
}

}  // namespace
}  // namespace assay::bench
