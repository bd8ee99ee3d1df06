// Files of tokens on disk.
//
// A shard is a header of 64 bytes and then its tokens, all in the byte order of the machine:
//   0  8 bytes  "ASSAYTOK"
//   8  u32      version: 1
//  12  u32      bytes of a token: 2 (u16, vocabularies up to 65536) or 4 (i32)
//  16  u64      vocabulary: every token is below it
//  24  u64      number of tokens
//  32  u64      checksum of the tokens (below)
//  40  u64      seed of the source, for whoever wonders where the file came from
//  48  u64      number of the shard
//  56  u64      checksum of the 56 bytes before
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace assay::training {

/// Sum over i of mixed(G (i + 1) ^ token i) mod 2^64: any changed, moved or missing token changes it.
std::uint64_t checksum_of(std::span<const std::int32_t> tokens);

struct ShardLabel {
  std::uint64_t seed = 0;
  std::uint64_t number = 0;
};

/// Writes (temporary file, fsync, rename), 2 bytes a token where the vocabulary allows it. Throws
/// Error(cannot_run) when the disk refuses, Error(bad_input) for a token outside the vocabulary.
void write_shard(const std::filesystem::path& path, std::span<const std::int32_t> tokens,
                 std::int64_t vocabulary, const ShardLabel& label);

/// One shard, open for reading.
class Shard {
 public:
  /// Reads the header and compares the length of the file with it. Throws Error(bad_input), naming the file
  /// and the numbers, when it is missing, is no shard, is truncated, or has tokens beyond `vocabulary` (the
  /// model's).
  Shard(const std::filesystem::path& path, std::int64_t vocabulary);
  ~Shard();
  Shard(Shard&& other) noexcept;
  Shard& operator=(Shard&&) = delete;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::int64_t tokens() const { return tokens_; }
  std::int64_t vocabulary() const { return vocabulary_; }
  const ShardLabel& label() const { return label_; }
  int bytes_per_token() const { return bytes_per_token_; }

  /// Reads all tokens and compares their checksum and range. Throws Error(bad_input).
  void verify() const;

  /// Tokens [first, first + into.size()). Allocates only when `scratch` is too small.
  /// Throws Error(bad_input) when the file has become shorter or a token is beyond the vocabulary,
  /// Error(cannot_run) when the disk fails.
  void read(std::int64_t first, std::span<std::int32_t> into, std::vector<std::uint16_t>& scratch) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  int bytes_per_token_ = 0;
  std::int64_t vocabulary_ = 0;
  std::int64_t tokens_ = 0;
  std::uint64_t checksum_ = 0;
  ShardLabel label_;
};

}  // namespace assay::training
