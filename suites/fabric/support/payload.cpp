#include "suites/fabric/support/payload.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace assay::bench {

namespace {

constexpr std::size_t word_bytes = sizeof(std::uint64_t);

}  // namespace

void Payload::fill(std::byte* buffer, std::size_t bytes, std::uint64_t iteration) const {
  const std::size_t words = bytes / word_bytes;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint64_t one = word(i);
    std::memcpy(buffer + i * word_bytes, &one, word_bytes);
  }
  const std::uint64_t last = word(words);
  if (bytes > words * word_bytes) std::memcpy(buffer + words * word_bytes, &last, bytes - words * word_bytes);
  stamp(buffer, bytes, iteration);
}

PayloadDifference Payload::compare(const std::byte* buffer, std::size_t bytes,
                                   std::uint64_t iteration) const {
  // Right messages are the rule: whole blocks are compared first, bytes only where a block differs.
  constexpr std::size_t block_words = 256;
  constexpr std::size_t block_bytes = block_words * word_bytes;
  std::array<std::uint64_t, block_words> right;
  PayloadDifference difference;
  for (std::size_t begin = 0; begin < bytes; begin += block_bytes) {
    const std::size_t length = std::min(block_bytes, bytes - begin);
    for (std::size_t i = 0; i * word_bytes < length; ++i) right[i] = word(begin / word_bytes + i);
    if (begin == 0) right[0] ^= stamp_of(iteration);
    if (std::memcmp(buffer + begin, right.data(), length) == 0) continue;
    const auto* expected = reinterpret_cast<const std::byte*>(right.data());
    for (std::size_t i = 0; i < length; ++i) {
      const std::byte found = buffer[begin + i];
      if (found == expected[i]) continue;
      ++difference.wrong;
      if (found == std::byte{poison_byte}) ++difference.poisoned;
      if (difference.first) continue;
      difference.first = begin + i;
      difference.found = std::to_integer<unsigned>(found);
      difference.expected = std::to_integer<unsigned>(expected[i]);
    }
  }
  return difference;
}

std::string describe(const PayloadDifference& difference, int rank, std::int64_t slot, std::size_t bytes) {
  const std::string place = "rank " + std::to_string(rank) + ", message " + std::to_string(slot);
  if (!difference.first) return place + ": right";
  if (difference.poisoned == static_cast<std::int64_t>(bytes)) return place + ": nothing arrived";
  char text[64];
  std::snprintf(text, sizeof text, ", byte %zu: 0x%02x instead of 0x%02x", *difference.first,
                difference.found, difference.expected);
  return place + text;
}

}  // namespace assay::bench
