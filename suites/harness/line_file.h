// Where the worker writes what it measured: one write a line, so that a kill leaves whole lines behind. The
// runner, not the worker, makes records durable (fsync).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace assay::bench {

class LineFile {
 public:
  /// Appends to the file, which is made when missing. Throws Error(cannot_run) with the reason.
  explicit LineFile(const std::filesystem::path& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Writes the line and its newline. Throws Error(cannot_run); what was written of the line is then cut off.
  void append(std::string_view line);

  /// Writes bytes as they are: for planted faults.
  void append_raw(std::string_view bytes);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace assay::bench
