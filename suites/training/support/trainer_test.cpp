// The whole step against the independent reference: tests/reference/llm_reference.json.
#include "suites/training/support/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "suites/training/support/generator.h"

namespace assay::training {
namespace {

using device::Element;
using nlohmann::json;

json reference() {
  std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/tests/reference/llm_reference.json");
  return json::parse(file);
}

ModelShape shape_of(const json& m) {
  ModelShape shape;
  shape.architecture = m.at("architecture") == "gpt" ? Architecture::gpt : Architecture::llama;
  shape.layers = m.at("layers");
  shape.width = m.at("width");
  shape.heads = m.at("heads");
  shape.kv_heads = m.at("kv_heads");
  shape.feed_forward = m.at("feed_forward");
  shape.sequence = m.at("sequence");
  shape.positions = m.at("positions");
  shape.vocabulary = m.at("vocabulary");
  shape.tied_head = m.at("tied_head");
  shape.rope_base = m.at("rope_base");
  shape.initial_deviation = m.at("initial_deviation");
  return shape;
}

/// The reference's tokens: step s takes batch x (sequence + 1) of them.
class Batches {
 public:
  Batches(const json& model, const ParallelLayout& layout, std::int64_t data_rank)
      : shape_(shape_of(model)),
        layout_(layout),
        data_rank_(data_rank),
        bits_(model.at("seed"), Stream::tokens, 0) {}

  MicroBatch operator()(std::int64_t step, std::int64_t micro_batch) {
    const std::int64_t sequence = shape_.sequence;
    inputs_.clear();
    targets_.clear();
    for (std::int64_t i = 0; i < layout_.micro_batch; ++i) {
      const std::int64_t sample =
          (data_rank_ * layout_.micro_batches() + micro_batch) * layout_.micro_batch + i;
      for (std::int64_t t = 0; t <= sequence; ++t) {
        const auto index =
            static_cast<std::uint64_t>((step * layout_.global_batch + sample) * (sequence + 1) + t);
        const auto token =
            static_cast<std::int32_t>(bits_(index) % static_cast<std::uint64_t>(shape_.vocabulary));
        if (t < sequence) inputs_.push_back(token);
        if (t > 0) targets_.push_back(token);
      }
    }
    return {inputs_.data(), targets_.data()};
  }

 private:
  ModelShape shape_;
  ParallelLayout layout_;
  std::int64_t data_rank_;
  RandomBits bits_;
  std::vector<std::int32_t> inputs_, targets_;
};

struct Curve {
  std::vector<double> losses, norms;
};

Curve train(const json& model, Element element, ParallelLayout layout, const json& optimizer) {
  const ModelShape shape = shape_of(model);
  layout.global_batch = model.at("batch");
  OptimizerSettings settings;
  settings.rate = optimizer.at("rate");
  settings.decay = optimizer.at("decay");
  settings.clip = optimizer.at("clip");
  const bench::ProcessGroup alone;
  const auto operators = device::host_operators(element, 2);
  Trainer trainer(alone, shape, layout, *operators, settings, [] { return 0.0; });
  trainer.initialise(model.at("seed"));
  Batches batches(model, layout, 0);
  Curve curve;
  for (std::int64_t step = 0; step < 10; ++step) {
    const StepResult result =
        trainer.step([&](std::int64_t micro_batch) { return batches(step, micro_batch); });
    curve.losses.push_back(result.loss);
    curve.norms.push_back(result.gradient_norm);
  }
  return curve;
}

TEST(Trainer, IsTheReferenceToNineDigitsInF64) {
  const json all = reference();
  for (const json& run : all.at("runs")) {
    for (const bool recompute : {false, true}) {
      ParallelLayout layout;
      layout.micro_batch = recompute ? 1 : run.at("model").at("batch").get<std::int64_t>();
      layout.recompute_activations = recompute;
      const Curve curve = train(run.at("model"), Element::f64, layout, all.at("optimizer"));
      for (std::size_t step = 0; step < 10; ++step) {
        const double loss = run.at("losses")[step], norm = run.at("gradient_norms")[step];
        EXPECT_NEAR(curve.losses[step], loss, 1e-9 * std::abs(loss))
            << run.at("model").at("name") << " " << step;
        EXPECT_NEAR(curve.norms[step], norm, 1e-9 * norm) << run.at("model").at("name") << " " << step;
      }
    }
  }
}

}  // namespace
}  // namespace assay::training
