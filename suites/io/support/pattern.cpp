#include "suites/io/support/pattern.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace assay::bench {

std::uint64_t mix_bits(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

Pattern::Pattern(std::uint64_t run) : run_(mix_bits(run)) {
  for (std::size_t i = 0; i < random_.size(); ++i) random_[i] = mix_bits(run_ + i);
}

std::uint64_t Pattern::key(std::uint64_t file, std::uint64_t page) const {
  return mix_bits(mix_bits(run_ ^ (file * 0x9E3779B97F4A7C15U)) + page);
}

void Pattern::fill(std::byte* block, std::size_t bytes, std::uint64_t file, std::uint64_t offset) const {
  while (bytes > 0) {
    const std::uint64_t key_of_page = key(file, offset / page_bytes);
    const std::size_t begin = offset % page_bytes;
    const std::size_t part = std::min(bytes, page_bytes - begin);
    if (part == page_bytes) {
      // The random page stays in the first-level cache: this costs one store to memory.
      for (std::size_t i = 0; i < random_.size(); ++i) {
        const std::uint64_t word = random_[i] ^ key_of_page;
        std::memcpy(block + 8 * i, &word, 8);
      }
    } else {
      std::array<std::uint64_t, page_bytes / 8> page;
      for (std::size_t i = 0; i < page.size(); ++i) page[i] = random_[i] ^ key_of_page;
      std::memcpy(block, reinterpret_cast<const std::byte*>(page.data()) + begin, part);
    }
    block += part;
    offset += part;
    bytes -= part;
  }
}

std::optional<WrongByte> Pattern::compare(const std::byte* block, std::size_t bytes, std::uint64_t file,
                                          std::uint64_t offset) const {
  const std::byte* at = block;
  std::size_t rest = bytes;
  std::uint64_t place = offset;
  while (rest > 0) {
    const std::size_t begin = place % page_bytes;
    const std::size_t part = std::min(rest, page_bytes - begin);
    bool right = true;
    if (part == page_bytes) {
      const std::uint64_t key_of_page = key(file, place / page_bytes);
      std::uint64_t difference = 0;
      for (std::size_t i = 0; i < random_.size(); ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, at + 8 * i, 8);
        difference |= word ^ random_[i] ^ key_of_page;
      }
      right = difference == 0;
    } else {
      std::array<std::byte, page_bytes> expected;
      fill(expected.data(), part, file, place);
      right = std::memcmp(at, expected.data(), part) == 0;
    }
    if (!right) return locate(block, bytes, file, offset);
    at += part;
    place += part;
    rest -= part;
  }
  return std::nullopt;
}

WrongByte Pattern::locate(const std::byte* block, std::size_t bytes, std::uint64_t file,
                          std::uint64_t offset) const {
  WrongByte answer;
  std::array<std::byte, page_bytes> expected;
  for (std::size_t begin = 0; begin < bytes; begin += page_bytes) {
    const std::size_t part = std::min(page_bytes, bytes - begin);
    fill(expected.data(), part, file, offset + begin);
    for (std::size_t i = 0; i < part; ++i) {
      if (block[begin + i] == expected[i]) continue;
      if (answer.wrong++ == 0) {
        answer.offset = offset + begin + i;
        answer.expected = static_cast<std::uint8_t>(expected[i]);
        answer.found = static_cast<std::uint8_t>(block[begin + i]);
      }
    }
  }
  return answer;
}

void Comparison::add(std::size_t block_bytes, const std::optional<WrongByte>& found,
                     const std::string& file) {
  bytes += block_bytes;
  if (!found) return;
  wrong += found->wrong;
  if (!first.empty()) return;
  char text[96];
  std::snprintf(text, sizeof text, ", byte %llu: 0x%02x instead of 0x%02x",
                static_cast<unsigned long long>(found->offset), found->found, found->expected);
  first = "file " + file + text;
}

}  // namespace assay::bench
