// What is inside an interval and what is not, told by a clock that counts what the device has done.
#include "suites/compute/operators/intervals.h"

#include <gtest/gtest.h>

#include <memory>

#include "suites/training/support/queued_device.h"

namespace assay::bench::operators {
namespace {

/// Shows what a device has done as time: each piece of work has a duration.
class WorkClock final : public Clock {
 public:
  double now_s() override { return done_s; }
  double done_s = 0;
};

StepShape smallest_step() {
  StepShape step;
  step.model = training::preset("tiny", {});
  return step;
}

FamilySetting setting_apart() {
  FamilySetting setting;
  setting.step = smallest_step();
  setting.cold = false;
  setting.apart = true;
  return setting;
}

/// One operator that adds 1 to each of a few numbers, in `call_s`; what comes before it takes a thousand
/// times as long.
class CountingFamily final : public Family {
 public:
  CountingFamily(training::QueuedDevice& device, WorkClock& clock, double call_s, Use use, bool with_before)
      : Family(setting_apart()) {
    const auto takes = [&device, &clock](double seconds) {
      return
          [&device, &clock, seconds](int) { device.begin([&clock, seconds] { clock.done_s += seconds; }); };
    };
    TimedOperator one = timed("residual_add", takes(call_s), {0});
    if (with_before) one.before = takes(1000 * call_s);
    define({{"y", device::Element::f32, 8, use}}, {one});
    keep({"residual_add"});
  }

 protected:
  Expected expected(int, std::size_t, std::int64_t, std::int64_t) const override { return {}; }
};

class Intervals : public testing::Test {
 protected:
  std::unique_ptr<Family> family(double call_s, Use use, bool with_before = false) {
    auto made = std::make_unique<CountingFamily>(device_, clock_, call_s, use, with_before);
    made->prepare(device_, *operators_);
    return made;
  }

  WorkClock clock_;
  training::QueuedDevice device_;
  std::unique_ptr<device::Operators> operators_ = device_.operators(device::Element::f32, 1);
  ProcessGroup alone_;
  Recorder recorder_{Scope::device, alone_, clock_};
};

TEST_F(Intervals, HoldAllOfTheirCallsAndNothingElse) {
  const auto one = family(0.5, Use::output);
  for (const int calls : {1, 7}) {
    one->begin(0);
    const int waits = device_.waits();
    EXPECT_EQ(interval_s(recorder_, device_, *one, 0, calls), 0.5 * calls);
    EXPECT_EQ(device_.waits(), waits + 2);  // for what came before, and for the calls
  }
  const auto with_before = family(0.5, Use::output, true);
  EXPECT_EQ(interval_s(recorder_, device_, *with_before, 0, 1), 0.5);
}

TEST_F(Intervals, LastLongEnoughWhereTheyMay) {
  // 2 ms of 1/1024 ms (a power of two, so that sums are exact) are 2048 calls.
  const double call_s = 0x1p-10 * 1e-3;
  const auto free = family(call_s, Use::output);
  const int calls = calls_of_interval(recorder_, device_, *free, 0);
  EXPECT_GE(calls * call_s, shortest_interval_s);
  EXPECT_LE(calls * call_s, 1.5 * shortest_interval_s);

  EXPECT_EQ(calls_of_interval(recorder_, device_, *family(1, Use::output), 0), 1);
  EXPECT_EQ(calls_of_interval(recorder_, device_, *family(call_s, Use::output, true), 0), 1);
  EXPECT_EQ(calls_of_interval(recorder_, device_, *family(call_s, Use::accumulated), 0), 8);  // eight rounds
  // No time at all: the most, not for ever.
  const auto timeless = family(0, Use::accumulated);
  EXPECT_EQ(calls_of_interval(recorder_, device_, *timeless, 0), timeless->most_calls(0));
}

TEST_F(Intervals, OnTheHostACallIsTimedAlone) {
  const auto one = family(1e-6, Use::output);
  EXPECT_EQ(calls_of_interval(recorder_, device::host(), *one, 0), 1);
}

TEST_F(Intervals, TheWaitItselfIsMeasured) {
  const auto place = device_.allocate(256);
  const int waits = device_.waits();
  EXPECT_EQ(wait_s(recorder_, device_, place->device()), 0);
  EXPECT_GT(device_.waits(), waits + 1);
}

}  // namespace
}  // namespace assay::bench::operators
