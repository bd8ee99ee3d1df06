#include "suites/training/support/markov_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "reports/base/error.h"

namespace assay::training {
namespace {

TEST(MarkovSource, EntropyAndVarianceByHand) {
  // 1/2, 1/4, 1/8, 1/8: 1.75 bits; squares 1/2 + 4/4 + 9/8 + 9/8 = 3.75, so the variance is 0.6875 bits^2.
  const MarkovSource four(1, 100, 50, 4);
  EXPECT_DOUBLE_EQ(four.entropy(), 1.75 * std::log(2.0));
  EXPECT_DOUBLE_EQ(four.variance(), 0.6875 * std::log(2.0) * std::log(2.0));
  const MarkovSource two(1, 100, 50, 2);
  EXPECT_DOUBLE_EQ(two.entropy(), std::log(2.0));
  EXPECT_EQ(two.variance(), 0);
}

TEST(MarkovSource, EachBranchPermutesTheSymbolsAndBranchesDiffer) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    for (const std::int64_t symbols : {2, 12, 97, 210}) {
      const int branches = symbols == 2 ? 2 : 5;
      const MarkovSource source(seed, symbols, symbols, branches);
      for (int j = 0; j < branches; ++j) {
        std::set<std::int64_t> reached;
        for (std::int64_t s = 0; s < symbols; ++s) reached.insert(source.successor(s, j));
        EXPECT_EQ(reached.size(), static_cast<std::size_t>(symbols));
      }
      for (std::int64_t s = 0; s < symbols; ++s) {
        std::set<std::int64_t> after;
        for (int j = 0; j < branches; ++j) after.insert(source.successor(s, j));
        EXPECT_EQ(after.size(), static_cast<std::size_t>(branches));
      }
    }
  }
}

TEST(MarkovSource, EverySymbolIsReachedFromEverySymbol) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    for (const std::int64_t symbols : {2, 12, 30, 64, 97}) {
      const MarkovSource source(seed, symbols, symbols, 2);
      std::set<std::int64_t> reached{0};
      for (std::int64_t step = 0; step < symbols; ++step) {
        std::set<std::int64_t> next;
        for (const std::int64_t s : reached) next.insert({source.successor(s, 0), source.successor(s, 1)});
        reached = next;
      }
      // All of them after one and the same number of steps: no period either.
      EXPECT_EQ(reached.size(), static_cast<std::size_t>(symbols)) << symbols << " symbols, seed " << seed;
    }
  }
}

TEST(MarkovSource, TheEmpiricalEntropyRateAndDistributionAgree) {
  constexpr std::int64_t count = 400000;
  const MarkovSource source(11, 1000, 40, 4);
  const std::vector<std::int32_t> tokens = source.tokens(0, count);
  // Estimated from counts of pairs alone, without asking the source.
  std::map<std::int32_t, std::map<std::int32_t, double>> pairs;
  std::map<std::int32_t, double> singles;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    ++pairs[tokens[i]][tokens[i + 1]];
    ++singles[tokens[i]];
  }
  double entropy = 0;
  for (const auto& [from, next] : pairs) {
    EXPECT_EQ(next.size(), 4U);
    for (const auto& [to, times] : next) entropy -= times / count * std::log(times / singles[from]);
  }
  const double error = std::sqrt(source.variance() / count);
  EXPECT_NEAR(entropy, source.entropy(), 5 * error);
  // Stationary and uniform over 40 symbols. Neighbours are dependent, so the margin is wide.
  EXPECT_EQ(singles.size(), 40U);
  for (const auto& [token, times] : singles) EXPECT_NEAR(times / count, 1.0 / 40, 0.003) << token;
  // And with what the source says of itself.
  double surprise = 0;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) surprise += source.surprise(tokens[i], tokens[i + 1]);
  EXPECT_NEAR(surprise / (count - 1), source.entropy(), 4 * error);
}

TEST(MarkovSource, ShardsAreIndependentAndRepeatable) {
  const MarkovSource source(3, 50257, 500, 4);
  EXPECT_EQ(source.tokens(0, 100), MarkovSource(3, 50257, 500, 4).tokens(0, 100));
  EXPECT_NE(source.tokens(0, 100), source.tokens(1, 100));
  EXPECT_NE(source.tokens(0, 100), MarkovSource(4, 50257, 500, 4).tokens(0, 100));
  // A longer shard begins like a shorter one.
  const auto longer = source.tokens(0, 200), shorter = source.tokens(0, 100);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  // Symbols are spread over the vocabulary: the last of 500 is token 499 * 50257 / 500.
  EXPECT_EQ(source.token_of(499), 50156);
}

TEST(MarkovSource, WhatCannotFollowIsInfinitelySurprising) {
  const MarkovSource source(3, 1000, 40, 2);
  const std::int32_t token = source.token_of(7);
  EXPECT_EQ(source.surprise(token, source.token_of(source.successor(7, 0))), std::log(2.0));
  EXPECT_TRUE(std::isinf(source.surprise(token, token + 1)));  // no symbol at all
  EXPECT_TRUE(std::isinf(source.surprise(token + 1, token)));
}

TEST(MarkovSource, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(MarkovSource(1, 10, 11, 2), Error);
  EXPECT_THROW(MarkovSource(1, 10, 3, 4), Error);
  EXPECT_THROW(MarkovSource(1, 10, 3, 1), Error);
}

}  // namespace
}  // namespace assay::training
