// Files as evidence: whole reads, atomic writes, durable appends, SHA-256.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace assay {

/// The whole file. Throws Error(bad_input) naming the file and the reason.
std::string read_file(const std::filesystem::path& path);

/// Replaces the file in one step (temporary file beside it, fsync, rename): a reader sees the old or the new
/// content, never a part. Throws Error(cannot_run) with the reason ("No space left on device").
void write_file(const std::filesystem::path& path, std::string_view content);

/// A file that only grows. Every `append` is one write followed by fsync, so that a kill loses at most the
/// line being written.
class AppendFile {
 public:
  explicit AppendFile(const std::filesystem::path& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;

  /// Throws Error(cannot_run) when the bytes could not be written; the file is then cut back to the length it
  /// had before, so that what was written stays valid.
  void append(std::string_view content);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Lower-case hexadecimal SHA-256 (FIPS 180-4) of the bytes.
std::string sha256_hex(std::string_view bytes);

}  // namespace assay
