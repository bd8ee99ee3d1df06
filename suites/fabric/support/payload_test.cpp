#include "suites/fabric/support/payload.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

namespace assay::bench {
namespace {

using Bytes = std::vector<std::byte>;

Bytes filled(std::uint64_t seed, int sender, std::int64_t slot, std::size_t bytes,
             std::uint64_t iteration = 0) {
  Bytes buffer(bytes + 1, std::byte{0xee});  // one more, to see that it stays
  Payload(seed, sender, slot).fill(buffer.data(), bytes, iteration);
  EXPECT_EQ(buffer.back(), std::byte{0xee});
  buffer.pop_back();
  return buffer;
}

constexpr std::size_t sizes[] = {1, 7, 8, 9, 63, 2048, 2049, 5000};

TEST(Payload, IsRightWhereItWasFilled) {
  for (const std::size_t bytes : sizes) {
    const Bytes buffer = filled(1, 2, 3, bytes, 4);
    const auto difference = Payload(1, 2, 3).compare(buffer.data(), bytes, 4);
    EXPECT_EQ(difference.wrong, 0) << bytes;
    EXPECT_FALSE(difference.first);
    for (const std::byte one : buffer) EXPECT_LT(std::to_integer<unsigned>(one), 0x80u);
  }
  EXPECT_EQ(Payload(1, 2, 3).compare(nullptr, 0).wrong, 0);
}

TEST(Payload, DependsOnSeedSenderSlotIterationAndOffset) {
  std::set<Bytes> all;
  for (const std::uint64_t seed : {1u, 2u}) {
    for (const int sender : {0, 1, 2}) {
      for (const std::int64_t slot : {0, 1, 2}) {
        for (const std::uint64_t iteration : {0u, 1u, 2u})
          all.insert(filled(seed, sender, slot, 8, iteration));
      }
    }
  }
  EXPECT_EQ(all.size(), 54u);
  // Another sender or slot differs beyond the stamp as well, and a message shifted by a word is another one.
  const Bytes one = filled(1, 0, 0, 4096);
  const Bytes other = filled(1, 1, 0, 4096);
  std::size_t same = 0;
  std::size_t same_shifted = 0;
  for (std::size_t i = 8; i + 8 < one.size(); ++i) {
    same += one[i] == other[i] ? 1 : 0;
    same_shifted += one[i] == one[i + 8] ? 1 : 0;
  }
  EXPECT_LT(same, one.size() / 32);  // a byte of 128 values is the same by chance 1 time in 128
  EXPECT_LT(same_shifted, one.size() / 32);
}

TEST(Payload, StampingAgainIsFillingAgain) {
  for (const std::size_t bytes : sizes) {
    Bytes buffer = filled(1, 2, 3, bytes, 4);
    Payload(1, 2, 3).stamp(buffer.data(), bytes, 5);
    EXPECT_EQ(buffer, filled(1, 2, 3, bytes, 5)) << bytes;
  }
}

TEST(Payload, ABeginningIsOfOneMessageAndOneIteration) {
  for (const std::size_t bytes : sizes) {
    const Bytes buffer = filled(1, 2, 3, bytes, 4);
    EXPECT_TRUE(Payload(1, 2, 3).begins_right(buffer.data(), bytes, 4));
    if (bytes < 8) continue;  // a byte has only 128 values
    EXPECT_FALSE(Payload(1, 2, 3).begins_right(buffer.data(), bytes, 5));
    EXPECT_FALSE(Payload(1, 1, 3).begins_right(buffer.data(), bytes, 4));
  }
}

TEST(Payload, ConsecutiveIterationsAreDifferentEvenInOneByte) {
  int same = 0;
  for (std::uint64_t iteration = 0; iteration < 100; ++iteration)
    same += filled(1, 0, 0, 1, iteration) == filled(1, 0, 0, 1, iteration + 1) ? 1 : 0;
  EXPECT_LE(same, 5);
}

TEST(Payload, EveryWrongByteIsFound) {
  const Payload payload(1, 2, 3);
  for (const std::size_t bytes : sizes) {
    for (std::size_t at = 0; at < bytes; at += 1 + bytes / 97) {
      Bytes buffer = filled(1, 2, 3, bytes);
      buffer[at] ^= std::byte{1};
      const auto difference = payload.compare(buffer.data(), bytes);
      EXPECT_EQ(difference.wrong, 1) << bytes << " " << at;
      EXPECT_EQ(difference.first, at);
      EXPECT_EQ(difference.found ^ difference.expected, 1u);
      EXPECT_EQ(difference.poisoned, 0);
    }
  }
}

TEST(Payload, AStaleMessageIsWrongInItsStampOnly) {
  const Bytes buffer = filled(1, 2, 3, 4096, 7);
  const auto difference = Payload(1, 2, 3).compare(buffer.data(), 4096, 8);
  EXPECT_GT(difference.wrong, 0);
  EXPECT_LE(difference.wrong, 8);
}

TEST(Payload, PoisonIsNoMessageAndNotANumber) {
  Bytes buffer(64);
  Payload::poison(buffer.data(), buffer.size());
  const auto difference = Payload(1, 2, 3).compare(buffer.data(), buffer.size());
  EXPECT_EQ(difference.wrong, 64);
  EXPECT_EQ(difference.poisoned, 64);
  EXPECT_EQ(describe(difference, 5, 6, 64), "rank 5, message 6: nothing arrived");
  double number = 0;
  std::memcpy(&number, buffer.data(), sizeof number);
  EXPECT_TRUE(number != number);
}

TEST(Payload, DifferencesSayWhere) {
  PayloadDifference difference;
  EXPECT_EQ(describe(difference, 1, 2, 16), "rank 1, message 2: right");
  difference = {1, 1, 8, 0xff, 0x2a};
  EXPECT_EQ(describe(difference, 1, 2, 16), "rank 1, message 2, byte 8: 0xff instead of 0x2a");
}

}  // namespace
}  // namespace assay::bench
