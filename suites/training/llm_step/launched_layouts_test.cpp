// Every way to share a model among four ranks gives the serial losses in f32; in bf16 each layout stays as
// near to the exact ones as roundings allow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/harness/parameters.h"
#include "suites/harness/worker.h"
#include "suites/training/llm_step/launched_llm_step.h"
#include "suites/training/llm_step/settings.h"
#include "suites/training/support/noisy_operators.h"
#include "suites/training/support/sample_order.h"

namespace assay::bench {
namespace {

/// Data x tensor x pipeline, with what goes with each.
Parameters layout(std::int64_t data, std::int64_t tensor, std::int64_t pipeline,
                  const std::vector<std::string>& options = {}) {
  Parameters all = {{"data", data}, {"tensor", tensor}, {"pipeline", pipeline}};
  for (const std::string& option : options) all.insert_or_assign(option, true);
  return all;
}

TEST_F(LaunchedLlmStep, EveryLayoutOfFourRanksGivesTheSerialLossesInF32) {
  const Parameters few = {{"precision", std::string("f32")}, {"steps", whole(2)}, {"warmups", whole(0)}};
  const Parameters shallow = both(models().at("gpt, tied"), few);
  const Parameters deep = both(shallow, {{"layers", whole(4)}, {"global_batch", whole(4)}});
  add(shallow, 1);
  add(deep, 1);
  std::vector<Fingerprint> serial;
  for (const Record& record : run(1)) serial.push_back(fingerprint_of(record));
  ASSERT_EQ(serial.size(), 2u);
  // With more ranks than cores a case takes seconds, whatever its size.
  for (const Parameters& one :
       {layout(4, 1, 1, {"zero1", "recompute"}), layout(1, 4, 1, {"sequence_parallel"}),
        layout(2, 2, 1, {"sequence_parallel", "recompute"}), layout(2, 1, 2, {"zero1"}), layout(1, 2, 2)})
    add(both(shallow, one), 4);
  add(both(deep, layout(1, 1, 4, {"recompute"})), 4);
  for (const Record& record : run(4)) {
    const bool is_deep = std::get<std::int64_t>(record.parameters.at("layers")) == 4;
    ASSERT_EQ(fingerprint_of(record).size(), 2u);
    expect_alike(record, serial[is_deep ? 1 : 0], 1e-5);
  }
}

/// A training on one rank, in this process, on the tokens that the program writes and in the order in which
/// it reads them.
class SerialTraining {
 public:
  SerialTraining(const Parameters& parameters, std::uint64_t seed)
      : settings_(llm_step_settings(
            complete_parameters(find_benchmark("training/llm_step").spec, parameters, {}), 1)),
        seed_(seed) {
    const training::MarkovSource source = token_source(seed, settings_.shape.vocabulary);
    const CorpusSize size = corpus_size(settings_);
    for (std::int64_t shard = 0; shard < size.shards; ++shard)
      shards_.push_back(source.tokens(static_cast<std::uint64_t>(shard), size.tokens_per_shard));
  }

  std::vector<double> losses(std::unique_ptr<device::Operators> operators, std::size_t steps) const {
    training::ParallelLayout layout = settings_.layout;
    layout.micro_batch = layout.global_batch;
    const ProcessGroup alone;
    training::Trainer trainer(alone, settings_.shape, layout, {device::host(), *operators},
                              settings_.optimizer, [] { return 0.0; });
    trainer.initialise(seed_);
    std::vector<double> all;
    while (all.size() < steps) {
      std::vector<std::int32_t> inputs, targets;
      fill(trainer.steps(), inputs, targets);
      all.push_back(
          trainer.step([&](std::int64_t) {
                   return training::MicroBatch{inputs.data(), targets.data()};
                 })
              .loss);
    }
    return all;
  }

 private:
  void fill(std::int64_t step, std::vector<std::int32_t>& inputs, std::vector<std::int32_t>& targets) const {
    std::vector<std::int64_t> tokens;
    for (const auto& shard : shards_) tokens.push_back(static_cast<std::int64_t>(shard.size()));
    const std::int64_t sequence = settings_.shape.sequence, batch = settings_.layout.global_batch;
    const training::SampleOrder order(seed_, sequence, tokens);
    for (std::int64_t row = 0; row < batch; ++row) {
      const training::SamplePlace place =
          order.place(training::sample_number(step, batch, 0, 1, 0, batch, row));
      const auto first = shards_[place.shard].begin() + place.first_token;
      inputs.insert(inputs.end(), first, first + sequence);
      targets.insert(targets.end(), first + 1, first + sequence + 1);
    }
  }

  LlmStepSettings settings_;
  std::uint64_t seed_;
  std::vector<std::vector<std::int32_t>> shards_;
};

TEST_F(LaunchedLlmStep, Bf16LayoutsStayAsNearToTheExactLossesAsRoundingsAllow) {
  if (!device::host().gemm_unsupported(device::Element::bf16).empty()) return;  // it says so, see below
  const Parameters bf16 = both(models().at("gpt, tied"), {{"precision", std::string("bf16")}});
  const std::vector<Parameters> layouts = {layout(2, 1, 1), layout(2, 1, 1, {"zero1"}),
                                           layout(1, 2, 1), layout(1, 2, 1, {"sequence_parallel"}),
                                           layout(1, 1, 2), layout(1, 1, 2, {"recompute"})};
  add(bf16, 1);
  std::vector<Record> records = run(1);
  for (const Parameters& one : layouts) add(both(bf16, one), 2);
  for (const Record& record : run(2)) records.push_back(record);

  constexpr std::size_t steps = 6;
  const SerialTraining serial(request_parameters(bf16), 23);
  const std::vector<double> exact = serial.losses(device::host_operators(device::Element::f64, 1), steps);
  // A tensor-parallel group rounds each rank's part of a sum to bf16 and then the sum: three roundings where
  // one rank alone has one, of 12 in a layer. The scatter of one rank's roundings is what all are held to.
  const std::vector<double> scatter = training::scatter_of_roundings(
      0x1p-8, exact, [&](auto operators) { return serial.losses(std::move(operators), steps); });
  for (const Record& record : records) {
    expect_passed(record);
    const Fingerprint own = fingerprint_of(record);
    ASSERT_GE(own.size(), steps);
    for (std::size_t step = 0; step < steps; ++step)
      EXPECT_LE(std::abs(own[step].loss - exact[step]), 4 * scatter[step]) << name_of(record) << " " << step;
  }
}

}  // namespace
}  // namespace assay::bench
