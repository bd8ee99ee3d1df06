#include "suites/harness/load_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

device::Reading reading(std::optional<double> clock_hz, std::optional<double> power_w,
                        std::optional<double> temperature_c,
                        std::optional<std::vector<std::string>> throttled_by) {
  device::Reading one;
  one.clock_hz = clock_hz;
  one.power_w = power_w;
  one.temperature_c = temperature_c;
  one.throttled_by = std::move(throttled_by);
  return one;
}

TEST(ConditionsOfAWindow, AreMeansTheHighestTemperatureAndAllReasons) {
  using Words = std::vector<std::string>;
  const WindowConditions window =
      conditions_of({reading(2e9, 600, 60, Words{}), reading(1e9, std::nullopt, 70, Words{"power cap"}),
                     reading(std::nullopt, 700, 65, Words{"temperature", "power cap"})},
                    1.5);
  EXPECT_EQ(window.clock_hz, 1.5e9);
  EXPECT_EQ(window.power_w, 650);
  EXPECT_EQ(window.temperature_c, 70);
  EXPECT_THAT(*window.throttled_by, ElementsAre("power cap", "temperature"));
  EXPECT_EQ(window.first_throttled_s, 1.5);
}

TEST(ConditionsOfAWindow, WhatNoReadingHeldIsAbsent) {
  const WindowConditions none = conditions_of({}, 2.0);
  EXPECT_FALSE(none.clock_hz || none.power_w || none.temperature_c || none.throttled_by);
  EXPECT_FALSE(none.first_throttled_s);
  const WindowConditions cool =
      conditions_of({reading({}, {}, {}, std::vector<std::string>{}), reading({}, {}, {}, {})}, 2.0);
  EXPECT_TRUE(cool.throttled_by && cool.throttled_by->empty());
  EXPECT_FALSE(cool.first_throttled_s);
}

class LoadWatchOfTheHost : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& content) {
    fs::create_directories((root() / path).parent_path());
    std::ofstream(root() / path) << content << "\n";
  }
  void put_energy(const std::string& energy_uj) {
    put("sys/class/powercap/intel-rapl:0/name", "package-0");
    put("sys/class/powercap/intel-rapl:0/energy_uj", energy_uj);
    put("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "1000000");
  }
  fs::path root() const { return folder_ / "."; }

 private:
  ScratchFolder folder_;
};

TEST_F(LoadWatchOfTheHost, ReadsTheClockAndWhatRaplCountedThroughAWrapAround) {
  put_energy("900000");
  for (int cpu = 0; cpu < 64; ++cpu)
    put("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpufreq/scaling_cur_freq", "3100000");
  LoadWatch watch(device::host(), 1, root());
  EXPECT_EQ(watch.energy_words(), "RAPL: package-0");
  EXPECT_EQ(watch.energy_j(), 0);
  watch.begin();
  put_energy("100000");
  const WindowConditions window = watch.end();
  EXPECT_EQ(window.clock_hz, 3.1e9);
  ASSERT_TRUE(window.power_w);
  EXPECT_GT(*window.power_w, 0);
  EXPECT_FALSE(window.temperature_c);
  EXPECT_FALSE(window.throttled_by);  // there is no counter
  EXPECT_NEAR(*watch.energy_j(), 0.2, 1e-9);
  put_energy("300000");
  EXPECT_NEAR(*watch.energy_j(), 0.4, 1e-9);
}

TEST_F(LoadWatchOfTheHost, ACountOfThrottlingThatRisesWithinTheWindowIsSeen) {
  const std::string count = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count";
  put(count, "7");
  LoadWatch watch(device::host(), 1, root());
  watch.begin();
  EXPECT_THAT(*watch.end().throttled_by, ElementsAre());
  watch.begin();
  put(count, "9");
  EXPECT_THAT(*watch.end().throttled_by, ElementsAre("temperature"));
}

TEST_F(LoadWatchOfTheHost, CountersThatRanksShareAreNotTheirs) {
  put_energy("1");
  LoadWatch watch(device::host(), 3, root());
  EXPECT_FALSE(watch.energy_j());
  EXPECT_EQ(watch.energy_words(), "not known: the node's counters cannot be divided among 3 ranks");
  LoadWatch none(device::host(), 1, root() / "nowhere");
  EXPECT_FALSE(none.energy_j());
  EXPECT_THAT(none.energy_words(), HasSubstr("not known: there is no powercap"));
}

}  // namespace
}  // namespace assay::bench
