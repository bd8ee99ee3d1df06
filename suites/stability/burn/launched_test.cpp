// The real program: two ranks burn at once, and what is planted in one is found there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/harness/launched_program.h"

namespace assay::bench::stability {
namespace {

using testing::HasSubstr;

std::vector<Record> run_burn(const std::string& duration, const std::string& arguments,
                             int expected_exit_code) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const Ended ended =
      run_command(assay_bench(2, "stability/burn --n 128 --memory_fraction 0.0005 --duration " + duration +
                                     " --json " + file.string() + " " + arguments));
  EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
  return records_in(file);
}

class LaunchedStabilityBurn : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }
};

TEST_F(LaunchedStabilityBurn, TwoRanksBurnAtOnce) {
  const auto records = run_burn("1s", "", 0);
  ASSERT_EQ(records.size(), 1u);
  const Record& record = records[0];
  ASSERT_EQ(record.devices.size(), 2u);
  EXPECT_EQ(record.attachments.size(), 1u);
  EXPECT_THAT(record.path.at("together"), HasSubstr("2 devices"));
  EXPECT_EQ(record.path.at("errors"), "none on 2 devices");
  for (const DeviceResult& device : record.devices) {
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_GE(device.metrics.at("burn_s"), 1.0);
    EXPECT_EQ(device.metrics.at("devices"), 2);
    for (const FigureOfMerit& fom : record.foms) EXPECT_TRUE(value_of(fom, device)) << fom.name;
  }
}

TEST_F(LaunchedStabilityBurn, WhatIsPlantedInOneRankIsFoundThere) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const auto records = run_burn("0.3s", "--plant " + fault, 1);
    ASSERT_EQ(records.size(), 1u);
    const Record& record = records[0];
    ASSERT_EQ(record.devices.size(), 2u);
    EXPECT_EQ(record.planted, fault);
    EXPECT_EQ(record.devices[0].check.status, CheckStatus::pass) << record.devices[0].check.how;
    EXPECT_EQ(record.devices[1].check.status, CheckStatus::fail) << record.devices[1].check.how;
    if (fault == "silent_rank") continue;
    EXPECT_THAT(record.path.at("errors"), HasSubstr("rank 1 ("));
    EXPECT_EQ(record.devices[0].metrics.at("faulty_devices"), 1);
    // Element 128 * 128 / 3 = 5461 = 42 * 128 + 85.
    EXPECT_THAT(record.devices[1].check.how, HasSubstr("row 42, column 85 is 0x"));
  }
}

}  // namespace
}  // namespace assay::bench::stability
