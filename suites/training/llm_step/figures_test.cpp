// The formulas, by hand, for a model of which every number is known.
#include "suites/training/llm_step/figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

/// tiny, 2 layers of width 128: FLOP and counts come from the model's own tested formulas.
LlmStepSettings tiny() {
  LlmStepSettings settings;
  settings.shape = training::preset("tiny");
  settings.layout.global_batch = 16;
  return settings;
}

LlmStepFacts facts() {
  LlmStepFacts facts;
  facts.ranks = 2;
  facts.warmups = 3;
  facts.steps_checked = 7;
  facts.steps_s = {0.5, 0.25, 0.75, 0.5};
  return facts;
}

TEST(LlmStepFigures, MfuIsAgainstTheProbeAndAgainstTheProduct) {
  const LlmStepSettings settings = tiny();
  LlmStepFacts known = facts();
  const double flops = training::palm_flops_per_token(settings.shape);
  const double rate = static_cast<double>(settings.tokens_per_step()) / 0.5;
  known.ceiling_per_second = 8 * flops * rate;
  known.ceiling_source = "FMA probe";
  known.gemm = {4 * flops * rate, 2048};
  const auto metrics = llm_step_metrics(settings, known);
  EXPECT_DOUBLE_EQ(metrics.at("mfu"), 0.125);
  EXPECT_DOUBLE_EQ(metrics.at("mfu_of_gemm"), 0.25);
  EXPECT_GT(metrics.at("hfu"), 0.125);
  EXPECT_DOUBLE_EQ(metrics.at("gemm_rate_flop_per_s"), 4 * flops * rate);
  EXPECT_DOUBLE_EQ(metrics.at("time_for_20e6_tokens_s"), 20e6 / rate);
  EXPECT_EQ(metrics.at("warmup_steps"), 3);
  EXPECT_FALSE(metrics.contains("energy_per_step_j"));
  const auto words = llm_step_words(settings, known);
  const std::string n = std::to_string(training::multiplied_parameter_count(settings.shape));
  EXPECT_THAT(words.at("flops"), HasSubstr("F = 6 N + 12 L H Q T = "));
  EXPECT_THAT(words.at("flops"), HasSubstr("N = " + n + " "));
  EXPECT_THAT(words.at("mfu"), HasSubstr("F x tokens/s / peak, peak = "));
  EXPECT_THAT(words.at("mfu"), HasSubstr("measured: FMA probe, all 2 ranks together"));
  EXPECT_THAT(words.at("mfu_of_gemm"), HasSubstr("2048 x 2048 x 2048"));
  EXPECT_EQ(words.at("warmup_steps"), "3, not recorded");
  EXPECT_THAT(words.at("mfu_of_gemm"), Not(HasSubstr("disturbed")));
  known.gemm.per_second = flops * rate / 1.5;
  EXPECT_THAT(llm_step_words(settings, known).at("mfu_of_gemm"),
              HasSubstr("above 1, so the products were disturbed"));
}

TEST(LlmStepFigures, WhatIsNotKnownIsLeftOut) {
  LlmStepFacts unknown = facts();
  unknown.energy_words = "no readable energy counter: n1: none";
  const auto metrics = llm_step_metrics(tiny(), unknown);
  for (const char* name :
       {"mfu", "hfu", "mfu_of_gemm", "gemm_rate_flop_per_s", "energy_per_step_j", "tokens_per_j", "power_w"})
    EXPECT_FALSE(metrics.contains(name)) << name;
  const auto words = llm_step_words(tiny(), unknown);
  EXPECT_FALSE(words.contains("mfu"));
  EXPECT_FALSE(words.contains("mfu_of_gemm"));
  EXPECT_EQ(words.at("energy"), unknown.energy_words);
}

TEST(LlmStepFigures, WhatADeviceDidNotWorkIsOutsideIt) {
  LlmStepFacts known = facts();
  EXPECT_FALSE(llm_step_metrics(tiny(), known).contains("share_outside_device"));
  EXPECT_FALSE(llm_step_metrics(tiny(), known).contains("device_memory_bytes"));
  known.device_steps_s = {0.4, 0.2, 0.45};  // median 0.4 of 0.5
  known.device_memory_bytes = 123;
  const auto metrics = llm_step_metrics(tiny(), known);
  EXPECT_DOUBLE_EQ(metrics.at("share_outside_device"), 0.2);
  EXPECT_EQ(metrics.at("device_memory_bytes"), 123);
  known.device_steps_s = {0.6};  // two clocks
  EXPECT_EQ(llm_step_metrics(tiny(), known).at("share_outside_device"), 0);
}

TEST(LlmStepFigures, EnergyIsOfRecordedSteps) {
  LlmStepFacts known = facts();
  known.energy_j = 100;
  known.energy_time_s = 2.5;
  const LlmStepSettings settings = tiny();
  const auto metrics = llm_step_metrics(settings, known);
  EXPECT_DOUBLE_EQ(metrics.at("energy_per_step_j"), 25);
  EXPECT_DOUBLE_EQ(metrics.at("tokens_per_j"), static_cast<double>(settings.tokens_per_step()) * 4 / 100);
  EXPECT_DOUBLE_EQ(metrics.at("power_w"), 40);
  known.energy_j = 0;  // a counter that stood still is known, and says nothing of tokens
  EXPECT_FALSE(llm_step_metrics(settings, known).contains("tokens_per_j"));
}

}  // namespace
}  // namespace assay::bench
