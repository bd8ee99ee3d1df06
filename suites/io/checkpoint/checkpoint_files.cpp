#include "suites/io/checkpoint/checkpoint_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "suites/io/support/open_file.h"
#include "suites/io/support/residency.h"
#include "suites/io/support/storage_error.h"

namespace assay::bench {
namespace {

/// Odd, so that it changes every bit sooner or later.
constexpr std::uint64_t step_of_training = 0x9e3779b97f4a7c15u;
/// Files of a rank in one pass, at most.
constexpr std::uint64_t most_parts = 2;
/// Comparing goes in pieces, so that a message can say where.
constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 20;

OpenFile open_file(const std::filesystem::path& path, int flags, const char* action) {
  const int descriptor = open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) throw storage_error(action, path, errno);
  return {descriptor, path};
}

void move_blocks(BlockIo& io, Direction direction, const OpenFile& file, std::byte* memory,
                 std::uint64_t bytes) {
  const std::uint64_t block = io.block_bytes();
  const auto size_of = [&](std::int64_t index) {
    return static_cast<std::size_t>(std::min(block, bytes - static_cast<std::uint64_t>(index) * block));
  };
  const auto place_of = [&](std::int64_t index) {
    return memory + static_cast<std::uint64_t>(index) * block;
  };
  const auto request = [&](std::int64_t index, int slot) {
    if (direction == Direction::write) std::memcpy(io.buffer(slot), place_of(index), size_of(index));
    return BlockRequest{
        slot,           direction,   file.descriptor(), static_cast<std::uint64_t>(index) * block,
        size_of(index), &file.path()};
  };
  const auto done = [&](std::int64_t index, int slot, double) {
    if (direction == Direction::read) std::memcpy(place_of(index), io.buffer(slot), size_of(index));
  };
  run_blocks(io, static_cast<std::int64_t>((bytes + block - 1) / block), request, done);
}

}  // namespace

std::vector<CheckpointPart> parts_of(const RankShare& share, int rank, std::int64_t pass) {
  std::vector<CheckpointPart> parts;
  std::uint64_t begin = 0;
  std::uint64_t kind = 0;
  const auto add = [&](const char* name, std::uint64_t bytes) {
    char file[64];
    std::snprintf(file, sizeof file, "%s-%lld-rank-%05d", name, static_cast<long long>(pass), rank);
    const std::uint64_t number =
        static_cast<std::uint64_t>(pass) << 32 | (static_cast<std::uint64_t>(rank) * most_parts + kind++);
    if (bytes > 0) parts.push_back({file, number, begin, bytes});
    begin += bytes;
  };
  add("model", share.model_bytes);
  add("optimizer", share.optimizer_bytes);
  return parts;
}

void write_parts(BlockIo& io, const std::filesystem::path& folder, const std::vector<CheckpointPart>& parts,
                 const std::byte* state, bool direct) {
  for (const CheckpointPart& part : parts) {
    OpenFile file =
        open_file(folder / part.file, O_CREAT | O_EXCL | O_WRONLY | (direct ? O_DIRECT : 0), "make a file");
    move_blocks(io, Direction::write, file, const_cast<std::byte*>(state) + part.begin, part.bytes);
    file.sync();
    file.close();
  }
  // Without this the files may be without names after a crash.
  open_file(folder, O_RDONLY | O_DIRECTORY, "open the folder").sync();
}

void drop_parts(const std::filesystem::path& folder, const std::vector<CheckpointPart>& parts) {
  for (const CheckpointPart& part : parts) {
    if (!is_whole(folder, part)) continue;
    const OpenFile file = open_file(folder / part.file, O_RDONLY, "open the file");
    const int failure = drop_pages(file.descriptor());
    // Where nothing can be dropped, what is still there when it is read says so.
    if (failure == EIO || failure == ENOSPC || failure == EDQUOT)
      throw storage_error("write the file through to the storage", file.path(), failure);
  }
}

bool is_whole(const std::filesystem::path& folder, const CheckpointPart& part) {
  struct stat status;
  return stat((folder / part.file).c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == part.bytes;
}

void read_parts(BlockIo& io, const std::filesystem::path& folder, const std::vector<CheckpointPart>& parts,
                std::byte* state, bool direct) {
  for (const CheckpointPart& part : parts) {
    if (!is_whole(folder, part)) continue;
    const OpenFile file = open_file(folder / part.file, O_RDONLY | (direct ? O_DIRECT : 0), "open the file");
    move_blocks(io, Direction::read, file, state + part.begin, part.bytes);
  }
}

Comparison compare_parts(const Pattern& pattern, const std::vector<CheckpointPart>& parts,
                         const std::byte* state) {
  Comparison comparison;
  for (const CheckpointPart& part : parts) {
    for (std::uint64_t at = 0; at < part.bytes; at += piece_bytes) {
      const auto bytes = static_cast<std::size_t>(std::min(piece_bytes, part.bytes - at));
      comparison.add(bytes, pattern.compare(state + part.begin + at, bytes, part.number, at), part.file);
    }
  }
  return comparison;
}

void fill_parts(const Pattern& pattern, const std::vector<CheckpointPart>& parts, std::byte* state) {
  for (const CheckpointPart& part : parts)
    pattern.fill(state + part.begin, static_cast<std::size_t>(part.bytes), part.number, 0);
}

void train(std::byte* state, std::uint64_t bytes, std::int64_t steps) {
  const std::uint64_t change = step_of_training * static_cast<std::uint64_t>(steps);
  for (std::uint64_t at = 0; at + sizeof change <= bytes; at += sizeof change) {
    std::uint64_t word;
    std::memcpy(&word, state + at, sizeof word);
    word += change;
    std::memcpy(state + at, &word, sizeof word);
  }
}

}  // namespace assay::bench
