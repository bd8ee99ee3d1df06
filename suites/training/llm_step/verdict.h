// training/llm_step: did it train, and did the ranks agree? Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/training/support/fingerprint.h"
#include "suites/training/support/gradient_exchange.h"
#include "suites/training/support/layout.h"

namespace assay::bench {

/// What the losses of a training on a source of known entropy must look like. Nats.
struct LearningTask {
  double untrained = 0;  ///< loss of a model that knows nothing: ln of the vocabulary
  double entropy = 0;
  double variance = 0;  ///< of one token's surprise
  std::int64_t tokens_per_step = 1;
  std::int64_t fresh_steps = 0;  ///< before the first sample comes again
};

/// From so many steps and tokens on, the mean of the last five losses may be at most learned_bound().
inline constexpr std::int64_t learning_steps = 40;
inline constexpr std::int64_t learning_tokens = 32768;

/// entropy + (untrained - entropy) / 4.
double learned_bound(const LearningTask& task);

struct Verdict {
  std::vector<std::string> problems;
  std::string words;  ///< what was examined, with the numbers
};

/// - every loss is a number;
/// - from learning_steps and learning_tokens on: the mean of the last five is at most learned_bound(); with
/// less,
///   but at least four steps, the mean of the last quarter is below the first;
/// - the mean of the last ten (or all) losses on samples seen for the first time is not below the entropy by
/// more
///   than four standard errors.
Verdict judge_learning(const std::vector<double>& losses, const LearningTask& task);

/// What a rank has at the end, told to all.
struct RankState {
  double own_loss = 0;     ///< of the last step; on the last stage
  double own_squares = 0;  ///< of its gradients in the last step; 0 where another stands for all of them
  std::uint64_t after_last_step = 0;  ///< checksum of its weights when the last step had ended
  std::uint64_t now = 0;              ///< the same, computed again
  std::uint64_t table = 0;            ///< of its part of the table of tokens
  std::int64_t not_finite = 0;        ///< weights that are no numbers
  training::ExchangeCheck exchange;  ///< of the gradients of the last step, where it has data-parallel copies
};

/// - weights have not changed since the last step, and all are numbers;
/// - sums of gradients over data-parallel ranks are right (ExchangeCheck);
/// - data-parallel copies are the same bits, and both copies of a tied table;
/// - tensor-parallel ranks computed the same loss;
/// - every stage got gradients.
Verdict judge_ranks(const std::vector<RankState>& ranks, const training::ParallelLayout& layout,
                    bool tied_head);

/// The steps that were made again, from a checkpoint on, have the same loss, gradient norm and parameters as
/// the first time, bit for bit. `recorded` holds each of them; `repeated` at least one.
Verdict judge_repetition(const training::Fingerprint& recorded, const training::Fingerprint& repeated);

}  // namespace assay::bench
