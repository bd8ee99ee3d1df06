// The real program under the real mpiexec, with small arrays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

std::vector<Record> run_stream(int ranks, const std::string& arguments, int expected_exit_code) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const Ended ended = run_command(assay_bench(
      ranks, "memory/stream --bytes 256KiB --time 20ms --json " + file.string() + " " + arguments));
  EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
  return records_in(file);
}

class LaunchedMemoryStream : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }
};

TEST_F(LaunchedMemoryStream, RanksTogetherAndInTurn) {
  const auto records = run_stream(2, "--dtype f64,f32 --ranks together,one_at_a_time", 0);
  ASSERT_EQ(records.size(), 4u);
  for (const Record& record : records) {
    ASSERT_EQ(record.devices.size(), 2u);
    for (const DeviceResult& device : record.devices) {
      EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
      for (const char* loop : {"copy", "scale", "add", "triad", "dot"}) {
        ASSERT_TRUE(device.series.contains(loop)) << loop;
        EXPECT_GE(device.series.at(loop).samples.size(), 20u);
      }
      for (const FigureOfMerit& fom : record.foms) EXPECT_TRUE(value_of(fom, device)) << fom.name;
      EXPECT_EQ(device.metrics.at("array_bytes"), 262144.0);
    }
    // 3 arrays of 256 KiB for triad, 2 for copy; the best is no worse than the median.
    EXPECT_EQ(record.foms[0].name, "triad");
    EXPECT_EQ(*record.foms[0].numerator, 786432.0);
    EXPECT_EQ(record.foms[1].name, "copy");
    EXPECT_EQ(*record.foms[1].numerator, 524288.0);
    EXPECT_GE(*value_of(record.foms.back(), record.devices[0]), *value_of(record.foms[0], record.devices[0]));
    EXPECT_THAT(record.path.at("working set"), HasSubstr("cache case"));
    EXPECT_TRUE(record.path.contains("stores"));
  }
}

TEST_F(LaunchedMemoryStream, EachKindOfStoresIsOnRecord) {
  const auto records = run_stream(0, "--stores temporal,nontemporal --pages normal", 0);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].path.at("stores"), "temporal, as asked");
  EXPECT_EQ(records[1].path.at("stores"), "non-temporal, as asked");
  EXPECT_EQ(records[0].path.at("pages"), "normal");
}

TEST_F(LaunchedMemoryStream, PlantedFaultsFailTheCheckOfTheirRank) {
  for (const std::string fault : {"wrong_element", "nan"}) {
    const auto records = run_stream(2, "--dtype f64,f32 --plant " + fault, 1);
    ASSERT_EQ(records.size(), 2u);
    for (const Record& record : records) {
      ASSERT_EQ(record.devices.size(), 2u);
      EXPECT_EQ(record.devices[0].check.status, CheckStatus::pass);
      EXPECT_EQ(record.devices[1].check.status, CheckStatus::fail);
      EXPECT_THAT(record.devices[1].check.how, HasSubstr("1 wrong in a"));
    }
  }
}

TEST_F(LaunchedMemoryStream, WithoutMpiOneRankMeasures) {
  const auto records = run_stream(0, "", 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].devices.size(), 1u);
}

}  // namespace
}  // namespace assay::bench
