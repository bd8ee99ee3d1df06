#include "suites/io/metadata/small_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "reports/base/error.h"
#include "suites/io/support/pattern.h"

namespace assay::bench {
namespace {

constexpr int index_digits = 9;
constexpr std::size_t stamp_bytes = 16;

void note_wrong(SmallFilesResult& result, const SmallFiles& files, std::int64_t index,
                const std::string& what) {
  if (result.wrong++ == 0) {
    result.first_wrong =
        std::string("file ") + files.names[index] + " of rank " + std::to_string(files.owner) + " " + what;
  }
}

void note_refused(SmallFilesResult& result, const SmallFiles& files, std::int64_t index, const char* call,
                  int error) {
  if (result.refused++ == 0) {
    result.first_errno = error;
    result.first_refused = std::string(call) + " " + files.names[index];
  }
}

std::string reading_error() {
  return errno == ENOENT ? "is missing" : std::string("cannot be opened: ") + std::strerror(errno);
}

/// Where two differ, for the message.
std::string difference(const std::byte* found, const std::byte* expected, std::size_t bytes) {
  const auto [at, other] = std::mismatch(found, found + bytes, expected);
  char text[96];
  std::snprintf(text, sizeof text, "has 0x%02x instead of 0x%02x at byte %td", std::to_integer<unsigned>(*at),
                std::to_integer<unsigned>(*other), at - found);
  return text;
}

}  // namespace

FileNames::FileNames(std::int64_t count, const std::string& prefix)
    : count_(count),
      width_(prefix.size() + index_digits + 1),
      text_(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)) * width_) {
  for (std::int64_t index = 0; index < count; ++index) {
    std::snprintf(&text_[static_cast<std::size_t>(index) * width_], width_, "%s%0*lld", prefix.c_str(),
                  index_digits, static_cast<long long>(index));
  }
}

FileContents::FileContents(std::uint64_t seed, std::size_t bytes)
    : bytes_(bytes), seed_(seed), buffer_(std::max(bytes, stamp_bytes)) {
  std::uint64_t state = mix_bits(seed);
  for (std::size_t at = 0; at < buffer_.size(); at += sizeof state) {
    state = mix_bits(state);
    std::memcpy(&buffer_[at], &state, std::min(sizeof state, buffer_.size() - at));
  }
}

const std::byte* FileContents::of(int owner, std::int64_t index, std::int64_t pass) {
  const std::uint64_t who =
      mix_bits(seed_ ^ static_cast<std::uint64_t>(owner) << 32 ^ static_cast<std::uint64_t>(pass));
  const std::uint64_t stamp[2] = {mix_bits(who ^ static_cast<std::uint64_t>(index)), who};
  static_assert(sizeof stamp == stamp_bytes);
  std::memcpy(buffer_.data(), stamp, sizeof stamp);
  return buffer_.data();
}

SmallFilesResult create_files(const SmallFiles& files, FileContents& contents) {
  SmallFilesResult result;
  const std::size_t bytes = contents.bytes();
  for (std::int64_t index = 0; index < files.names.count(); ++index) {
    const int file =
        openat(files.folder, files.names[index], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) {
      note_refused(result, files, index, "create", errno);
      return result;
    }
    ++result.made;
    const ssize_t written = bytes == 0 ? 0 : write(file, contents.of(files.owner, index, files.pass), bytes);
    if (written != static_cast<ssize_t>(bytes)) {
      // A short write is what a disk does that is about to be full.
      note_refused(result, files, index, "write", written < 0 ? errno : ENOSPC);
    }
    if (close(file) != 0) note_refused(result, files, index, "close", errno);
    if (result.refused != 0) return result;
    ++result.done;
  }
  return result;
}

SmallFilesResult stat_files(const SmallFiles& files, std::size_t bytes) {
  SmallFilesResult result;
  for (std::int64_t index = 0; index < files.names.count(); ++index) {
    struct stat entry;
    if (fstatat(files.folder, files.names[index], &entry, 0) != 0) {
      note_wrong(result, files, index, reading_error());
    } else if (entry.st_size != static_cast<off_t>(bytes)) {
      note_wrong(result, files, index,
                 "has " + std::to_string(entry.st_size) + " B instead of " + std::to_string(bytes));
    } else {
      ++result.done;
    }
  }
  return result;
}

SmallFilesResult read_files(const SmallFiles& files, FileContents& contents, std::vector<std::byte>& buffer) {
  SmallFilesResult result;
  const std::size_t bytes = contents.bytes();
  for (std::int64_t index = 0; index < files.names.count(); ++index) {
    const int file = openat(files.folder, files.names[index], O_RDONLY | O_CLOEXEC);
    if (file < 0) {
      note_wrong(result, files, index, reading_error());
      continue;
    }
    ssize_t got = read(file, buffer.data(), bytes + 1);
    // Some file systems give less than asked for in one call: go on until the end.
    while (got > 0 && static_cast<std::size_t>(got) < bytes) {
      const ssize_t more = read(file, buffer.data() + got, bytes + 1 - static_cast<std::size_t>(got));
      if (more <= 0) break;
      got += more;
    }
    close(file);
    if (got != static_cast<ssize_t>(bytes)) {
      note_wrong(result, files, index,
                 got < 0 ? std::string("cannot be read: ") + std::strerror(errno)
                         : "gives " + std::to_string(got) + " B instead of " + std::to_string(bytes));
      continue;
    }
    const std::byte* expected = contents.of(files.owner, index, files.pass);
    if (bytes != 0 && std::memcmp(buffer.data(), expected, bytes) != 0) {
      note_wrong(result, files, index, difference(buffer.data(), expected, bytes));
    } else {
      ++result.done;
    }
  }
  return result;
}

SmallFilesResult remove_files(const SmallFiles& files) {
  SmallFilesResult result;
  for (std::int64_t index = 0; index < files.names.count(); ++index) {
    if (unlinkat(files.folder, files.names[index], 0) == 0) {
      ++result.done;
    } else if (errno == ENOENT) {
      note_wrong(result, files, index, "is missing");
    } else {
      note_refused(result, files, index, "remove", errno);
    }
  }
  return result;
}

std::int64_t count_entries(const std::string& folder) {
  std::error_code error;
  std::int64_t count = 0;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  if (error) {
    throw Error(ExitStatus::cannot_run,
                "the entries of '" + folder + "' cannot be counted: " + error.message(),
                "see whether something else removes files there");
  }
  return count;
}

}  // namespace assay::bench
