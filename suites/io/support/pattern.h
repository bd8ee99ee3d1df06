// What storage benchmarks write: bytes that no compression shrinks, other ones in every 4 KiB page of every
// file of every run, so that a block that is stale, misplaced or never written is always seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace assay::bench {

/// A bijection of 64-bit numbers that spreads every bit (Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", 2014: the finaliser of SplitMix64).
std::uint64_t mix_bits(std::uint64_t value);

/// The first wrong byte of a block.
struct WrongByte {
  std::uint64_t offset = 0;  ///< in the file
  std::uint8_t expected = 0;
  std::uint8_t found = 0;
  std::uint64_t wrong = 0;  ///< bytes of the block that are wrong
};

class Pattern {
 public:
  static constexpr std::size_t page_bytes = 4096;

  /// `run` tells this run from every other one: mix a random number in, not a seed alone.
  explicit Pattern(std::uint64_t run);

  /// The bytes [offset, offset + bytes) of file number `file`. Byte b of page p = offset / 4096 is byte b of
  /// the run's random page, XORed with byte b % 8 of a hash of (run, file, p).
  void fill(std::byte* block, std::size_t bytes, std::uint64_t file, std::uint64_t offset) const;
  /// Absent: all bytes are right.
  std::optional<WrongByte> compare(const std::byte* block, std::size_t bytes, std::uint64_t file,
                                   std::uint64_t offset) const;

 private:
  std::uint64_t key(std::uint64_t file, std::uint64_t page) const;
  WrongByte locate(const std::byte* block, std::size_t bytes, std::uint64_t file, std::uint64_t offset) const;

  std::uint64_t run_;
  alignas(64) std::array<std::uint64_t, page_bytes / 8> random_{};
};

/// What was compared, over all blocks of a rank.
struct Comparison {
  std::uint64_t bytes = 0;
  std::uint64_t wrong = 0;
  std::string first;  ///< "file rank-3, byte 4097: 0x1f instead of 0x2e"; empty: none

  void add(std::size_t block_bytes, const std::optional<WrongByte>& found, const std::string& file);
};

}  // namespace assay::bench
