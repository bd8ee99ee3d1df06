#include "suites/node/burn/patterns.h"

namespace assay::bench::burn {

namespace {

constexpr std::uint64_t stride = 0x9e3779b97f4a7c15u;  // odd: multiples of it modulo 2^64 are all different
constexpr std::uint64_t salt = 0xd1342543de82ef95u;
constexpr std::size_t lanes = 8;
using Words = std::uint64_t __attribute__((vector_size(lanes * sizeof(std::uint64_t)), may_alias));

/// Number of the first word of a sequence, and what its bits are combined with.
std::uint64_t number_of(std::uint64_t index, std::uint64_t generation) {
  return index * stride + generation / 2 * salt;
}
std::uint64_t inversion_of(std::uint64_t generation) {
  return generation % 2 == 1 ? ~std::uint64_t{0} : 0;
}

// One block read and compared (the bits that differ anywhere in it), and one block written, a vector at a
// time. Macros, because vectors are cut down to what the processor has before functions are inlined into each
// other.
#define ASSAY_COMPARE_BLOCK(name, isa)                                                                    \
  isa std::uint64_t name(const std::uint64_t* words, std::uint64_t index, std::uint64_t generation) {     \
    const auto* const block = reinterpret_cast<const Words*>(words);                                      \
    const std::uint64_t inverted = inversion_of(generation);                                              \
    Words numbers = {}, differences = {};                                                                 \
    for (std::size_t lane = 0; lane < lanes; ++lane) numbers[lane] = number_of(index + lane, generation); \
    for (std::size_t i = 0; i < block_words / lanes; ++i) {                                               \
      differences |= block[i] ^ numbers ^ inverted;                                                       \
      numbers += lanes * stride;                                                                          \
    }                                                                                                     \
    std::uint64_t bits = 0;                                                                               \
    for (std::size_t lane = 0; lane < lanes; ++lane) bits |= differences[lane];                           \
    return bits;                                                                                          \
  }

#define ASSAY_WRITE_BLOCK(name, isa)                                                                      \
  isa void name(std::uint64_t* words, std::uint64_t index, std::uint64_t generation) {                    \
    auto* const block = reinterpret_cast<Words*>(words);                                                  \
    const std::uint64_t inverted = inversion_of(generation);                                              \
    Words numbers = {};                                                                                   \
    for (std::size_t lane = 0; lane < lanes; ++lane) numbers[lane] = number_of(index + lane, generation); \
    for (std::size_t i = 0; i < block_words / lanes; ++i) {                                               \
      block[i] = numbers ^ inverted;                                                                      \
      numbers += lanes * stride;                                                                          \
    }                                                                                                     \
  }

#define ASSAY_BASELINE
ASSAY_COMPARE_BLOCK(compare_generic, ASSAY_BASELINE)
ASSAY_WRITE_BLOCK(write_generic, ASSAY_BASELINE)
#if defined(__x86_64__)
ASSAY_COMPARE_BLOCK(compare_avx2, __attribute__((target("avx2"))))
ASSAY_WRITE_BLOCK(write_avx2, __attribute__((target("avx2"))))
ASSAY_COMPARE_BLOCK(compare_avx512, __attribute__((target("avx512f"))))
ASSAY_WRITE_BLOCK(write_avx512, __attribute__((target("avx512f"))))
#endif

struct BlockKernels {
  std::uint64_t (*compare)(const std::uint64_t*, std::uint64_t, std::uint64_t) = compare_generic;
  void (*write)(std::uint64_t*, std::uint64_t, std::uint64_t) = write_generic;
};

BlockKernels block_kernels(VectorWidth width) {
#if defined(__x86_64__)
  if (width == VectorWidth::avx512) return {compare_avx512, write_avx512};
  if (width == VectorWidth::avx2) return {compare_avx2, write_avx2};
#endif
  static_cast<void>(width);
  return {};
}

}  // namespace

std::uint64_t pattern_word(std::uint64_t index, std::uint64_t generation) {
  return number_of(index, generation) ^ inversion_of(generation);
}

PatternMemory::PatternMemory(std::uint64_t* words, std::size_t blocks, std::uint64_t first_word,
                             VectorWidth width)
    : words_(words), blocks_(blocks), first_word_(first_word), width_(width) {}

void PatternMemory::fill() {
  const BlockKernels kernels = block_kernels(width_);
  for (std::size_t block = 0; block < blocks_; ++block)
    kernels.write(words_ + block * block_words, first_word_ + block * block_words, 0);
}

void PatternMemory::visit(std::size_t count) {
  if (blocks_ == 0) return;
  const BlockKernels kernels = block_kernels(width_);
  for (; count > 0; --count) {
    std::uint64_t* const block = words_ + next_ * block_words;
    const std::uint64_t index = first_word_ + next_ * block_words;
    // Where it is wrong is looked for before it is written over.
    if (kernels.compare(block, index, rounds_) != 0) find_wrong(next_, rounds_);
    verified_ += block_words;
    kernels.write(block, index, rounds_ + 1);
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
