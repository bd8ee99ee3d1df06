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
  const OpenedTelemetry opened = open_telemetry("0000:1b:00.0", {{ASSAY_FAKE_NVML}, "/nonexistent", {}});
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
  EXPECT_EQ(reading.memory_clock_hz, 3201e6);
  EXPECT_EQ(reading.memory_temperature_c, 88);
  EXPECT_EQ(reading.retired_memory, 3u);
  EXPECT_EQ(reading.link_replays, 11u);
  EXPECT_EQ(reading.driver_errors, 0u);
  const device::Reading later = opened.telemetry->read();
  EXPECT_EQ(later.driver_errors, 2u);  // the event between them is of another kind
  EXPECT_EQ(later.last_driver_error, "XID 79: the GPU has fallen off the bus");
  EXPECT_EQ(opened.telemetry->read().driver_errors, 2u);
}

TEST(Telemetry, AnUnknownXidStaysANumber) {
  EXPECT_EQ(xid_words(99999), "XID 99999");
  EXPECT_NE(xid_words(48).find("double bit"), std::string::npos);
}

/// Bytes of a table, numbers little-endian.
class Table {
 public:
  Table(std::size_t size, int revision) : bytes_(size, '\0') {
    put(0, 2, size);
    put(2, 1, 1);
    put(3, 1, static_cast<std::uint64_t>(revision));
  }
  void put(std::size_t at, std::size_t length, std::uint64_t value) {
    for (std::size_t i = 0; i < length; ++i) bytes_[at + i] = static_cast<char>(value >> 8 * i & 0xff);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

TEST(AmdMetrics, OfAnMi250IsAStateWithEnergyInItsUnit) {
  Table table(120, 3);
  table.put(6, 2, 71);
  table.put(8, 2, 66);
  table.put(22, 2, 498);
  table.put(24, 8, 65536 * 10 + 32768);
  table.put(112, 8, 1ull << 0 | 1ull << 36 | 1ull << 47);
  const AmdMetrics metrics = parse_amd_metrics(table.bytes());
  ASSERT_TRUE(metrics.known);
  EXPECT_EQ(metrics.temperature_c, 71);
  EXPECT_EQ(metrics.memory_temperature_c, 66);
  EXPECT_EQ(metrics.power_w, 498);
  EXPECT_EQ(metrics.energy_j, 10.5);
  EXPECT_EQ(metrics.throttled_by, (Words{"power cap", "temperature", "hardware slowdown"}));
  EXPECT_TRUE(metrics.residencies.empty());
}

TEST(AmdMetrics, EachBitHasOneMeaning) {
  const auto words = [](std::uint64_t bits) {
    Table table(120, 3);
    table.put(112, 8, bits);
    return parse_amd_metrics(table.bytes()).throttled_by;
  };
  EXPECT_EQ(words(0), Words{});
  for (const int bit : {0, 3, 7}) EXPECT_EQ(words(1ull << bit), Words{"power cap"}) << bit;
  for (const int bit : {16, 18, 23}) EXPECT_EQ(words(1ull << bit), Words{"current limit"}) << bit;
  for (const int bit : {32, 33, 35, 36, 37, 42, 43})
    EXPECT_EQ(words(1ull << bit), Words{"temperature"}) << bit;
  EXPECT_EQ(words(1ull << 34), Words{"temperature of memory"});
  for (const int bit : {38, 39, 40, 41, 44, 45})
    EXPECT_EQ(words(1ull << bit), Words{"temperature of voltage regulators"}) << bit;
  for (const int bit : {46, 47}) EXPECT_EQ(words(1ull << bit), Words{"hardware slowdown"}) << bit;
}

TEST(AmdMetrics, WhatDoesNotFitIsAbsent) {
  EXPECT_FALSE(parse_amd_metrics("").known);
  EXPECT_FALSE(parse_amd_metrics(Table(120, 0).bytes()).known);  // a revision of other GPUs
  EXPECT_FALSE(parse_amd_metrics(Table(120, 9).bytes()).known);  // newer than this program
  EXPECT_FALSE(parse_amd_metrics(Table(128, 3).bytes()).known);  // not its size
  EXPECT_FALSE(parse_amd_metrics(Table(120, 3).bytes() + "x").known);
  EXPECT_FALSE(parse_amd_metrics(Table(40, 8).bytes()).known);
  Table unknown(120, 3);
  unknown.put(8, 2, 0xffff);
  unknown.put(24, 8, ~std::uint64_t{0});
  unknown.put(112, 8, ~std::uint64_t{0});
  const AmdMetrics metrics = parse_amd_metrics(unknown.bytes());
  ASSERT_TRUE(metrics.known);
  EXPECT_FALSE(metrics.memory_temperature_c);
  EXPECT_FALSE(metrics.energy_j);
  EXPECT_FALSE(metrics.throttled_by);
  EXPECT_FALSE(parse_amd_metrics(Table(120, 3).bytes()).energy_j);  // zero: a GPU without the counter
}

TEST(AmdMetrics, EveryRevisionHasItsPlaces) {
  const std::pair<int, std::size_t> energy_at[] = {{4, 24}, {5, 88}, {6, 16}, {7, 24}, {8, 24}};
  for (const auto& [revision, at] : energy_at) {
    Table table(400, revision);
    table.put(at, 8, 65536 * 7);
    table.put(4, 2, 50);
    const AmdMetrics metrics = parse_amd_metrics(table.bytes());
    EXPECT_EQ(metrics.energy_j, 7) << revision;
    EXPECT_EQ(metrics.temperature_c, 50) << revision;
    EXPECT_EQ(metrics.residencies.size(), revision >= 6 ? 5u : 0u) << revision;
  }
}

/// Files of one AMD GPU at 0000:c1:00.0.
class AmdFiles : public testing::Test {
 protected:
  AmdFiles() {
    write("hwmon/hwmon3/freq1_input", "1700000000");
    write("hwmon/hwmon3/freq2_input", "1600000000");
    write("hwmon/hwmon3/power1_average", "512000000");
    write("hwmon/hwmon3/temp2_input", "71000");
    write("unique_id", "a1b2c3d4e5f60718");
  }
  void write(const std::string& name, const std::string& text) {
    put("sys/bus/pci/devices/0000:c1:00.0/" + name, text + "\n");
  }
  void put(const std::string& name, const std::string& bytes) {
    const auto path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  OpenedTelemetry open(const std::string& smi = "libnothing-of-that-name.so") const {
    return open_telemetry("0000:c1:00.0", {{"libnothing-of-that-name.so"}, root_ / "", {smi}});
  }

 private:
  bench::ScratchFolder root_;
};

TEST_F(AmdFiles, AreReadInTheirUnits) {
  write("hwmon/hwmon3/temp1_input", "55000");
  write("hwmon/hwmon3/temp3_input", "64000");
  write("ras/umc_err_count", "ue: 1\nce: 9");
  write("ras/gpu_vram_bad_pages", "0x00000012 : 0x00001000 : R\n0x00000013 : 0x00001000 : P");
  write("pcie_replay_count", "4");
  const OpenedTelemetry opened = open();
  ASSERT_TRUE(opened.telemetry) << opened.missing;
  EXPECT_EQ(opened.source, "sysfs");
  const device::Reading reading = opened.telemetry->read();
  EXPECT_EQ(reading.clock_hz, 1.7e9);
  EXPECT_EQ(reading.memory_clock_hz, 1.6e9);
  EXPECT_DOUBLE_EQ(*reading.power_w, 512);
  EXPECT_DOUBLE_EQ(*reading.temperature_c, 71);
  EXPECT_DOUBLE_EQ(*reading.memory_temperature_c, 64);
  EXPECT_EQ(reading.corrected_errors, 9u);
  EXPECT_EQ(reading.uncorrected_errors, 1u);
  EXPECT_EQ(reading.retired_memory, 2u);
  EXPECT_EQ(reading.link_replays, 4u);
  EXPECT_FALSE(reading.energy_j.has_value());
  EXPECT_FALSE(reading.throttled_by.has_value());
  EXPECT_FALSE(reading.driver_errors.has_value());
  EXPECT_EQ(opened.telemetry->uuid(), "a1b2c3d4e5f60718");
  EXPECT_FALSE(opened.telemetry->processes());
}

TEST_F(AmdFiles, AResidencyThatRisesIsThrottling) {
  Table table(400, 8);
  const auto with = [&](std::uint32_t power_cap, std::uint32_t hot_memory) {
    table.put(48, 4, power_cap);
    table.put(60, 4, hot_memory);
    put("sys/bus/pci/devices/0000:c1:00.0/gpu_metrics", table.bytes());
  };
  const OpenedTelemetry opened = open();
  ASSERT_TRUE(opened.telemetry);  // MI300 has no sensor at the edge: temp2 alone will do
  with(100, 5);
  EXPECT_FALSE(opened.telemetry->read().throttled_by.has_value());  // one count is no rise
  EXPECT_EQ(opened.telemetry->read().throttled_by, Words{});
  with(120, 5);
  EXPECT_EQ(opened.telemetry->read().throttled_by, Words{"power cap"});
  with(120, 6);
  EXPECT_EQ(opened.telemetry->read().throttled_by, Words{"temperature of memory"});
}

TEST_F(AmdFiles, ProcessesAreThoseThatHoldItsMemory) {
  put("sys/class/kfd/kfd/topology/nodes/0/gpu_id", "0\n");
  put("sys/class/kfd/kfd/topology/nodes/0/properties", "location_id 0\ndomain 0\n");
  put("sys/class/kfd/kfd/topology/nodes/2/gpu_id", "5678\n");
  put("sys/class/kfd/kfd/topology/nodes/2/properties", "cpu_cores_count 0\nlocation_id 49408\ndomain 0\n");
  put("sys/class/kfd/kfd/proc/100/vram_5678", "4294967296\n");
  put("sys/class/kfd/kfd/proc/101/vram_5678", "0\n");
  put("sys/class/kfd/kfd/proc/102/vram_1234", "4294967296\n");
  EXPECT_EQ(open().telemetry->processes(), 1);
}

TEST_F(AmdFiles, FillInWhatTheLibraryDoesNotTell) {
  const OpenedTelemetry opened = open(ASSAY_FAKE_ROCM_SMI);
  ASSERT_TRUE(opened.telemetry) << opened.missing;
  EXPECT_EQ(opened.source, "ROCm SMI, sysfs");
  const device::Reading reading = opened.telemetry->read();
  EXPECT_DOUBLE_EQ(*reading.power_w, 612.5);  // the library's; the file says 512
  EXPECT_EQ(reading.clock_hz, 1.7e9);         // the file's
  EXPECT_DOUBLE_EQ(*reading.temperature_c, 81);
  EXPECT_DOUBLE_EQ(*reading.memory_temperature_c, 74);
  EXPECT_DOUBLE_EQ(*reading.energy_j, 1000);
  EXPECT_EQ(reading.corrected_errors, 5u);
  EXPECT_EQ(reading.uncorrected_errors, 1u);
  EXPECT_EQ(reading.link_replays, 3u);
  EXPECT_EQ(opened.telemetry->uuid(), "a1b2c3d4e5f60718");
}

TEST(Telemetry, ALibraryWithAnotherLayoutIsNotBelieved) {
  const TelemetrySources sources{{"libnothing-of-that-name.so"}, "/nonexistent", {ASSAY_OTHER_ROCM_SMI}};
  const OpenedTelemetry opened = open_telemetry("0000:c1:00.0", sources);
  ASSERT_TRUE(opened.telemetry) << opened.missing;
  EXPECT_EQ(opened.source, "ROCm SMI");
  const device::Reading reading = opened.telemetry->read();
  EXPECT_FALSE(reading.corrected_errors.has_value());
  EXPECT_FALSE(reading.uncorrected_errors.has_value());
  EXPECT_DOUBLE_EQ(*reading.power_w, 612.5);
  EXPECT_FALSE(reading.clock_hz.has_value());
  EXPECT_NE(open_telemetry("0000:02:00.0", sources).missing.find("knows no GPU at 0000:02:00.0"),
            std::string::npos);
}

TEST(Telemetry, WhatIsMissingIsSaid) {
  const std::vector<std::string> nothing = {"libnothing-of-that-name.so"};
  const OpenedTelemetry none = open_telemetry("0000:01:00.0", {nothing, "/nonexistent", nothing});
  EXPECT_FALSE(none.telemetry);
  for (const char* part : {"libnothing-of-that-name.so cannot be opened", "librocm_smi64 cannot be opened",
                           "/nonexistent/sys/bus/pci/devices/0000:01:00.0 has no sensors"})
    EXPECT_NE(none.missing.find(part), std::string::npos) << none.missing;
  const OpenedTelemetry other = open_telemetry("0000:01:00.0", {{ASSAY_FAKE_NVML}, "/nonexistent", nothing});
  EXPECT_FALSE(other.telemetry);
  EXPECT_NE(other.missing.find("knows no GPU at 0000:01:00.0"), std::string::npos) << other.missing;
}

}  // namespace
}  // namespace assay::gpu
