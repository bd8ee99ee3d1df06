// The real program with device=gpu, where the GPU is a list of work in memory that the host cannot touch
// (training/support/queued_device.h): what is not pushed, pulled or waited for ends the program or the check.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "suites/compute/operators/launched_operators.h"
#include "suites/device/device.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

TEST_F(LaunchedOperators, OnADeviceEveryOperatorHasItsFigureAndNoCeilingIsInvented) {
  const Launch run =
      run_operators(0, "--device gpu --precision f32,bf16 " + small_llama, bench_with_queued_device);
  EXPECT_EQ(run.ended.exit_code, 0) << run.ended.output;
  ASSERT_EQ(run.records.size(), 2u);
  for (const Record& record : run.records) {
    std::set<std::string> expected = {"step"};
    for (const auto& one : operators::operator_names()) expected.insert(one.name);
    EXPECT_EQ(figure_names(record), expected);
    const DeviceResult& device = record.devices.at(0);
    EXPECT_EQ(device.kind, "gpu");
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    for (const FigureOfMerit& fom : record.foms) {
      EXPECT_TRUE(value_of(fom, device)) << fom.name;
      EXPECT_FALSE(fom.peak) << fom.name;
      EXPECT_FALSE(device.metrics.contains(fom.name + "_share_of_roofline"));
      if (fom.name != "step") {
        EXPECT_GE(device.metrics.at(fom.name + "_calls_per_wait"), 1) << fom.name;
      }
    }
    EXPECT_GT(device.metrics.at("wait_s"), 0);
    EXPECT_FALSE(record.path.contains("slowest"));
    EXPECT_THAT(record.path.at("longest"), HasSubstr(" of "));
    EXPECT_THAT(record.path.at("timing"), HasSubstr("a wait after each of head_backward"));
  }
}

/// What ci/gpu-check reads for its pairs with PyTorch.
TEST_F(LaunchedOperators, OnADeviceAttentionAloneTellsWorkAndRate) {
  const Launch run = run_operators(
      0, "--device gpu --model tiny --precision bf16 '--benchmark_filter=attention_(forward|backward)'",
      bench_with_queued_device);
  EXPECT_EQ(run.ended.exit_code, 0) << run.ended.output;
  ASSERT_EQ(run.records.size(), 1u);
  EXPECT_EQ(figure_names(run.records[0]), (std::set<std::string>{"attention_forward", "attention_backward"}));
  for (const FigureOfMerit& fom : run.records[0].foms) {
    ASSERT_TRUE(fom.numerator);
    const auto rate = value_of(fom, run.records[0].devices[0]);
    ASSERT_TRUE(rate);
    EXPECT_GT(*fom.numerator / *rate, 0);
    EXPECT_EQ(fom.unit, "FLOP/s");
  }
}

TEST_F(LaunchedOperators, OnADevicePlantedFaultsFailTheCheckOfTheirRank) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  for (const std::string fault : {"wrong_element", "nan"}) {
    const Launch run =
        run_operators(2, "--device gpu --model tiny --plant " + fault, bench_with_queued_device);
    EXPECT_EQ(run.ended.exit_code, 1) << run.ended.output;
    ASSERT_EQ(run.records.size(), 1u);
    ASSERT_EQ(run.records[0].devices.size(), 2u);
    EXPECT_EQ(run.records[0].devices[0].check.status, CheckStatus::pass);
    EXPECT_EQ(run.records[0].devices[1].check.status, CheckStatus::fail);
  }
}

TEST_F(LaunchedOperators, WithoutADeviceOrRoomOnItTheReasonIsSaid) {
  if (device::gpu_count() == 0) {
    const Launch run = run_operators(0, "--device gpu --model tiny");
    EXPECT_EQ(run.ended.exit_code, 4) << run.ended.output;
    ASSERT_EQ(run.records.size(), 1u);
    EXPECT_EQ(run.records[0].status, LaunchStatus::unsupported);
    EXPECT_EQ(run.records[0].reason, device::gpu(0, 1).missing);
  }
  const Launch run =
      run_operators(0, "--device gpu --model llama3-405b --sequence 8192", bench_with_queued_device);
  EXPECT_EQ(run.ended.exit_code, 4) << run.ended.output;
  ASSERT_EQ(run.records.size(), 1u);
  EXPECT_EQ(run.records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(run.records[0].reason, HasSubstr("are available"));
}

}  // namespace
}  // namespace assay::bench
