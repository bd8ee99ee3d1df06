#include "suites/io/support/pattern.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace assay::bench {
namespace {

std::vector<std::byte> contents(const Pattern& pattern, std::size_t bytes, std::uint64_t file,
                                std::uint64_t offset) {
  std::vector<std::byte> block(bytes);
  pattern.fill(block.data(), bytes, file, offset);
  return block;
}

TEST(Pattern, PiecesAreThoseOfTheWhole) {
  const Pattern pattern(1);
  const auto whole = contents(pattern, 40'000, 7, 0);
  for (const std::size_t offset : {0UL, 1UL, 4095UL, 4096UL, 8190UL, 12'345UL}) {
    for (const std::size_t bytes : {1UL, 7UL, 3901UL, 4096UL, 4097UL, 16'384UL}) {
      const auto piece = contents(pattern, bytes, 7, offset);
      EXPECT_EQ(std::memcmp(piece.data(), whole.data() + offset, bytes), 0) << offset << " " << bytes;
      EXPECT_FALSE(pattern.compare(piece.data(), bytes, 7, offset));
    }
  }
}

TEST(Pattern, NoTwoPagesAreAlike) {
  std::set<std::string> pages;
  int count = 0;
  for (const std::uint64_t run : {0, 1, 2}) {
    const Pattern pattern(run);
    for (std::uint64_t file = 0; file < 40; ++file) {
      for (std::uint64_t page = 0; page < 40; ++page, ++count) {
        const auto block = contents(pattern, 64, file, page * Pattern::page_bytes);
        pages.emplace(reinterpret_cast<const char*>(block.data()), block.size());
      }
    }
  }
  EXPECT_EQ(pages.size(), static_cast<std::size_t>(count));
}

TEST(Pattern, BytesAreSpreadEvenly) {
  std::array<int, 256> count{};
  for (const std::byte byte : contents(Pattern(3), 1 << 20, 0, 0)) ++count[static_cast<std::size_t>(byte)];
  // 4096 of each are expected; pages share their random numbers, so the spread is that of 4096 draws.
  for (const int one : count) {
    EXPECT_GT(one, 3000);
    EXPECT_LT(one, 5200);
  }
}

TEST(Pattern, EveryWrongByteIsSeen) {
  const Pattern pattern(4);
  auto block = contents(pattern, 12'000, 2, 4096);
  for (const std::size_t at : {0UL, 1UL, 4095UL, 4096UL, 8191UL, 11'999UL}) {
    block[at] ^= std::byte{1};
    const auto wrong = pattern.compare(block.data(), block.size(), 2, 4096);
    ASSERT_TRUE(wrong) << at;
    EXPECT_EQ(wrong->offset, 4096 + at);
    EXPECT_EQ(wrong->wrong, 1u);
    EXPECT_EQ(wrong->expected ^ wrong->found, 1);
    block[at] ^= std::byte{1};
  }
  // Another file, another place, another run, zeros: nearly all bytes are wrong.
  EXPECT_GT(pattern.compare(block.data(), block.size(), 3, 4096)->wrong, 10'000u);
  EXPECT_GT(pattern.compare(block.data(), block.size(), 2, 8192)->wrong, 10'000u);
  EXPECT_GT(Pattern(5).compare(block.data(), block.size(), 2, 4096)->wrong, 10'000u);
  std::memset(block.data(), 0, block.size());
  EXPECT_GT(pattern.compare(block.data(), block.size(), 2, 4096)->wrong, 10'000u);
}

TEST(Comparison, KeepsTheFirst) {
  Comparison all;
  all.add(100, std::nullopt, "a");
  EXPECT_EQ(all.wrong, 0u);
  all.add(100, WrongByte{4097, 0x2e, 0x1f, 3}, "rank-3");
  all.add(100, WrongByte{1, 0, 1, 1}, "b");
  EXPECT_EQ(all.bytes, 300u);
  EXPECT_EQ(all.wrong, 4u);
  EXPECT_EQ(all.first, "file rank-3, byte 4097: 0x1f instead of 0x2e");
}

}  // namespace
}  // namespace assay::bench
