#include "suites/harness/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>
#include <string>

#include "suites/harness/processors.h"

namespace assay::bench {
namespace {

namespace fs = std::filesystem;

/// A folder that stands for "/".
class FakeRoot : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() / ("assay-root-" + std::to_string(getpid()) + "-" + info->name());
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& content) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
  }

  fs::path root_;
};

class ConditionsTest : public FakeRoot {};

TEST_F(ConditionsTest, WhatCannotBeReadIsAbsent) {
  ConditionsProbe probe(root_, 0);
  probe.sample();
  const Conditions conditions = probe.finish();
  EXPECT_TRUE(conditions.clock_hz.empty());
  EXPECT_FALSE(conditions.load);
  EXPECT_FALSE(conditions.steal_fraction);
  EXPECT_FALSE(conditions.throttled);
}

TEST_F(ConditionsTest, StealIsAShareOfAllTimeSinceTheStart) {
  put("proc/stat", "cpu  100 0 100 800 0 0 0 50 10 0\ncpu0 1 2 3\n");
  ConditionsProbe probe(root_, 0);
  // 200 more ticks, 10 of them stolen; guest time (the last two columns) is part of user and counts once.
  put("proc/stat", "cpu  190 0 120 880 0 0 0 60 90 0\ncpu0 1 2 3\n");
  const auto steal = probe.finish().steal_fraction;
  ASSERT_TRUE(steal);
  EXPECT_DOUBLE_EQ(*steal, 10.0 / 200.0);
}

TEST_F(ConditionsTest, AKernelWithoutTheStealColumnHasNone) {
  put("proc/stat", "cpu  100 0 100 800\n");
  ConditionsProbe probe(root_, 0);
  put("proc/stat", "cpu  200 0 100 800\n");
  EXPECT_FALSE(probe.finish().steal_fraction);
}

TEST_F(ConditionsTest, NoTimePassedIsAbsentNotZero) {
  put("proc/stat", "cpu  100 0 100 800 0 0 0 50 0 0\n");
  ConditionsProbe probe(root_, 0);
  EXPECT_FALSE(probe.finish().steal_fraction);
}

TEST_F(ConditionsTest, CpufreqComesBeforeCpuinfo) {
  put("proc/cpuinfo", "processor\t: 0\ncpu MHz\t\t: 1000.000\n\nprocessor\t: 3\ncpu MHz\t\t: 2500.5\n");
  ConditionsProbe probe(root_, 3);
  probe.sample();
  put("sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq", "3100000\n");
  probe.sample();
  EXPECT_THAT(probe.finish().clock_hz, testing::ElementsAre(2500.5e6, 3.1e9));
}

TEST_F(ConditionsTest, LoadIsThatBeforeTheLaunch) {
  put("proc/loadavg", "0.75 0.50 0.25 1/100 4242\n");
  ConditionsProbe probe(root_, 0);
  put("proc/loadavg", "8.00 0.50 0.25 1/100 4242\n");
  EXPECT_EQ(probe.finish().load, 0.75);
}

TEST_F(ConditionsTest, ARiseOfTheThrottleCountIsThrottling) {
  const std::string path = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count";
  put(path, "7\n");
  ConditionsProbe probe(root_, 0);
  EXPECT_EQ(probe.finish().throttled, false);
  put(path, "8\n");
  EXPECT_EQ(probe.finish().throttled, true);
}

TEST(Combine, TakesTheWorstOfTheRanks) {
  Conditions a;
  a.clock_hz = {3e9, 2e9};
  a.load = 0.5;
  a.throttled = false;
  Conditions b;
  b.clock_hz = {2.5e9};
  b.steal_fraction = 0.02;
  b.throttled = true;
  const Conditions both = combine({a, b});
  EXPECT_THAT(both.clock_hz, testing::ElementsAre(2.5e9, 2e9));
  EXPECT_EQ(both.load, 0.5);
  EXPECT_EQ(both.steal_fraction, 0.02);
  EXPECT_EQ(both.throttled, true);
  EXPECT_FALSE(combine({}).load);
}

TEST(CpuList, RoundTrips) {
  EXPECT_EQ(parse_cpu_list("0-2,5,7-8"), (std::set<int>{0, 1, 2, 5, 7, 8}));
  EXPECT_EQ(format_cpu_list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_TRUE(parse_cpu_list("").empty());
  EXPECT_TRUE(parse_cpu_list("x").empty());
  EXPECT_TRUE(parse_cpu_list("3-1").empty());
  EXPECT_FALSE(allowed_cpus().empty());
}

class ProcessorsTest : public FakeRoot {};

TEST_F(ProcessorsTest, HardwareThreadsOfACoreCountOnce) {
  for (const int cpu : {0, 1, 2, 3}) {
    const std::string siblings = cpu % 2 == 0 ? "0,2" : "1,3";
    put("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/core_cpus_list", siblings + "\n");
  }
  EXPECT_EQ(count_cores(root_, {0, 1, 2, 3}), 2);
  EXPECT_EQ(count_cores(root_, {0, 2}), 1);
  EXPECT_EQ(count_cores(root_, {8, 9}), 2);  // nothing known of them
}

TEST_F(ProcessorsTest, LastLevelCachesAreSummedOverTheirSharers) {
  put("sys/devices/system/cpu/online", "0-3\n");
  const auto cache = [&](int cpu, int index, const std::string& level, const std::string& size,
                         const std::string& shared) {
    const std::string folder =
        "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index" + std::to_string(index) + "/";
    put(folder + "level", level + "\n");
    put(folder + "type", "Unified\n");
    put(folder + "size", size + "\n");
    put(folder + "shared_cpu_list", shared + "\n");
  };
  for (const int cpu : {0, 1, 2, 3}) {
    cache(cpu, 0, "2", "1024K", std::to_string(cpu));
    cache(cpu, 1, "3", "16M", cpu < 2 ? "0-1" : "2-3");
  }
  EXPECT_EQ(last_level_cache_bytes(root_), std::uint64_t{32} << 20);
}

TEST_F(ProcessorsTest, UnknownIsSaid) {
  EXPECT_EQ(last_level_cache_bytes(root_), 0u);
  EXPECT_EQ(cpu_model(root_), "unknown CPU");
  put("proc/cpuinfo", "vendor_id\t: X\nmodel name\t: Fast 9000\n");
  EXPECT_EQ(cpu_model(root_), "Fast 9000");
}

}  // namespace
}  // namespace assay::bench
