#include "suites/training/support/markov_source.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>

#include "reports/base/error.h"

namespace assay::training {

namespace {

/// -log2 of the probability of a branch: 1, 2, ..., k - 1, k - 1.
int bits_of(int branch, std::size_t branches) {
  return std::min(branch + 1, static_cast<int>(branches) - 1);
}

}  // namespace

MarkovSource::MarkovSource(std::uint64_t seed, std::int64_t vocabulary, std::int64_t symbols, int branches)
    : seed_(seed), vocabulary_(vocabulary), symbols_(symbols) {
  if (vocabulary > std::numeric_limits<std::int32_t>::max() || symbols > vocabulary) {
    throw bad_input("a source of " + std::to_string(symbols) + " symbols does not fit a vocabulary of " +
                        std::to_string(vocabulary),
                    "give at most as many symbols as the vocabulary has");
  }
  if (branches < 2 || branches > 32 || branches > symbols) {
    throw bad_input("a source of " + std::to_string(symbols) + " symbols cannot have " +
                        std::to_string(branches) + " successors of each",
                    "give 2 to " + std::to_string(std::min<std::int64_t>(symbols, 32)));
  }
  const RandomBits bits(seed, Stream::source, 0);
  std::uint64_t draw = 0;
  const auto below = [&](std::int64_t limit) {
    return static_cast<std::int64_t>(bits(draw++) % static_cast<std::uint64_t>(limit));
  };
  do factor_ = below(symbols);
  while (std::gcd(factor_, symbols) != 1);
  offsets_.push_back(below(symbols));
  std::int64_t step = 0;
  do step = below(symbols);
  while (std::gcd(step, symbols) != 1);
  offsets_.push_back((offsets_[0] + step) % symbols);
  while (offsets_.size() < static_cast<std::size_t>(branches)) {
    const std::int64_t offset = below(symbols);
    if (std::find(offsets_.begin(), offsets_.end(), offset) == offsets_.end()) offsets_.push_back(offset);
  }
}

double MarkovSource::entropy() const {
  // sum over j < k - 1 of j+1 bits at 2^-(j+1), and k - 1 bits at 2^-(k-1): 2 - 2^(2-k) bits.
  return (2 - std::ldexp(1.0, 2 - static_cast<int>(offsets_.size()))) * std::numbers::ln2;
}

double MarkovSource::variance() const {
  const std::size_t k = offsets_.size();
  double mean = 0, square = 0;
  for (std::size_t j = 0; j < k; ++j) {
    const int bits = bits_of(static_cast<int>(j), k);
    const double probability = std::ldexp(1.0, -bits);
    mean += probability * bits;
    square += probability * bits * bits;
  }
  return (square - mean * mean) * std::numbers::ln2 * std::numbers::ln2;
}

std::int64_t MarkovSource::successor(std::int64_t symbol, int branch) const {
  return (factor_ * symbol + offsets_[static_cast<std::size_t>(branch)]) % symbols_;
}

std::vector<std::int32_t> MarkovSource::tokens(std::uint64_t shard, std::int64_t count) const {
  const RandomBits bits(seed_, Stream::tokens, shard);
  const int last = static_cast<int>(offsets_.size()) - 1;
  std::vector<std::int32_t> all(static_cast<std::size_t>(count));
  // The remainder's bias is below symbols / 2^64.
  std::int64_t symbol = static_cast<std::int64_t>(bits(0) % static_cast<std::uint64_t>(symbols_));
  for (std::int64_t i = 0; i < count; ++i) {
    all[static_cast<std::size_t>(i)] = token_of(symbol);
    // Leading zeros of random bits: j of them with probability 2^-(j+1).
    symbol = successor(symbol, std::min(std::countl_zero(bits(static_cast<std::uint64_t>(i) + 1)), last));
  }
  return all;
}

std::int64_t MarkovSource::symbol_of(std::int32_t token) const {
  // token = floor(m vocabulary / symbols), so m = ceil(token symbols / vocabulary) where there is one.
  const std::int64_t symbol = (token * symbols_ + vocabulary_ - 1) / vocabulary_;
  return symbol < symbols_ && token_of(symbol) == token ? symbol : -1;
}

double MarkovSource::surprise(std::int32_t token, std::int32_t next) const {
  const std::int64_t from = symbol_of(token), to = symbol_of(next);
  for (std::size_t j = 0; from >= 0 && j < offsets_.size(); ++j) {
    if (successor(from, static_cast<int>(j)) == to)
      return bits_of(static_cast<int>(j), offsets_.size()) * std::numbers::ln2;
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace assay::training
