#include "suites/training/support/checkpoint_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <span>
#include <stdexcept>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "suites/io/support/storage_error.h"
#include "suites/training/support/checkpoint_identity.h"
#include "suites/training/support/fingerprint.h"
#include "suites/training/support/host_view.h"
#include "suites/training/support/sealed_text.h"

namespace assay::training {

namespace {

using bench::OpenFile;
using bench::storage_error;

constexpr std::size_t header_bytes = 4096;
/// What is written or read at once: its checksum is taken while it is in the cache.
constexpr std::size_t piece_bytes = std::size_t{1} << 20;

std::string hex(std::uint64_t bits) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(bits));
  return text.data();
}

OpenFile open_file(const std::filesystem::path& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor >= 0) return {descriptor, path};
  if (errno != ENOENT || (flags & O_CREAT) != 0) throw storage_error("open the file", path, errno);
  throw bad_input("a file of the checkpoint is missing (a part of the state would be lost)",
                  another_checkpoint, {path.string()});
}

void write_at(const OpenFile& file, const void* from, std::size_t bytes, std::uint64_t offset) {
  const auto* at = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const ssize_t done = pwrite(file.descriptor(), at, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0)
      throw storage_error(
          "write " + std::to_string(bytes) + " bytes of a checkpoint at " + std::to_string(offset),
          file.path(), errno);
    at += done;
    offset += static_cast<std::uint64_t>(done);
    bytes -= static_cast<std::size_t>(done);
  }
}

void read_at(const OpenFile& file, void* into, std::size_t bytes, std::uint64_t offset) {
  auto* at = static_cast<std::byte*>(into);
  while (bytes > 0) {
    const ssize_t done = pread(file.descriptor(), at, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw storage_error("read a checkpoint", file.path(), errno);
    if (done == 0)
      throw bad_input("the file of the checkpoint has become shorter while it is read", another_checkpoint,
                      {file.path().string()});
    at += done;
    offset += static_cast<std::uint64_t>(done);
    bytes -= static_cast<std::size_t>(done);
  }
}

/// Walks over a block in pieces: `move(bytes of the piece, place in the block)` says where its content is;
/// the checksum of all of it is returned.
template <typename Move>
std::uint64_t in_pieces(int number, std::size_t bytes, Move move) {
  if (bytes % sizeof(double) != 0)
    throw std::logic_error("a block of state that is no whole number of words");
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < bytes; at += piece_bytes) {
    const std::size_t piece = std::min(piece_bytes, bytes - at);
    const auto* words = reinterpret_cast<const double*>(move(piece, at));
    sum = add_parameters(sum, number, static_cast<std::int64_t>(at / sizeof(double)),
                         std::span(words, piece / sizeof(double)));
  }
  return sum;
}

device::Device& device_of(const StateBlock& block) {
  return block.device == nullptr ? device::host() : *block.device;
}

std::string manifest_line(std::int64_t rank, std::uint64_t bytes, const std::string& header) {
  return "file " + std::to_string(rank) + " " + std::to_string(bytes) + " " + sha256_hex(header);
}

}  // namespace

std::uint64_t CheckpointPart::bytes() const {
  std::uint64_t bytes = blocks.empty() ? 0 : header_bytes;
  for (const StateBlock& block : blocks) bytes += block.bytes;
  return bytes;
}

std::string write_checkpoint_file(const std::filesystem::path& path, const std::vector<std::string>& about,
                                  const CheckpointPart& part) {
  OpenFile file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  std::vector<std::string> lines = about;
  lines.push_back("rank " + std::to_string(part.rank));
  std::uint64_t offset = header_bytes;
  for (const StateBlock& block : part.blocks) {
    const auto number = static_cast<int>(&block - part.blocks.data());
    const HostView view(device_of(block), piece_bytes);
    const std::uint64_t sum = in_pieces(number, block.bytes, [&](std::size_t bytes, std::size_t at) {
      const std::byte* const piece = view.get(block.begin + at, bytes);
      write_at(file, piece, bytes, offset + at);
      return piece;
    });
    offset += block.bytes;
    lines.push_back("block " + block.name + " " + std::to_string(block.bytes) + " " + hex(sum));
  }
  std::string header = seal(lines);
  if (header.size() > header_bytes) throw std::logic_error("the header of a checkpoint is too long");
  header.resize(header_bytes);
  write_at(file, header.data(), header.size(), 0);
  file.sync();
  file.close();
  return manifest_line(part.rank, offset, header);
}

CheckpointFile::CheckpointFile(const std::filesystem::path& path, const std::vector<std::string>& about,
                               const CheckpointPart& part, const std::vector<std::string>& manifest)
    : part_(part), file_(open_file(path, O_RDONLY)) {
  const auto damaged = [&](const std::string& problem) {
    return bad_input(problem, another_checkpoint, {path.string()});
  };
  struct stat facts {};
  if (fstat(file_.descriptor(), &facts) != 0) throw storage_error("examine the file", path, errno);
  const auto length = static_cast<std::uint64_t>(facts.st_size);
  if (length != part.bytes()) {
    throw damaged("the file of the checkpoint " +
                  std::string(length < part.bytes() ? "is truncated" : "is too long") +
                  ": its header and blocks make " + std::to_string(part.bytes()) +
                  " bytes, and the file has " + std::to_string(length));
  }
  std::string header(header_bytes, '\0');
  read_at(file_, header.data(), header.size(), 0);
  const auto lines = unseal(header);
  if (!lines) throw damaged("the header of the checkpoint is damaged");
  require_same_training(*lines, about, path);
  if (std::find(manifest.begin(), manifest.end(), manifest_line(part.rank, length, header)) == manifest.end())
    throw damaged("the header is not the one that the manifest names (the file is of another save)");
  std::size_t at = about.size() + 1;  // behind the rank
  for (const StateBlock& block : part.blocks) {
    const std::string wanted = "block " + block.name + " " + std::to_string(block.bytes) + " ";
    const std::string found = at < lines->size() ? (*lines)[at++] : "nothing";
    if (!found.starts_with(wanted))
      throw damaged("the checkpoint holds '" + found + "' where this training has '" + wanted + "...'");
    checksums_.push_back(found.substr(wanted.size()));
  }
}

void CheckpointFile::read(Reading reading) const {
  std::vector<double> aside(reading == Reading::compare ? piece_bytes / sizeof(double) : 0);
  std::uint64_t offset = header_bytes;
  for (std::size_t i = 0; i < part_.blocks.size(); offset += part_.blocks[i++].bytes) {
    const StateBlock& block = part_.blocks[i];
    if (block.begin == nullptr) continue;
    const bool restores = reading == Reading::restore;
    const HostView view(restores ? device_of(block) : device::host(), piece_bytes);
    const std::uint64_t sum =
        in_pieces(static_cast<int>(i), block.bytes, [&](std::size_t bytes, std::size_t at) {
          std::byte* into =
              restores ? view.room(block.begin + at) : reinterpret_cast<std::byte*>(aside.data());
          read_at(file_, into, bytes, offset + at);
          if (restores) view.put(block.begin + at, bytes);
          return into;
        });
    if (hex(sum) == checksums_[i]) continue;
    throw bad_input("the block " + block.name + " of the checkpoint is damaged: the checksum of its " +
                        std::to_string(block.bytes) + " bytes is " + hex(sum) + ", and its header says " +
                        checksums_[i],
                    another_checkpoint, {file_.path().string()});
  }
}

}  // namespace assay::training
