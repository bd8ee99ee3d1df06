#include "suites/fabric/links/payload.h"

#include <algorithm>
#include <cstring>

namespace assay::bench {

namespace {
constexpr std::size_t word_bytes = sizeof(std::uint64_t);
}

LinkPayload::LinkPayload(std::uint64_t seed, int sender, int receiver, std::int64_t exchange)
    : base_(link_mix(link_mix(link_mix(link_mix(seed) + static_cast<std::uint64_t>(sender)) +
                              static_cast<std::uint64_t>(receiver)) +
                     static_cast<std::uint64_t>(exchange))) {}

std::uint64_t LinkPayload::stamp_word(std::int64_t message) const {
  return link_mix(base_ ^ static_cast<std::uint64_t>(message));
}

void LinkPayload::fill(std::byte* bytes, std::size_t count) const {
  for (std::size_t at = 0; at < count; at += word_bytes) {
    const std::uint64_t value = word(at / word_bytes);
    std::memcpy(bytes + at, &value, std::min(word_bytes, count - at));
  }
}

void LinkPayload::stamp(std::byte* bytes, std::size_t count, std::int64_t message) const {
  const std::uint64_t value = stamp_word(message);
  const std::size_t part = std::min(word_bytes, count);
  std::memcpy(bytes, &value, part);
  std::memcpy(bytes + count - part, &value, part);
}

std::size_t LinkPayload::wrong_bytes(const std::byte* bytes, std::size_t count, std::int64_t message) const {
  std::size_t wrong = 0;
  const auto compare = [&](std::size_t at, std::uint64_t value, std::size_t part) {
    std::byte expected[word_bytes];
    std::memcpy(expected, &value, word_bytes);
    for (std::size_t i = 0; i < part; ++i) wrong += bytes[at + i] != expected[i];
  };
  const std::size_t stamped = std::min(word_bytes, count);
  const std::size_t tail = count - stamped;  // where the last stamp begins; it was written after the first
  for (std::size_t at = stamped; at < tail;) {
    // Whole words where they are whole, single bytes at the seams with the stamps.
    const std::uint64_t expected = word(at / word_bytes);
    const std::size_t part = std::min({word_bytes - at % word_bytes, tail - at});
    std::uint64_t found = 0;
    if (part == word_bytes) std::memcpy(&found, bytes + at, word_bytes);
    if (part < word_bytes || found != expected) compare(at, expected >> (8 * (at % word_bytes)), part);
    at += part;
  }
  const std::uint64_t value = stamp_word(message);
  compare(tail, value, stamped);
  // Below two stamps' length the last one overwrites the end of the first.
  compare(0, value, std::min(stamped, tail));
  return wrong;
}

}  // namespace assay::bench
