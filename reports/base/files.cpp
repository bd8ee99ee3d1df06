#include "reports/base/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reports/base/error.h"

namespace assay {
namespace {

Error cannot_write(const std::filesystem::path& path, int reason) {
  const char* next = reason == ENOSPC  ? "free some space and run the same command again"
                     : reason == EROFS ? "choose a folder on a writable file system"
                                       : "check the path and its permissions";
  return {ExitStatus::cannot_run, "cannot write " + path.string() + ": " + std::strerror(reason), next};
}

/// Writes all bytes; returns 0 or errno.
int write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw bad_input("cannot read " + path.string() + ": " + std::strerror(errno), "check the path");
  }
  std::string content;
  struct stat facts {};
  if (::fstat(descriptor, &facts) == 0 && facts.st_size > 0)
    content.reserve(static_cast<std::size_t>(facts.st_size));
  std::array<char, 1 << 16> block{};
  for (;;) {
    const ssize_t got = ::read(descriptor, block.data(), block.size());
    if (got > 0) {
      content.append(block.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      break;
    } else if (errno != EINTR) {
      const int reason = errno;
      ::close(descriptor);
      throw bad_input("cannot read " + path.string() + ": " + std::strerror(reason), "give a readable file");
    }
  }
  ::close(descriptor);
  return content;
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path temporary = path.string() + ".part" + std::to_string(::getpid());
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) throw cannot_write(path, errno);
  int reason = write_all(descriptor, content);
  if (reason == 0 && ::fsync(descriptor) != 0) reason = errno;
  if (::close(descriptor) != 0 && reason == 0) reason = errno;
  if (reason == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) reason = errno;
  if (reason != 0) {
    ::unlink(temporary.c_str());
    throw cannot_write(path, reason);
  }
}

AppendFile::AppendFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw cannot_write(path, errno);
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void AppendFile::append(std::string_view content) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  int reason = write_all(descriptor_, content);
  if (reason == 0 && ::fsync(descriptor_) != 0) reason = errno;
  if (reason != 0) {
    if (before >= 0 && ::ftruncate(descriptor_, before) != 0) reason = errno;
    throw cannot_write(path_, reason);
  }
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    throw Error(ExitStatus::cannot_run, "SHA-256 failed in OpenSSL");
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

}  // namespace assay
