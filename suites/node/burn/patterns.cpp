#include "suites/node/burn/patterns.h"

#include <array>

namespace assay::bench::burn {

namespace {

constexpr std::uint64_t stride = 0x9e3779b97f4a7c15u;  // odd: multiples of it modulo 2^64 are all different
constexpr std::uint64_t salt = 0xd1342543de82ef95u;
constexpr std::size_t lanes = 8;
using Words = std::uint64_t __attribute__((vector_size(lanes * sizeof(std::uint64_t)), may_alias));

/// The words of one generation in order, a vector at a time.
struct Sequence {
  Words numbers;
  std::uint64_t inverted;  ///< all ones or zero

  Sequence(std::uint64_t index, std::uint64_t generation)
      : inverted(generation % 2 == 1 ? ~std::uint64_t{0} : 0) {
    for (std::size_t lane = 0; lane < lanes; ++lane)
      numbers[lane] = (index + lane) * stride + generation / 2 * salt;
  }
};

}  // namespace

std::uint64_t pattern_word(std::uint64_t index, std::uint64_t generation) {
  const std::uint64_t number = index * stride + generation / 2 * salt;
  return generation % 2 == 1 ? ~number : number;
}

PatternMemory::PatternMemory(std::uint64_t* words, std::size_t blocks, std::uint64_t first_word)
    : words_(words), blocks_(blocks), first_word_(first_word) {}

void PatternMemory::fill() {
  for (std::size_t i = 0; i < blocks_ * block_words; ++i) words_[i] = pattern_word(first_word_ + i, 0);
}

void PatternMemory::visit(std::size_t count) {
  if (blocks_ == 0) return;
  for (; count > 0; --count) {
    const std::uint64_t generation = rounds_;
    auto* const block = reinterpret_cast<Words*>(words_ + next_ * block_words);
    const std::uint64_t index = first_word_ + next_ * block_words;
    Sequence before(index, generation), after(index, generation + 1);
    const Words step = Words{} + lanes * stride;
    Words difference = {};
    for (std::size_t i = 0; i < block_words / lanes; ++i) {
      difference |= block[i] ^ before.numbers ^ before.inverted;
      before.numbers += step;
    }
    verified_ += block_words;
    std::uint64_t bits = 0;
    for (std::size_t lane = 0; lane < lanes; ++lane) bits |= difference[lane];
    if (bits != 0) find_wrong(next_, generation);  // before it is written over
    for (std::size_t i = 0; i < block_words / lanes; ++i) {
      block[i] = after.numbers ^ after.inverted;
      after.numbers += step;
    }
    if (++next_ == blocks_) {
      next_ = 0;
      ++rounds_;
    }
  }
}

void PatternMemory::compare_all() {
  for (std::size_t block = 0; block < blocks_; ++block) {
    find_wrong(block, generation_of(block));
    verified_ += block_words;
  }
}

void PatternMemory::find_wrong(std::size_t block, std::uint64_t generation) {
  for (std::size_t i = 0; i < block_words; ++i) {
    const std::size_t word = block * block_words + i;
    const std::uint64_t right = pattern_word(first_word_ + word, generation);
    if (words_[word] == right) continue;
    ++wrong_;
    if (!first_) first_ = WrongResult{"memory", word * sizeof(std::uint64_t), words_[word], right};
  }
}

}  // namespace assay::bench::burn
