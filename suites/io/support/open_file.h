// A file descriptor with its name: closed when it goes, and every failure said with the name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

namespace assay::bench {

class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  OpenFile(OpenFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}
  OpenFile& operator=(OpenFile&& other) noexcept;

  int descriptor() const { return descriptor_; }
  const std::filesystem::path& path() const { return path_; }

  /// Reserves room for the file and gives it its size, so that writes need not extend it one after the other.
  /// False where the file system cannot reserve: the file then has its size and a hole. Throws Error.
  bool preallocate(std::uint64_t bytes) const;
  void truncate(std::uint64_t bytes) const;  ///< Throws Error.
  void sync() const;                         ///< fsync(2). Throws Error.
  void close();  ///< Throws Error: file servers tell of a full disk as late as here.

 private:
  int descriptor_ = -1;
  std::filesystem::path path_;
};

}  // namespace assay::bench
