// The four things done to small files, each a bare loop over system calls. Nothing here throws or allocates
// within a loop: what goes wrong is counted and told afterwards, because other ranks wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

/// Names of files 0 .. count - 1 ("f00000042"), made beforehand: the timed part formats nothing.
class FileNames {
 public:
  explicit FileNames(std::int64_t count, const std::string& prefix = "f");
  const char* operator[](std::int64_t index) const {
    return &text_[static_cast<std::size_t>(index) * width_];
  }
  std::int64_t count() const { return count_; }

 private:
  std::int64_t count_;
  std::size_t width_;
  std::vector<char> text_;
};

/// What a file must hold: bytes that depend on the seed, and in front a stamp that no two files of a run
/// share (as much of it as the file is long).
class FileContents {
 public:
  FileContents(std::uint64_t seed, std::size_t bytes);
  /// Valid until the next call.
  const std::byte* of(int owner, std::int64_t index, std::int64_t pass);
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  std::uint64_t seed_;
  std::vector<std::byte> buffer_;
};

/// How one phase on one rank ended.
struct SmallFilesResult {
  std::int64_t done = 0;     ///< files that were acted on and found as they must be
  std::int64_t made = 0;     ///< create: files that are there now, the last one perhaps in part
  std::int64_t wrong = 0;    ///< files that are missing, of another size or with other contents
  std::string first_wrong;   ///< which, and what is wrong with it
  std::int64_t refused = 0;  ///< system calls that failed where the benchmark itself was to act
  int first_errno = 0;
  std::string first_refused;  ///< "create f00000003"
};

/// Files of one rank in one folder, given by an open descriptor of it.
struct SmallFiles {
  int folder = -1;
  const FileNames& names;
  int owner = 0;  ///< the rank that makes them
  std::int64_t pass = 0;
};

/// open (new), write, close. Stops at the first call that is refused.
SmallFilesResult create_files(const SmallFiles& files, FileContents& contents);
/// fstatat; a missing file or another size is wrong.
SmallFilesResult stat_files(const SmallFiles& files, std::size_t bytes);
/// open, read, close; each byte is compared. `buffer` has room for one byte more than a file must have.
SmallFilesResult read_files(const SmallFiles& files, FileContents& contents, std::vector<std::byte>& buffer);
/// unlink. A file that is not there is wrong; it goes on after a call that is refused.
SmallFilesResult remove_files(const SmallFiles& files);

/// Entries of a folder without "." and "..". Throws Error(cannot_run).
std::int64_t count_entries(const std::string& folder);

}  // namespace assay::bench
