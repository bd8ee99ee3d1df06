// What the messages of fabric/links hold, and how a received one is compared with what was sent.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::bench {

/// A fixed scrambling of 64 bits: no two inputs give the same output.
inline std::uint64_t link_mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  x = (x ^ (x >> 29)) * 0xd6e8feb86659fd93u;
  return x ^ (x >> 32);
}

/// Contents that depend on who sends to whom in which exchange and on the place in the message. Its first and
/// last eight bytes tell the message's number besides, so that a message which did not come is seen even
/// though the one before it looks the same everywhere else.
class LinkPayload {
 public:
  LinkPayload(std::uint64_t seed, int sender, int receiver, std::int64_t exchange);

  void fill(std::byte* bytes, std::size_t count) const;
  /// Marks the next message to be sent; cheap, since it stands in the timed part.
  void stamp(std::byte* bytes, std::size_t count, std::int64_t message) const;
  /// Bytes that differ from a filled and stamped message.
  std::size_t wrong_bytes(const std::byte* bytes, std::size_t count, std::int64_t message) const;

 private:
  std::uint64_t word(std::size_t index) const { return base_ + index * 0x2545f4914f6cdd1du; }
  std::uint64_t stamp_word(std::int64_t message) const;

  std::uint64_t base_;
};

}  // namespace assay::bench
