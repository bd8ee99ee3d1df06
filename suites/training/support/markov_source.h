// Text to learn from whose entropy is known: a seeded Markov source.
//
// It has M symbols, spread over the vocabulary. After symbol s comes (a s + b_j) mod M, where j is drawn from
// k branches with the probabilities 1/2, 1/4, ..., 2^-(k-1), 2^-(k-1). a is coprime to M and the b_j differ,
// so
//   - each branch permutes the symbols: the transition matrix is doubly stochastic, the uniform distribution
//   is
//     stationary, and a chain that begins uniformly stays so;
//   - b_1 - b_0 is coprime to M: sums of such steps reach every symbol, so the stationary distribution is the
//     only one;
//   - every symbol has the same k probabilities of successors: the entropy rate is that of the branches,
//     H = (2 - 2^(2-k)) ln 2 exactly, whatever a, b and the seed.
// A model that has learned nothing loses ln(vocabulary), one that has learned which symbols exist ln M, and
// none that sees only the past can stay below H.
#pragma once

#include <cstdint>
#include <vector>

#include "suites/training/support/generator.h"

namespace assay::training {

class MarkovSource {
 public:
  /// 2 <= branches <= min(symbols, 32), symbols <= vocabulary; else throws Error(bad_input).
  MarkovSource(std::uint64_t seed, std::int64_t vocabulary, std::int64_t symbols, int branches);

  std::int64_t vocabulary() const { return vocabulary_; }
  std::int64_t symbols() const { return symbols_; }
  std::uint64_t seed() const { return seed_; }

  /// Nats per token: the lowest mean loss.
  double entropy() const;
  /// Variance of -ln p(token | the one before), in nats^2: by n tokens, the best mean loss has the standard
  /// error sqrt(variance / n) about the entropy.
  double variance() const;

  /// The first `count` tokens of shard number `shard`; shards are independent chains.
  std::vector<std::int32_t> tokens(std::uint64_t shard, std::int64_t count) const;
  /// The one after `symbol` along branch j.
  std::int64_t successor(std::int64_t symbol, int branch) const;
  /// Symbol m is the token floor(m vocabulary / symbols).
  std::int32_t token_of(std::int64_t symbol) const {
    return static_cast<std::int32_t>(symbol * vocabulary_ / symbols_);
  }
  /// -ln p(next | token) in nats; infinite when the source cannot say `next` after `token`.
  double surprise(std::int32_t token, std::int32_t next) const;

 private:
  std::int64_t symbol_of(std::int32_t token) const;

  std::uint64_t seed_;
  std::int64_t vocabulary_, symbols_;
  std::int64_t factor_ = 1;            ///< a
  std::vector<std::int64_t> offsets_;  ///< b_j
};

}  // namespace assay::training
