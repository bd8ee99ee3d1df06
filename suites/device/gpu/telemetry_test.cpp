#include "suites/device/gpu/telemetry.h"

#include <gtest/gtest.h>

#include <fstream>

#include "suites/harness/launched_program.h"

namespace assay::gpu {
namespace {

using Words = std::vector<std::string>;

TEST(Telemetry, ThrottleReasonsAreTheDocumentedBits) {
  EXPECT_EQ(throttle_words(0), Words{});
  EXPECT_EQ(throttle_words(0x1 | 0x2 | 0x10 | 0x100), Words{});  // idle, clocks as set, in step, display
  EXPECT_EQ(throttle_words(0x4), Words{"power cap"});
  EXPECT_EQ(throttle_words(0x8 | 0x20 | 0x40 | 0x80),
            (Words{"hardware slowdown", "temperature", "temperature, by hardware", "power brake"}));
}

TEST(Telemetry, AManagementLibraryIsReadInItsUnits) {
  const OpenedTelemetry opened = open_telemetry("0000:1b:00.0", {{ASSAY_FAKE_NVML}, "/nonexistent"});
  ASSERT_TRUE(opened.telemetry) << opened.missing;
  EXPECT_EQ(opened.source, "NVML");
  const device::Reading reading = opened.telemetry->read();
  EXPECT_EQ(reading.clock_hz, 1755e6);
  EXPECT_DOUBLE_EQ(*reading.power_w, 698.5);
  EXPECT_EQ(reading.temperature_c, 64);
  EXPECT_DOUBLE_EQ(*reading.energy_j, 123456789.012);
  EXPECT_EQ(reading.throttled_by, (Words{"power cap", "temperature, by hardware"}));
  EXPECT_EQ(reading.corrected_errors, 7u);
  EXPECT_FALSE(reading.uncorrected_errors.has_value());  // refused: absent, not zero
  EXPECT_EQ(opened.telemetry->uuid(), "GPU-01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(opened.telemetry->driver(), "580.95.05");
  EXPECT_EQ(opened.telemetry->processes(), 2);
}

TEST(Telemetry, TheKernelsFilesAreReadInTheirUnits) {
  const bench::ScratchFolder root;
  const auto device = root / "sys/bus/pci/devices/0000:c1:00.0";
  std::filesystem::create_directories(device / "hwmon/hwmon3");
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(device / name) << text << "\n";
  };
  write("unique_id", "a1b2c3d4e5f60718");
  write("hwmon/hwmon3/freq1_input", "1700000000");
  write("hwmon/hwmon3/power1_average", "512000000");
  write("hwmon/hwmon3/temp1_input", "55000");
  write("hwmon/hwmon3/temp2_input", "71000");
  const OpenedTelemetry opened = open_telemetry("0000:c1:00.0", {{"libnothing-of-that-name.so"}, root / ""});
  ASSERT_TRUE(opened.telemetry) << opened.missing;
  EXPECT_EQ(opened.source, "sysfs");
  const device::Reading reading = opened.telemetry->read();
  EXPECT_EQ(reading.clock_hz, 1.7e9);
  EXPECT_DOUBLE_EQ(*reading.power_w, 512);
  EXPECT_DOUBLE_EQ(*reading.temperature_c, 71);
  EXPECT_FALSE(reading.energy_j.has_value());
  EXPECT_FALSE(reading.throttled_by.has_value());
  EXPECT_EQ(opened.telemetry->uuid(), "a1b2c3d4e5f60718");
}

TEST(Telemetry, WhatIsMissingIsSaid) {
  const OpenedTelemetry none =
      open_telemetry("0000:01:00.0", {{"libnothing-of-that-name.so"}, "/nonexistent"});
  EXPECT_FALSE(none.telemetry);
  EXPECT_NE(none.missing.find("libnothing-of-that-name.so cannot be opened"), std::string::npos)
      << none.missing;
  const OpenedTelemetry other = open_telemetry("0000:01:00.0", {{ASSAY_FAKE_NVML}, "/nonexistent"});
  EXPECT_FALSE(other.telemetry);
  EXPECT_NE(other.missing.find("knows no GPU at 0000:01:00.0"), std::string::npos) << other.missing;
}

}  // namespace
}  // namespace assay::gpu
