#include "suites/io/support/open_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "suites/io/support/storage_error.h"

namespace assay::bench {

OpenFile::~OpenFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

bool OpenFile::preallocate(std::uint64_t bytes) const {
  // Not posix_fallocate, which writes zeros where the file system cannot reserve.
  if (fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes)) == 0) return true;
  if (errno != EOPNOTSUPP && errno != ENOSYS)
    throw storage_error("reserve " + std::to_string(bytes) + " bytes", path_, errno);
  truncate(bytes);
  return false;
}

void OpenFile::truncate(std::uint64_t bytes) const {
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
    throw storage_error("set the size to " + std::to_string(bytes) + " bytes", path_, errno);
}

void OpenFile::sync() const {
  if (fsync(descriptor_) != 0) throw storage_error("write the file through to the storage", path_, errno);
}

void OpenFile::close() {
  if (descriptor_ < 0) return;
  // The descriptor is gone whatever close answers (Linux).
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR)
    throw storage_error("close the file", path_, errno);
}

}  // namespace assay::bench
