// For tests: a new folder beside the build, where a real file system is more likely than among temporary
// files.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace assay::bench {

class StorageTestFolder {
 public:
  StorageTestFolder() {
    const auto build = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
    std::string pattern = (build / "storage-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~StorageTestFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  StorageTestFolder(const StorageTestFolder&) = delete;
  StorageTestFolder& operator=(const StorageTestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Whether files can be opened with O_DIRECT there (tmpfs learnt it in Linux 6.6).
  bool knows_direct() const {
    const std::filesystem::path file = path_ / "direct";
    const int descriptor = open(file.c_str(), O_CREAT | O_RDWR | O_DIRECT, 0600);
    if (descriptor >= 0) close(descriptor);
    unlink(file.c_str());
    return descriptor >= 0;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace assay::bench
