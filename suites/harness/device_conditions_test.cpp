#include "suites/harness/device_conditions.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "suites/device/operators.h"
#include "suites/harness/faults.h"

namespace assay::bench {
namespace {

/// A device that tells one reading after the other, each time it is asked.
class TalkingDevice : public device::Device {
 public:
  std::string kind() const override { return "gpu"; }
  std::string name() const override { return "fake"; }
  std::optional<device::Reading> read_conditions() override {
    const int n = asked++;
    if (silent) return std::nullopt;
    device::Reading reading;
    reading.clock_hz = 1e9;
    reading.power_w = 500.0;
    reading.energy_j = 1000.0 + 5.0 * n;
    reading.corrected_errors = 3;
    reading.uncorrected_errors = n == 0 ? 0u : 2u;
    reading.throttled_by = n % 2 == 0 ? std::vector<std::string>{} : std::vector<std::string>{"power cap"};
    if (n > 100) reading.throttled_by->insert(reading.throttled_by->begin(), "brake");
    reading.memory_clock_hz = n == 7 ? 1.5e9 : 2.6e9;
    reading.memory_temperature_c = n == 7 ? 91 : 70;
    reading.retired_memory = 4;
    reading.link_replays = static_cast<std::uint64_t>(n);
    reading.driver_errors = n > 150 ? 2u : 1u;
    reading.last_driver_error = n > 150 ? "XID 79: fallen off the bus" : "XID 13: of a program";
    return reading;
  }
  std::unique_ptr<device::Buffer> allocate(std::size_t) override { return nullptr; }
  std::optional<std::uint64_t> available_bytes() const override { return std::nullopt; }
  std::unique_ptr<device::Operators> operators(device::Element, int) override { return nullptr; }
  std::string gemm_unsupported(device::Element) override { return "fake"; }
  std::unique_ptr<device::Gemm> plan_gemm(const device::GemmPlan&) override { return nullptr; }
  int largest_int8() const override { return 127; }
  std::optional<device::Ceiling> gemm_ceiling(device::Element, int) override { return std::nullopt; }
  std::map<std::string, std::string> libraries() override { return {}; }
  std::vector<std::string> warnings() override { return {}; }

  bool silent = false;
  std::atomic<int> asked{0};
};

void wait_until_asked(const TalkingDevice& device, int times) {
  for (int i = 0; i < 10000 && device.asked < times; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_GE(device.asked, times);
}

TEST(DeviceConditions, AreWhatTheDeviceToldMeanwhile) {
  TalkingDevice device;
  DeviceConditions watched(&device, 1e-4);
  wait_until_asked(device, 200);
  Conditions conditions;
  conditions.clock_hz = {1, 2, 3};  // the processor's: replaced
  conditions.load = 0.5;
  std::map<std::string, double> metrics;
  watched.finish(conditions, metrics);
  EXPECT_GE(conditions.clock_hz.size(), 33u);  // at most 64, each the mean of neighbours
  EXPECT_LE(conditions.clock_hz.size(), 64u);
  EXPECT_EQ(conditions.clock_hz.front(), 1e9);
  EXPECT_EQ(conditions.power_w.back(), 500);
  EXPECT_TRUE(conditions.temperature_c.empty());  // never told
  EXPECT_EQ(conditions.throttled, true);
  EXPECT_EQ(watched.throttled_by(), "power cap, brake");  // what came first in front
  EXPECT_GT(metrics.at("first_throttle_s"), 0);
  EXPECT_EQ(metrics.at("lowest_clock_hz"), 1e9);
  EXPECT_EQ(metrics.at("lowest_memory_clock_hz"), 1.5e9);  // one reading of 200: no mean of neighbours
  EXPECT_EQ(metrics.at("highest_memory_temperature_c"), 91);
  EXPECT_EQ(conditions.load, 0.5);
  EXPECT_EQ(metrics.at("energy_j"), 5.0 * (device.asked - 1));  // no window was marked: all of the time
  EXPECT_EQ(watched.energy_j(), metrics.at("energy_j"));
  EXPECT_EQ(metrics.at("energy_window_s"), watched.window_s());
  EXPECT_EQ(metrics.at("retired_memory"), 0);
  EXPECT_EQ(metrics.at("link_replays"), device.asked - 1);
  EXPECT_EQ(metrics.at("driver_errors"), 1);
  EXPECT_EQ(watched.driver_error(), "XID 79: fallen off the bus");
  EXPECT_EQ(metrics.at("ecc_corrected"), 0);
  EXPECT_EQ(metrics.at("ecc_uncorrected"), 2);
}

TEST(DeviceConditions, EnergyIsThatOfTheMarkedWindow) {
  TalkingDevice device;
  DeviceConditions watched(&device, 1e3);  // reads by itself only at the beginning and at the end
  device.asked = 10;
  watched.mark();  // reading 10
  device.asked = 20;
  watched.mark();
  device.asked = 30;
  watched.mark();  // the latest mark ends the window
  device.asked = 90;
  Conditions conditions;
  std::map<std::string, double> metrics;
  watched.finish(conditions, metrics);
  EXPECT_EQ(metrics.at("energy_j"), 5.0 * (30 - 10));
  EXPECT_GE(watched.window_s(), 0);
  EXPECT_EQ(conditions.power_w.size(), 4u);
}

TEST(DeviceConditions, AfterAFailureTheDriversErrorIsNamed) {
  TalkingDevice device;
  {
    DeviceConditions watched(&device, 1e3);
    EXPECT_EQ(watched.after_failure(), "");  // the error of before is not this case's
  }
  DeviceConditions watched(&device, 1e3);
  device.asked = 200;
  EXPECT_EQ(watched.after_failure(), "; the driver reported XID 79: fallen off the bus");
  device.silent = true;  // it tells nothing any more: what was told last stands
  EXPECT_EQ(watched.after_failure(), "");
  DeviceConditions never(nullptr);
  EXPECT_EQ(never.after_failure(), "");
}

TEST(DeviceConditions, ADeviceThatTellsNothingChangesNothing) {
  TalkingDevice device;
  device.silent = true;
  for (device::Device* one : {static_cast<device::Device*>(&device), static_cast<device::Device*>(nullptr)}) {
    DeviceConditions watched(one);
    Conditions conditions;
    conditions.clock_hz = {1, 2, 3};
    std::map<std::string, double> metrics;
    watched.finish(conditions, metrics);
    EXPECT_EQ(conditions.clock_hz.size(), 3u);
    EXPECT_TRUE(metrics.empty());
    EXPECT_EQ(watched.throttled_by(), "");
  }
}

}  // namespace
}  // namespace assay::bench
