// Memory that one core writes with patterns and reads back: each word depends on its own address, and each
// visit inverts it or gives it new contents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "suites/node/burn/compute.h"

namespace assay::bench::burn {

inline constexpr std::size_t block_words = 4096;  ///< what is visited at a time: 32 KiB
inline constexpr std::size_t block_bytes = block_words * sizeof(std::uint64_t);

/// What word number `index` of a rank's memory holds after its block was written `generation` + 1 times: odd
/// generations are the bits of the one before inverted, and each pair of generations has its own numbers.
/// Words of one generation all differ, so a wrong address shows.
std::uint64_t pattern_word(std::uint64_t index, std::uint64_t generation);

/// One core's part. It visits its blocks in turn, again and again: what it finds was written a whole round
/// ago.
class PatternMemory {
 public:
  /// `words`: `blocks` blocks, aligned to 64 bytes; the first is number `first_word` of the rank's memory.
  PatternMemory(std::uint64_t* words, std::size_t blocks, std::uint64_t first_word, VectorWidth width);

  /// Writes generation 0 everywhere; the first touch.
  void fill();
  /// Compares the next `count` blocks with what they must hold, and writes their next generation.
  void visit(std::size_t count);
  /// Compares all blocks, without writing.
  void compare_all();

  std::uint64_t verified() const { return verified_; }  ///< words compared
  std::uint64_t wrong() const { return wrong_; }        ///< of them
  const std::optional<WrongResult>& first() const { return first_; }
  std::size_t blocks() const { return blocks_; }

 private:
  std::uint64_t generation_of(std::size_t block) const { return rounds_ + (block < next_ ? 1 : 0); }
  void find_wrong(std::size_t block, std::uint64_t generation);

  std::uint64_t* words_;
  std::size_t blocks_;
  std::uint64_t first_word_;
  VectorWidth width_;
  std::size_t next_ = 0;      ///< block to be visited
  std::uint64_t rounds_ = 0;  ///< whole rounds done
  std::uint64_t verified_ = 0;
  std::uint64_t wrong_ = 0;
  std::optional<WrongResult> first_;
};

}  // namespace assay::bench::burn
