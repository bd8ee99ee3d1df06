#include "suites/training/support/shard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "suites/training/support/generator.h"

namespace assay::training {

namespace {

struct Header {
  std::array<char, 8> magic{'A', 'S', 'S', 'A', 'Y', 'T', 'O', 'K'};
  std::uint32_t version = 1;
  std::uint32_t bytes_per_token = 0;
  std::uint64_t vocabulary = 0;
  std::uint64_t tokens = 0;
  std::uint64_t checksum = 0;
  std::uint64_t seed = 0;
  std::uint64_t number = 0;
  std::uint64_t header_checksum = 0;
};
static_assert(sizeof(Header) == 64);

constexpr std::int64_t short_limit = std::numeric_limits<std::uint16_t>::max() + std::int64_t{1};
constexpr const char* write_again = "write the shards again";

std::uint64_t header_checksum(const Header& header) {
  std::array<std::uint64_t, 7> words{};
  std::memcpy(words.data(), &header, sizeof words);
  std::uint64_t sum = golden;
  for (const std::uint64_t word : words) sum = mixed(sum ^ word);
  return sum;
}

std::string reason() {
  return std::strerror(errno);
}

/// A checksum that goes on over pieces.
std::uint64_t add_checksum(std::uint64_t sum, std::span<const std::int32_t> tokens, std::int64_t first) {
  auto place = golden * static_cast<std::uint64_t>(first + 1);
  for (const std::int32_t token : tokens) {
    sum += mixed(place ^ static_cast<std::uint32_t>(token));
    place += golden;
  }
  return sum;
}

/// Reads exactly `bytes` at `offset`; false when the file ends before.
bool read_exactly(int descriptor, void* into, std::size_t bytes, std::int64_t offset,
                  const std::string& path) {
  auto* at = static_cast<char*>(into);
  while (bytes > 0) {
    const ssize_t got = pread(descriptor, at, bytes, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(ExitStatus::cannot_run, "the shard cannot be read: " + reason(), "check the disk", {path});
    if (got == 0) return false;
    at += got;
    offset += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

std::uint64_t checksum_of(std::span<const std::int32_t> tokens) {
  return add_checksum(0, tokens, 0);
}

void write_shard(const std::filesystem::path& path, std::span<const std::int32_t> tokens,
                 std::int64_t vocabulary, const ShardLabel& label) {
  for (const std::int32_t token : tokens) {
    if (token >= 0 && token < vocabulary) continue;
    throw bad_input(
        "token " + std::to_string(token) + " is outside the vocabulary of " + std::to_string(vocabulary),
        "give the vocabulary that the tokens were made for", {path.string()});
  }
  Header header;
  header.bytes_per_token = vocabulary <= short_limit ? 2 : 4;
  header.vocabulary = static_cast<std::uint64_t>(vocabulary);
  header.tokens = tokens.size();
  header.checksum = checksum_of(tokens);
  header.seed = label.seed;
  header.number = label.number;
  header.header_checksum = header_checksum(header);

  std::string content(sizeof header + tokens.size() * header.bytes_per_token, '\0');
  std::memcpy(content.data(), &header, sizeof header);
  char* at = content.data() + sizeof header;
  if (header.bytes_per_token == 4) {
    if (!tokens.empty()) std::memcpy(at, tokens.data(), tokens.size_bytes());
  } else {
    for (const std::int32_t token : tokens) {
      const auto narrow = static_cast<std::uint16_t>(token);
      std::memcpy(at, &narrow, sizeof narrow);
      at += sizeof narrow;
    }
  }
  write_file(path, content);
}

Shard::Shard(const std::filesystem::path& path, std::int64_t vocabulary) : path_(path.string()) {
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) {
    throw bad_input("the shard cannot be opened: " + reason() + " (there would be nothing to train on)",
                    write_again, {path_});
  }
  // The destructor does not run when a constructor throws.
  try {
    struct stat facts {};
    if (fstat(descriptor_, &facts) != 0) throw bad_input("the shard has no length: " + reason(), {}, {path_});
    Header header;
    const Header expected;
    if (!read_exactly(descriptor_, &header, sizeof header, 0, path_)) {
      throw bad_input("the shard is truncated: it has " + std::to_string(facts.st_size) +
                          " bytes, less than its header of " + std::to_string(sizeof header),
                      write_again, {path_});
    }
    if (header.magic != expected.magic) throw bad_input("this is no shard of tokens", write_again, {path_});
    if (header.header_checksum != header_checksum(header))
      throw bad_input("the header of the shard is damaged: its checksum differs", write_again, {path_});
    if (header.version != expected.version || (header.bytes_per_token != 2 && header.bytes_per_token != 4)) {
      throw bad_input("the shard has version " + std::to_string(header.version) + " with " +
                          std::to_string(header.bytes_per_token) +
                          " bytes a token; this program reads version " + std::to_string(expected.version) +
                          " with 2 or 4",
                      write_again, {path_});
    }
    tokens_ = static_cast<std::int64_t>(header.tokens);
    vocabulary_ = static_cast<std::int64_t>(header.vocabulary);
    bytes_per_token_ = static_cast<int>(header.bytes_per_token);
    checksum_ = header.checksum;
    label_ = {header.seed, header.number};
    const std::int64_t length = static_cast<std::int64_t>(sizeof header) + tokens_ * bytes_per_token_;
    if (facts.st_size != length) {
      throw bad_input("the shard " + std::string(facts.st_size < length ? "is truncated" : "is too long") +
                          ": " + std::to_string(tokens_) + " tokens of " + std::to_string(bytes_per_token_) +
                          " bytes make " + std::to_string(length) + " bytes, and the file has " +
                          std::to_string(facts.st_size),
                      write_again, {path_});
    }
    if (vocabulary_ > vocabulary) {
      throw bad_input(
          "the shard has a vocabulary of " + std::to_string(vocabulary_) + ", and the model only one of " +
              std::to_string(vocabulary) + " (it would have no row for some tokens)",
          "write the shards for the model's vocabulary, or give vocabulary = " + std::to_string(vocabulary_) +
              " or more",
          {path_});
    }
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

Shard::~Shard() {
  if (descriptor_ >= 0) close(descriptor_);
}

Shard::Shard(Shard&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(other.descriptor_),
      bytes_per_token_(other.bytes_per_token_),
      vocabulary_(other.vocabulary_),
      tokens_(other.tokens_),
      checksum_(other.checksum_),
      label_(other.label_) {
  other.descriptor_ = -1;
}

void Shard::verify() const {
  constexpr std::int64_t piece = 1 << 18;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(std::min(piece, tokens_)));
  std::vector<std::uint16_t> scratch;
  std::uint64_t sum = 0;
  for (std::int64_t first = 0; first < tokens_; first += piece) {
    const std::span<std::int32_t> part(tokens.data(),
                                       static_cast<std::size_t>(std::min(piece, tokens_ - first)));
    read(first, part, scratch);
    sum = add_checksum(sum, part, first);
  }
  if (sum == checksum_) return;
  throw bad_input("the tokens of the shard are damaged: the checksum of its " + std::to_string(tokens_) +
                      " tokens differs from the one in its header",
                  write_again, {path_});
}

void Shard::read(std::int64_t first, std::span<std::int32_t> into,
                 std::vector<std::uint16_t>& scratch) const {
  const std::int64_t offset = static_cast<std::int64_t>(sizeof(Header)) + first * bytes_per_token_;
  bool whole = false;
  if (bytes_per_token_ == 4) {
    whole = read_exactly(descriptor_, into.data(), into.size_bytes(), offset, path_);
  } else {
    if (scratch.size() < into.size()) scratch.resize(into.size());
    whole = read_exactly(descriptor_, scratch.data(), into.size() * sizeof scratch[0], offset, path_);
    std::copy_n(scratch.begin(), into.size(), into.begin());
  }
  if (!whole) {
    throw bad_input("the shard has become shorter while it is read: tokens " + std::to_string(first) +
                        " to " + std::to_string(first + static_cast<std::int64_t>(into.size())) + " of " +
                        std::to_string(tokens_) + " are not all there",
                    write_again, {path_});
  }
  for (const std::int32_t token : into) {
    if (token >= 0 && token < vocabulary_) continue;
    throw bad_input("the shard holds the token " + std::to_string(token) + " near place " +
                        std::to_string(first) + ", outside its vocabulary of " + std::to_string(vocabulary_),
                    write_again, {path_});
  }
}

}  // namespace assay::training
