// What messages hold, so that a wrong, late, swapped or lost one is told from the right one: every byte
// depends on the seed, the sender, the message's number and the offset, and the first eight also on how often
// that message was sent. Bytes are below 0x80, those of the poison are 0xff (NaN as f32 and f64): what was
// never written cannot be taken for a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace assay::bench {

/// Mixes 64 bits so that each bit of the input changes half of the output (two multiplicative xor-shifts).
constexpr std::uint64_t scrambled(std::uint64_t bits) {
  bits ^= bits >> 32;
  bits *= 0xd6e8feb86659fd93ULL;
  bits ^= bits >> 32;
  bits *= 0xd6e8feb86659fd93ULL;
  return bits ^ (bits >> 32);
}

/// What is wrong with a received message.
struct PayloadDifference {
  std::int64_t wrong = 0;     ///< bytes
  std::int64_t poisoned = 0;  ///< of them, those that still hold the poison
  std::optional<std::size_t> first;
  unsigned found = 0;  ///< the byte at `first`
  unsigned expected = 0;
};

/// One message of one sender. `slot` numbers the messages of the sender; the pattern of any other sender or
/// slot is another one.
class Payload {
 public:
  Payload(std::uint64_t seed, int sender, std::int64_t slot)
      : base_(scrambled(scrambled(scrambled(seed) + static_cast<std::uint64_t>(sender)) +
                        static_cast<std::uint64_t>(slot))) {}

  /// Writes the whole message; about as fast as memory takes it.
  void fill(std::byte* buffer, std::size_t bytes, std::uint64_t iteration = 0) const;

  /// Rewrites what depends on `iteration` in a message that was filled before: the first eight bytes. Cheap
  /// enough to be done before each sending within a timed part.
  void stamp(std::byte* buffer, std::size_t bytes, std::uint64_t iteration) const {
    const std::uint64_t first = word(0) ^ stamp_of(iteration);
    if (bytes >= sizeof first) {
      std::memcpy(buffer, &first, sizeof first);
    } else if (bytes > 0) {
      std::memcpy(buffer, &first, bytes);
    }
  }

  /// Whether the first eight bytes are right: cheap enough to be looked at in each message of a timed part.
  bool begins_right(const std::byte* buffer, std::size_t bytes, std::uint64_t iteration) const {
    const std::uint64_t first = word(0) ^ stamp_of(iteration);
    return std::memcmp(buffer, &first, bytes < sizeof first ? bytes : sizeof first) == 0;
  }

  /// Compares every byte.
  PayloadDifference compare(const std::byte* buffer, std::size_t bytes, std::uint64_t iteration = 0) const;

  static constexpr unsigned poison_byte = 0xff;
  static void poison(std::byte* buffer, std::size_t bytes) {
    if (bytes > 0) std::memset(buffer, static_cast<int>(poison_byte), bytes);
  }

 private:
  static constexpr std::uint64_t low_bits = 0x7f7f7f7f7f7f7f7fULL;  ///< no byte looks like the poison

  std::uint64_t word(std::uint64_t index) const {
    // One multiplication, so that compilers make vector code of the loops.
    const std::uint64_t mixed = (base_ + index) * 0x9e3779b97f4a7c15ULL;
    return (mixed ^ (mixed >> 29)) & low_bits;
  }
  static std::uint64_t stamp_of(std::uint64_t iteration) {
    const std::uint64_t mixed = iteration * 0x9e3779b97f4a7c15ULL;
    return (mixed ^ (mixed >> 32)) & low_bits;
  }

  std::uint64_t base_;
};

/// "rank 1, message 3, byte 8: 0xff instead of 0x2a"; "... nothing arrived" when all `bytes` are poison.
std::string describe(const PayloadDifference& difference, int rank, std::int64_t slot, std::size_t bytes);

}  // namespace assay::bench
