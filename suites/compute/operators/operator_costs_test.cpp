// Work and traffic of every operator, computed by hand for small shapes.
#include "suites/compute/operators/operator_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace assay::bench::operators {
namespace {

using device::Element;
using training::Architecture;

/// Six rows of width 4 in two sequences of 3; two heads of size 2; vocabulary 10; 5 layers, 3 micro-batches.
StepShape small(Architecture architecture, Element element = Element::f32) {
  StepShape step;
  const bool gpt = architecture == Architecture::gpt;
  step.model = {architecture, 5, 4, 2, gpt ? 2 : 1, 16, 3, gpt ? 3 : 0, 10, true, gpt ? 0.0 : 10000.0};
  step.element = element;
  step.micro_batch = 2;
  step.micro_batches = 3;
  return step;
}

struct Costs {
  double flops, bytes, calls;
  bool operator==(const Costs&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Costs& c) {
  return out << c.flops << " FLOP, " << c.bytes << " B, " << c.calls << " calls";
}

std::map<std::string, Costs> costs_of(const StepShape& step) {
  std::map<std::string, Costs> found;
  for (const OperatorCost& one : operator_costs(step, 0)) found[one.name] = {one.flops, one.bytes, one.calls};
  return found;
}

TEST(OperatorCosts, Gpt) {
  const auto found = costs_of(small(Architecture::gpt));
  const std::map<std::string, Costs> expected = {
      // 2 x 6 x 4 x 12; x 24, W 48, b 12, y 72 numbers
      {"qkv_forward", {576, 4 * 156, 15}},
      {"qkv_backward_input", {576, 4 * 144, 15}},
      {"qkv_backward_weight", {576, 4 * 156, 15}},
      {"attention_out_forward", {192, 4 * (24 + 16 + 4 + 24), 15}},
      {"attention_out_backward_input", {192, 4 * 64, 15}},
      {"attention_out_backward_weight", {192, 4 * 68, 15}},
      {"feed_forward_in_forward", {768, 4 * (24 + 64 + 16 + 96), 15}},
      {"feed_forward_in_backward_input", {768, 4 * 184, 15}},
      {"feed_forward_in_backward_weight", {768, 4 * 200, 15}},
      {"feed_forward_out_forward", {768, 4 * (96 + 64 + 4 + 24), 15}},
      {"feed_forward_out_backward_input", {768, 4 * 184, 15}},
      {"feed_forward_out_backward_weight", {768, 4 * 188, 15}},
      // x 24, W 40; targets and three statistics of 6 rows
      {"head_forward", {480, 4 * 64 + 24 + 72, 3}},
      {"head_backward", {960, 4 * 88 + 24 + 24 + 4 * 40, 3}},
      // 2 sequences x 2 heads x (1 + 2 + 3) pairs = 24, 4 x 2 each; qkv 72, o 24, log-sums 12
      {"attention_forward", {192, 4 * 96 + 48, 15}},
      {"attention_backward", {384, 4 * 192 + 48, 15}},
      {"norm_forward", {8 * 24, 4 * (48 + 8) + 48, 33}},
      {"norm_backward", {14 * 24, 4 * 100 + 4 * (12 + 16), 33}},
      {"activation_forward", {9 * 96, 4 * 192, 15}},
      {"activation_backward", {18 * 96, 4 * 288, 15}},
      // six different words, three positions
      {"embedding_forward", {24, 4 * (24 + 12 + 24) + 24, 3}},
      {"embedding_backward", {48, 4 * 24 + 8 * 36 + 24, 3}},
      {"residual_add", {24, 4 * 72, 30}},
      // 10 x 4 words, 3 x 4 positions, 5 layers of 244, the last norm's 8: 1280 parameters
      {"sum_of_squares", {2560, 5120, 1}},
      {"adamw", {15 * 1280, 28 * 1280, 1}}};
  for (const auto& [name, costs] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found.at(name), costs) << name;
  }
  EXPECT_EQ(found.size(), expected.size());
  EXPECT_THAT(absent_operators(small(Architecture::gpt)),
              testing::ElementsAre("rope_forward", "rope_backward"));
}

TEST(OperatorCosts, LlamaHasOneHeadOfKeysNoBiasesAndTurnsThem) {
  const auto found = costs_of(small(Architecture::llama));
  EXPECT_EQ(found.at("qkv_forward"), (Costs{2 * 6 * 4 * 8, 4 * (24 + 32 + 48), 15}));
  EXPECT_EQ(found.at("feed_forward_in_forward"), (Costs{2 * 6 * 4 * 32, 4 * (24 + 128 + 192), 15}));
  EXPECT_EQ(found.at("attention_forward"), (Costs{192, 4 * (48 + 24) + 48, 15}));
  EXPECT_EQ(found.at("norm_forward"), (Costs{4 * 24, 4 * (48 + 4) + 24, 33}));
  EXPECT_EQ(found.at("norm_backward"), (Costs{10 * 24, 4 * 100 + 4 * (6 + 8), 33}));
  // 6 rows x 3 heads x 2 numbers; a table of 3 positions x 2
  EXPECT_EQ(found.at("rope_forward"), (Costs{108, 8 * 36 + 24, 15}));
  EXPECT_EQ(found.at("rope_backward"), (Costs{108, 8 * 36 + 24, 15}));
  EXPECT_EQ(found.at("activation_forward"), (Costs{4 * 96, 4 * 288, 15}));
  EXPECT_EQ(found.at("activation_backward"), (Costs{10 * 96, 4 * 480, 15}));
  EXPECT_EQ(found.at("embedding_forward"), (Costs{0, 4 * 48 + 24, 3}));
  EXPECT_TRUE(absent_operators(small(Architecture::llama)).empty());
}

TEST(OperatorCosts, Bf16HasActivationsOfTwoBytesAndGradientsOfFour) {
  const auto found = costs_of(small(Architecture::gpt, Element::bf16));
  EXPECT_EQ(found.at("qkv_forward").bytes, 2 * 156);
  EXPECT_EQ(found.at("qkv_backward_weight").bytes, 2 * 96 + 4 * 60);
  EXPECT_EQ(found.at("adamw").bytes, 28 * 1280 + 2 * 1280);
  EXPECT_EQ(found.at("sum_of_squares").bytes, 4 * 1280);
}

TEST(OperatorCosts, TheProductsOfAStepAreThoseOfTheModel) {
  // 6 N a token for forward and backward of everything that is multiplied (without biases and norms).
  StepShape step;
  step.model = training::preset("llama3-8b");
  double flops = 0;
  for (const OperatorCost& one : operator_costs(step, 0))
    if (one.arithmetic && one.name.rfind("attention_", 0) != 0)
      flops += one.calls * one.flops;
    else if (one.name.rfind("attention_out", 0) == 0)
      flops += one.calls * one.flops;
  const double norms = 65 * 4096;
  const double n = static_cast<double>(training::multiplied_parameter_count(step.model)) - norms;
  EXPECT_DOUBLE_EQ(flops, 6 * n * 8192);
}

TEST(OperatorCosts, LongBuffersAreTimedInPieces) {
  StepShape step;
  step.model = training::preset("llama3-8b");
  const std::int64_t parameters = training::parameter_count(step.model);
  EXPECT_EQ(flat_count(step, 0), 1 << 24);
  EXPECT_EQ(flat_count(step, std::uint64_t{1} << 28), 1 << 28);
  for (const OperatorCost& one : operator_costs(step, 0)) {
    if (one.name != "adamw") continue;
    EXPECT_DOUBLE_EQ(one.calls * one.bytes, 28.0 * static_cast<double>(parameters));
  }
}

TEST(OperatorCosts, EveryOperatorHasANameOfItsOwnAndAMeaning) {
  std::map<std::string, int> seen;
  for (const OperatorName& one : operator_names()) {
    EXPECT_EQ(++seen[one.name], 1) << one.name;
    EXPECT_FALSE(one.meaning.empty());
  }
  EXPECT_EQ(seen.size(), 27u);
}

}  // namespace
}  // namespace assay::bench::operators
