#include "suites/training/support/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "reports/base/error.h"
#include "suites/training/support/inventory.h"

namespace assay::training {
namespace {

using testing::HasSubstr;

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::bad_input);
    return error.what();
  }
  return "nothing was thrown";
}

/// Two layers whose numbers can be added up by hand.
ModelShape small(Architecture architecture) {
  const bool gpt = architecture == Architecture::gpt;
  return {.architecture = architecture,
          .layers = 2,
          .width = 12,
          .heads = 3,
          .kv_heads = gpt ? 3 : 1,
          .feed_forward = 20,
          .sequence = 5,
          .positions = gpt ? 7 : 0,
          .vocabulary = 11,
          .tied_head = gpt,
          .rope_base = gpt ? 0.0 : 10000.0};
}

TEST(Model, PresetsHaveTheirPublishedNumberOfParameters) {
  EXPECT_EQ(parameter_count(preset("gpt2-124m")), 124439808);
  EXPECT_EQ(parameter_count(preset("llama3-1b")), 1235814400);
  EXPECT_EQ(parameter_count(preset("llama3-8b")), 8030261248);
  EXPECT_EQ(parameter_count(preset("llama3-70b")), 70553706496);
  EXPECT_EQ(parameter_count(preset("llama3-405b")), 405853388800);
  // 96 (12 C^2 + 13 C) + (50257 + 2048 + 2) C, C = 12288.
  EXPECT_EQ(parameter_count(preset("gpt-175b")), 174604259328);
  // 2 (12 C^2 + 13 C) + (512 + 64 + 2) C, C = 128.
  EXPECT_EQ(parameter_count(preset("tiny")), 396544 + 73984);
}

TEST(Model, TheCountIsTheSumOverTheInventory) {
  std::vector<ModelShape> shapes{small(Architecture::gpt), small(Architecture::llama)};
  for (const std::string& name : preset_names()) shapes.push_back(preset(name));
  shapes.push_back(preset("llama3-8b", {.layers = 3, .width = 96, .heads = 12, .vocabulary = 101}));
  shapes.push_back(preset("tiny", {.kv_heads = 2}));
  for (const ModelShape& shape : shapes) {
    std::int64_t all = 0, layer = 0;
    for (const Tensor& tensor : inventory(shape)) {
      all += tensor.count();
      if (tensor.layer == shape.layers - 1) layer += tensor.count();
    }
    EXPECT_EQ(all, parameter_count(shape));
    EXPECT_EQ(layer, layer_parameter_count(shape));
  }
}

TEST(Model, ParametersOfSmallShapesByHand) {
  // GPT: qkv 36 x 12 + 36, output 12 x 12 + 12, in 20 x 12 + 20, out 12 x 20 + 12, norms 4 x 12.
  EXPECT_EQ(layer_parameter_count(small(Architecture::gpt)), 468 + 156 + 260 + 252 + 48);
  EXPECT_EQ(parameter_count(small(Architecture::gpt)), 11 * 12 + 7 * 12 + 2 * 1184 + 24);
  EXPECT_EQ(multiplied_parameter_count(small(Architecture::gpt)), 11 * 12 + 2 * 1184 + 24);
  // Llama: qkv (12 + 4 + 4) x 12, output 12 x 12, gate and up 40 x 12, down 12 x 20, norms 2 x 12.
  EXPECT_EQ(layer_parameter_count(small(Architecture::llama)), 240 + 144 + 480 + 240 + 24);
  EXPECT_EQ(parameter_count(small(Architecture::llama)), 2 * 11 * 12 + 2 * 1128 + 12);
  EXPECT_EQ(multiplied_parameter_count(small(Architecture::llama)), 11 * 12 + 2 * 1128 + 12);
}

TEST(Model, FlopsOfATokenByHand) {
  const ModelShape gpt2 = preset("gpt2-124m");
  // N = 124439808 - 1024 * 768; attention 12 * 12 * 768 * 1024.
  EXPECT_EQ(palm_flops_per_token(gpt2), 6.0 * 123653376 + 113246208);
  EXPECT_EQ(llmc_flops_per_token(gpt2), 6.0 * 124439808 + 56623104);
  const ModelShape llama = preset("llama3-8b");
  // N = 8030261248 - 128256 * 4096; attention 12 * 32 * 4096 * 8192.
  EXPECT_EQ(palm_flops_per_token(llama), 6.0 * 7504924672 + 12884901888.0);
  // The step that the figures are compared at: sequence 64.
  EXPECT_EQ(palm_flops_per_token(preset("gpt2-124m", {.sequence = 64})), 6.0 * 123653376 + 7077888);
}

TEST(Model, RecomputationByHand) {
  const ModelShape gpt = small(Architecture::gpt);
  const RecomputedFlops kept = recomputed_flops_per_token(gpt, false);
  EXPECT_EQ(kept.layers, 0);
  EXPECT_EQ(kept.scores, 2 * 2 * 12 * 5);
  EXPECT_EQ(kept.head, 2 * 11 * 12);
  const RecomputedFlops again = recomputed_flops_per_token(gpt, true);
  EXPECT_EQ(again.layers, 2 * 2 * 1184 + 4 * 2 * 12 * 5);
  EXPECT_EQ(again.total(), 5216 + 240 + 264);
}

TEST(Model, OverridesKeepThePresetsProportions) {
  const ModelShape shape = preset("llama3-8b", {.layers = 2, .width = 512, .heads = 16, .sequence = 100});
  EXPECT_EQ(shape.feed_forward, 1792);  // 3.5 widths
  EXPECT_EQ(shape.kv_heads, 4);         // a quarter
  EXPECT_EQ(shape.vocabulary, 128256);
  EXPECT_EQ(shape.sequence, 100);
  EXPECT_EQ(preset("llama3-8b", {}), preset("llama3-8b"));
  // The table of positions stays, and with it the number of parameters.
  EXPECT_EQ(parameter_count(preset("gpt2-124m", {.sequence = 64})), 124439808);
}

TEST(Model, WhatDoesNotFitIsSaidWithWhatWould) {
  EXPECT_THAT(message([] { preset("lama3-8b"); }), HasSubstr("did you mean 'llama3-8b'"));
  EXPECT_THAT(message([] { preset("gpt2-124m", {.heads = 7}); }),
              testing::AllOf(HasSubstr("width 768 does not divide into 7 heads"),
                             HasSubstr("1, 2, 3, 4, 6, 8, ...")));
  EXPECT_THAT(
      message([] { preset("llama3-8b", {.kv_heads = 5}); }),
      testing::AllOf(HasSubstr("32 heads"), HasSubstr("5 heads of keys"), HasSubstr("1, 2, 4, 8, 16, 32")));
  EXPECT_THAT(message([] { preset("gpt2-124m", {.sequence = 2048}); }),
              testing::AllOf(HasSubstr("sequence 2048"), HasSubstr("1024 learned positions"),
                             HasSubstr("positions = 2048")));
  EXPECT_THAT(message([] { preset("tiny", {.vocabulary = -1}); }), HasSubstr("vocabulary is -1"));
  EXPECT_THAT(message([] { preset("llama3-8b", {.width = 33}); }), HasSubstr("give feed_forward too"));
  EXPECT_THAT(message([] { preset("llama3-8b", {.heads = 2}); }), HasSubstr("give kv_heads too"));
  EXPECT_THAT(message([] { preset("llama3-8b", {.positions = 4}); }), HasSubstr("no table of positions"));
  EXPECT_THAT(message([] { preset("llama3-8b", {.width = 96, .heads = 32}); }), HasSubstr("heads of size 3"));
}

}  // namespace
}  // namespace assay::training
