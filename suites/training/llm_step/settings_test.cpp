#include "suites/training/llm_step/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/base/error.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

Parameters with(const Parameters& given) {
  return complete_parameters(find_benchmark("training/llm_step").spec, given, {});
}

std::string refusal(const Parameters& given, int ranks = 1) {
  try {
    llm_step_settings(with(given), ranks);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(LlmStepSettings, ZeroesAreFilledIn) {
  const LlmStepSettings settings =
      llm_step_settings(with({{"tensor", std::int64_t{2}}, {"pipeline", std::int64_t{2}}}), 12);
  EXPECT_EQ(settings.layout.data, 3);
  EXPECT_EQ(settings.layout.global_batch, 16 * 3 * 2);
  EXPECT_EQ(settings.shape, training::preset("tiny"));
  EXPECT_DOUBLE_EQ(settings.optimizer.rate, 3e-3);
  const LlmStepSettings larger = llm_step_settings(
      with(
          {{"model", std::string("gpt2-124m")}, {"sequence", std::int64_t{64}}, {"layers", std::int64_t{2}}}),
      1);
  EXPECT_DOUBLE_EQ(larger.optimizer.rate, 5e-4);
  EXPECT_EQ(larger.shape.sequence, 64);
  EXPECT_EQ(larger.tokens_per_step(), 16 * 64);
}

TEST(LlmStepSettings, WhatDoesNotDivideIsRefusedWithNumbers) {
  EXPECT_THAT(refusal({{"tensor", std::int64_t{2}}}, 3), HasSubstr("does not make the 3 ranks"));
  EXPECT_THAT(refusal({{"tensor", std::int64_t{3}}}, 3), HasSubstr("1, 2, 4"));
  EXPECT_THAT(refusal({{"global_batch", std::int64_t{20}}}), HasSubstr("nearest that are: 16 and 32"));
  EXPECT_THAT(refusal({{"pipeline", std::int64_t{4}}}, 4), HasSubstr("at most 2"));
  EXPECT_THAT(refusal({{"sequence", std::int64_t{65}}}), HasSubstr("at most 64"));
  EXPECT_THAT(refusal({{"heads", std::int64_t{3}}}), HasSubstr("128"));
  EXPECT_THAT(refusal({{"precision", std::string("bf16")}, {"least_precision", std::string("f32")}}),
              HasSubstr("precision bf16 is below the least that is allowed here, f32"));
  EXPECT_EQ(refusal({{"precision", std::string("f64")}, {"least_precision", std::string("f32")}}),
            "nothing was thrown");
  EXPECT_THAT(refusal({{"sequence_parallel", true}}), HasSubstr("needs tensor parallelism"));
  EXPECT_THROW(token_source(1, 3), Error);
  EXPECT_EQ(token_source(1, 5).symbols(), 5);
  EXPECT_EQ(token_source(1, 50257).symbols(), 64);
}

TEST(LlmStepSettings, EachExchangeReachesOneKindOfMemory) {
  const auto on = [](const char* device, const char* exchange) {
    return Parameters{{"device", std::string(device)}, {"exchange", std::string(exchange)}, {"zero1", true}};
  };
  EXPECT_THAT(refusal(on("host", "nccl"), 2), HasSubstr("or device=gpu"));
  EXPECT_THAT(refusal(on("gpu", "shared_window"), 2), HasSubstr("choose nccl (NVIDIA)"));
  for (const auto& good :
       {on("host", "mpi"), on("host", "shared_window"), on("gpu", "mpi"), on("gpu", "rccl")})
    EXPECT_EQ(refusal(good, 2), "nothing was thrown");
  EXPECT_EQ(llm_step_settings(with(on("gpu", "rccl")), 2).collectives, "rccl");
  EXPECT_EQ(llm_step_settings(with(on("gpu", "mpi")), 2).collectives, "");
  EXPECT_TRUE(memory_request(llm_step_settings(with(on("gpu", "mpi")), 2)).apart);
  EXPECT_FALSE(memory_request(llm_step_settings(with(on("host", "mpi")), 2)).apart);
  EXPECT_THAT(refusal({{"precision", std::string("f64")}, {"moments", std::string("bf16")}}),
              HasSubstr("keeps all numbers in f64"));
}

TEST(LlmStepSettings, TheTokensSufficeForTheStepsAskedFor) {
  for (const std::int64_t micro_batch : {1, 16, 4096}) {
    for (const std::int64_t steps : {1, 40, 5000}) {
      const LlmStepSettings settings =
          llm_step_settings(with({{"micro_batch", micro_batch}, {"steps", steps}}), 1);
      const CorpusSize size = corpus_size(settings);
      const std::int64_t samples = (size.tokens_per_shard - 1) / settings.shape.sequence;
      EXPECT_GT(size.tokens_per_shard, settings.shape.sequence);
      EXPECT_LE(size.tokens_per_shard, 3 << 20);
      EXPECT_EQ(size.steps, samples * size.shards / settings.layout.global_batch);
      if (steps * settings.tokens_per_step() <= 200 << 20) {
        EXPECT_GE(size.steps, steps + settings.warmups) << micro_batch << " " << steps;
      }
    }
  }
}

TEST(LlmStepSettings, TheRecordSaysTheLayoutInWords) {
  const LlmStepSettings settings = llm_step_settings(
      with({{"tensor", std::int64_t{2}}, {"zero1", true}, {"sequence_parallel", true}, {"recompute", true}}),
      4);
  EXPECT_EQ(
      describe(settings.layout),
      "data 2 x tensor 2 x pipeline 1, 1 micro-batch of 16 sequences for each data-parallel rank, sequence "
      "parallel, optimizer sharded (ZeRO-1), activations recomputed");
  EXPECT_EQ(describe(settings.shape),
            "gpt, 2 layers, width 128, 4 heads, feed-forward 512, sequence 64, vocabulary 512, tied head");
}

}  // namespace
}  // namespace assay::bench
