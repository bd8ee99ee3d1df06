// For tests: the runs of the independent reference (tests/reference/llm_reference.json).
#pragma once

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "suites/training/support/generator.h"
#include "suites/training/support/model.h"

namespace assay::training {

struct ReferenceTensor {
  std::string name;
  std::int64_t rows = 0, columns = 0;
  double initial_sum = 0;
  double first_gradient_norm = 0;  ///< before clipping
  double last_norm = 0;            ///< of the values after the last step
};

struct ReferenceRun {
  std::string name;
  ModelShape shape;
  std::int64_t batch = 0;
  std::uint64_t seed = 0;
  double rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, decay = 0, clip = 0;
  std::vector<ReferenceTensor> tensors;
  std::vector<std::int32_t> first_tokens;      ///< the first row: sequence + 1
  std::vector<double> losses, gradient_norms;  ///< of each step, before its update

  /// batch x (sequence + 1) tokens of a step (from 0).
  std::vector<std::int32_t> tokens(std::int64_t step) const {
    const RandomBits bits(seed, Stream::tokens, 0);
    std::vector<std::int32_t> all(static_cast<std::size_t>(batch * (shape.sequence + 1)));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::uint64_t number = static_cast<std::uint64_t>(step) * all.size() + i;
      all[i] = static_cast<std::int32_t>(bits(number) % static_cast<std::uint64_t>(shape.vocabulary));
    }
    return all;
  }
};

/// Throws when the file is missing or is not what this program knows. `source`: the root of the sources.
inline std::vector<ReferenceRun> reference_runs(const std::string& source) {
  std::ifstream file(source + "/tests/reference/llm_reference.json");
  const nlohmann::json all = nlohmann::json::parse(file);
  if (all.at("schema") != "assay.llm_reference/1") throw std::runtime_error("another schema");
  const nlohmann::json& optimizer = all.at("optimizer");
  std::vector<ReferenceRun> runs;
  for (const nlohmann::json& one : all.at("runs")) {
    const nlohmann::json& model = one.at("model");
    ReferenceRun run;
    run.name = model.at("name");
    run.shape = {.architecture = model.at("architecture") == "gpt" ? Architecture::gpt : Architecture::llama,
                 .layers = model.at("layers"),
                 .width = model.at("width"),
                 .heads = model.at("heads"),
                 .kv_heads = model.at("kv_heads"),
                 .feed_forward = model.at("feed_forward"),
                 .sequence = model.at("sequence"),
                 .positions = model.at("positions"),
                 .vocabulary = model.at("vocabulary"),
                 .tied_head = model.at("tied_head"),
                 .rope_base = model.at("rope_base"),
                 .initial_deviation = model.at("initial_deviation")};
    run.batch = model.at("batch");
    run.seed = model.at("seed");
    run.rate = optimizer.at("rate");
    run.beta1 = optimizer.at("beta1");
    run.beta2 = optimizer.at("beta2");
    run.epsilon = optimizer.at("epsilon");
    run.decay = optimizer.at("decay");
    run.clip = optimizer.at("clip");
    for (const nlohmann::json& tensor : one.at("tensors")) {
      run.tensors.push_back({tensor.at("name"), tensor.at("rows"), tensor.at("columns"),
                             tensor.at("initial_sum"), tensor.at("first_gradient_norm"),
                             tensor.at("last_norm")});
    }
    run.first_tokens = one.at("first_tokens").get<std::vector<std::int32_t>>();
    run.losses = one.at("losses").get<std::vector<double>>();
    run.gradient_norms = one.at("gradient_norms").get<std::vector<double>>();
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace assay::training
