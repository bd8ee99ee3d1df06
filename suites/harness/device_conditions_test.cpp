#include "suites/harness/device_conditions.h"

#include <gtest/gtest.h>

#include <chrono>

#include "suites/harness/talking_device_testing.h"

namespace assay::bench {
namespace {

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
