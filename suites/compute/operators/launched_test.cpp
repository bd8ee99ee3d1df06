// The real program with the smallest model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "suites/compute/operators/launched_operators.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(LaunchedOperators, EveryOperatorOfBothArchitecturesHasItsFigure) {
  for (const std::string& arguments :
       {std::string("--model tiny --precision f64,f32 "), std::string(small_llama)}) {
    const Launch run = run_operators(0, arguments);
    EXPECT_EQ(run.ended.exit_code, 0) << run.ended.output;
    const bool llama = arguments == small_llama;
    ASSERT_EQ(run.records.size(), llama ? 1u : 2u);
    for (const Record& record : run.records) {
      std::set<std::string> expected = {"step", "triad"};
      for (const auto& one : operators::operator_names())
        if (llama || one.name.rfind("rope", 0) != 0) expected.insert(one.name);
      EXPECT_EQ(figure_names(record), expected);
      const DeviceResult& device = record.devices.at(0);
      EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
      double shares = 0;
      for (const FigureOfMerit& fom : record.foms) {
        EXPECT_TRUE(value_of(fom, device)) << fom.name;
        if (fom.name == "step" || fom.name == "triad") continue;
        shares += device.metrics.at(fom.name + "_share_of_step");
        EXPECT_GT(device.metrics.at(fom.name + "_s"), 0) << fom.name;
        EXPECT_TRUE(fom.peak || fom.unit != "B/s") << fom.name;
      }
      EXPECT_NEAR(shares, 1, 1e-9);
      EXPECT_EQ(record.path.count("absent"), llama ? 0u : 1u);
      EXPECT_TRUE(record.path.contains("slowest"));
      EXPECT_EQ(record.path.at("activation"), llama ? "SwiGLU" : "GELU");
    }
  }
}

TEST_F(LaunchedOperators, FlagsOfGoogleBenchmarkChooseAndList) {
  Launch run = run_operators(0, "--benchmark_filter=head.* --benchmark_repetitions=3");
  EXPECT_EQ(run.ended.exit_code, 0) << run.ended.output;
  ASSERT_EQ(run.records.size(), 1u);
  EXPECT_EQ(figure_names(run.records[0]), (std::set<std::string>{"head_forward", "head_backward", "triad"}));
  EXPECT_GE(run.records[0].devices[0].series.at("head_forward").samples.size(), 9u);  // 3 passes of 3
  EXPECT_THAT(run.records[0].path.at("flags"), HasSubstr("--benchmark_filter=head.*"));
  EXPECT_THAT(run.records[0].path.at("left_out"), HasSubstr("23 of 25"));

  run = run_operators(0, "--benchmark_list_tests --benchmark_filter=norm");
  EXPECT_EQ(run.ended.exit_code, 0);
  EXPECT_EQ(run.ended.output, "norm_forward\nnorm_backward\n");
  EXPECT_TRUE(run.records.empty());
}

TEST_F(LaunchedOperators, WhatCannotBeRunSaysWhy) {
  Launch run = run_operators(0, "--benchmark_filter=rope.*");  // a GPT has none
  EXPECT_EQ(run.ended.exit_code, 4) << run.ended.output;
  ASSERT_EQ(run.records.size(), 1u);
  EXPECT_EQ(run.records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(run.records[0].reason, HasSubstr("no operator matches --benchmark_filter=rope.*"));

  run = run_operators(0, "--benchmark_out=x.json");
  EXPECT_EQ(run.ended.exit_code, 3);
  EXPECT_THAT(run.ended.output, HasSubstr("--benchmark_out"));
  const Ended other = run_command(assay_bench(0, "compute/gemm --benchmark_filter=x"));
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.output, HasSubstr("is for compute/operators alone"));

  run = run_operators(0, "--model llama3-405b --sequence 16777216");
  EXPECT_EQ(run.ended.exit_code, 4);
  ASSERT_EQ(run.records.size(), 1u);
  EXPECT_EQ(run.records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(run.records[0].reason, HasSubstr("are available"));
}

TEST_F(LaunchedOperators, PlantedFaultsFailTheCheckOfTheirRank) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  for (const std::string fault : {"wrong_element", "nan"}) {
    const Launch run = run_operators(2, "--precision f32 --plant " + fault);
    EXPECT_EQ(run.ended.exit_code, 1) << run.ended.output;
    ASSERT_EQ(run.records.size(), 1u);
    ASSERT_EQ(run.records[0].devices.size(), 2u);
    EXPECT_EQ(run.records[0].devices[0].check.status, CheckStatus::pass);
    EXPECT_EQ(run.records[0].devices[1].check.status, CheckStatus::fail);
  }
}

}  // namespace
}  // namespace assay::bench
