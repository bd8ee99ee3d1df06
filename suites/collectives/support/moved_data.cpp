#include "suites/collectives/support/moved_data.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "suites/collectives/support/arithmetic.h"
#include "suites/collectives/support/mixing.h"

namespace assay::bench {

namespace {

/// Elements are made in pieces of this many, which stay in the first-level cache.
constexpr std::size_t piece = 1024;

std::uint64_t key_of(std::uint64_t seed, BlockOf of) {
  std::uint64_t key = mixed(seed + 1);
  for (const int part : {of.source, of.destination, of.slot})
    key = mixed(key ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(part) + 1));
  return key;
}

/// Elements first, first + 1, ... of a block. Arithmetic of 32 bits, so that it runs in vector registers.
void make(std::array<float, piece>& elements, std::uint64_t key, std::size_t first, std::size_t count) {
  const auto low = static_cast<std::uint32_t>(key);
  const auto high = static_cast<std::uint32_t>(key >> 32);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = (static_cast<std::uint32_t>(first + i) ^ low) * 0x9e3779b1U;
    bits ^= bits >> 15;
    bits = (bits + high) * 0x85ebca6bU;
    bits ^= bits >> 13;
    elements[i] = static_cast<float>(static_cast<std::int32_t>((bits >> 9) + 1));
  }
}

}  // namespace

void MovedData::fill(std::byte* block, std::size_t count, BlockOf of) const {
  const std::uint64_t key = key_of(seed_, of);
  std::array<float, piece> elements{};
  for (std::size_t done = 0; done < count; done += piece) {
    const std::size_t part = std::min(piece, count - done);
    make(elements, key, done, part);
    std::memcpy(block + done * sizeof(float), elements.data(), part * sizeof(float));
  }
}

Differences MovedData::compare(const std::byte* block, std::size_t count, BlockOf of) const {
  Differences differences;
  const std::uint64_t key = key_of(seed_, of);
  std::array<float, piece> elements{};
  for (std::size_t done = 0; done < count; done += piece) {
    const std::size_t part = std::min(piece, count - done);
    make(elements, key, done, part);
    const std::byte* found = block + done * sizeof(float);
    if (std::memcmp(found, elements.data(), part * sizeof(float)) == 0) continue;
    for (std::size_t i = 0; i < part; ++i) {
      float is = 0;
      std::memcpy(&is, found + i * sizeof(float), sizeof is);
      differences.add(done + i, is, elements[i]);
    }
  }
  return differences;
}

std::int64_t MovedData::smallest_error_units() {
  return static_cast<std::int64_t>(1 / unit_of(Element::f32));
}

}  // namespace assay::bench
