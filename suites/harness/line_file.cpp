#include "suites/harness/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "reports/base/error.h"

namespace assay::bench {

LineFile::LineFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw Error(ExitStatus::cannot_run,
                path.string() + " cannot be opened for writing: " + std::strerror(errno),
                "give a file in a folder that exists and is writable");
  }
}

LineFile::~LineFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void LineFile::append(std::string_view line) {
  append_raw(std::string(line) + "\n");
}

void LineFile::append_raw(std::string_view bytes) {
  struct stat before {};
  const bool regular = fstat(descriptor_, &before) == 0 && S_ISREG(before.st_mode);
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = written < 0 ? errno : ENOSPC;
      const bool cut = regular && ftruncate(descriptor_, before.st_size) == 0;
      throw Error(ExitStatus::cannot_run,
                  path_.string() + " cannot be written: " + std::strerror(reason) +
                      (cut ? " (the lines before are whole)" : ""),
                  "make room and start again");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace assay::bench
