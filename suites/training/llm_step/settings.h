// training/llm_step: what the parameters mean, and what they must satisfy. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "suites/harness/benchmark.h"
#include "suites/training/support/layout.h"
#include "suites/training/support/markov_source.h"
#include "suites/training/support/memory_estimate.h"
#include "suites/training/support/model.h"
#include "suites/training/support/trainer.h"

namespace assay::bench {

struct LlmStepSettings {
  training::ModelShape shape;
  training::ParallelLayout layout;
  device::Element element = device::Element::f32;
  training::OptimizerSettings optimizer;
  bool on_gpu = false;
  std::string collectives;            ///< "nccl", "rccl": gradients go between the devices; empty: by MPI
  int steps = 1;                      ///< recorded at least
  int warmups = 0;                    ///< not recorded
  std::int64_t checkpoint_every = 0;  ///< steps; 0: no checkpoints

  std::int64_t tokens_per_step() const { return layout.global_batch * shape.sequence; }
};

/// Throws Error(bad_input) with the numbers and what would be allowed, for a launch of `ranks` ranks.
LlmStepSettings llm_step_settings(const Parameters& parameters, int ranks);

/// "gpt, 2 layers, width 128, ..." and "data 2 x tensor 2, ...", for the record.
std::string describe(const training::ModelShape& shape);
std::string describe(const training::ParallelLayout& layout);

/// The source of the tokens: at most 64 symbols with 4 successors each, of any vocabulary.
training::MarkovSource token_source(std::uint64_t seed, std::int64_t vocabulary);

/// How long a training its tokens suffice for, so that no sample is seen twice.
struct CorpusSize {
  std::int64_t shards = 1;
  std::int64_t tokens_per_shard = 0;
  std::int64_t steps = 0;  ///< until the first sample comes again
};

/// 2000 steps but not more than 16 Mi tokens, and at least warmups + steps but not more than 256 Mi tokens;
/// in shards of some 1 Mi tokens. Each holds at least one sample.
CorpusSize corpus_size(const LlmStepSettings& settings);

/// What the memory of a rank is asked for with; scratch and the loader are still to be added.
training::MemoryRequest memory_request(const LlmStepSettings& settings);

/// Bytes of one micro-batch queue of the loader, as the memory estimate counts them.
std::int64_t loader_bytes(const LlmStepSettings& settings);

}  // namespace assay::bench
