#include "suites/io/support/residency.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace assay::bench {

namespace {

/// cachestat(2), Linux 6.5; Debian 12's headers do not have it yet. The number is the same on all
/// architectures but alpha.
constexpr long cachestat_call = 451;

struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t length;
};

struct Cachestat {
  std::uint64_t cached;
  std::uint64_t dirty;
  std::uint64_t under_writeback;
  std::uint64_t evicted;
  std::uint64_t recently_evicted;
};

std::uint64_t page_size() {
  static const auto bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

std::optional<double> resident_share_by_mincore(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
  constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 30;
  if (bytes == 0) return 0.0;
  const std::uint64_t end = offset + bytes;
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  for (std::uint64_t at = offset / page_size() * page_size(); at < end; at += piece_bytes) {
    const std::uint64_t length = std::min(piece_bytes, end - at);
    void* const view = mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor, static_cast<off_t>(at));
    if (view == MAP_FAILED) return std::nullopt;
    std::vector<unsigned char> answer((length + page_size() - 1) / page_size());
    const bool known = mincore(view, length, answer.data()) == 0;
    munmap(view, length);
    if (!known) return std::nullopt;
    pages += answer.size();
    resident += static_cast<std::uint64_t>(
        std::count_if(answer.begin(), answer.end(), [](unsigned char page) { return (page & 1U) != 0; }));
  }
  return static_cast<double>(resident) / static_cast<double>(pages);
}

std::optional<double> resident_share(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return 0.0;
  const std::uint64_t pages = (offset + bytes + page_size() - 1) / page_size() - offset / page_size();
  CachestatRange range{offset, bytes};
  Cachestat answer{};
  if (syscall(cachestat_call, descriptor, &range, &answer, 0U) == 0) {
    return std::min(1.0, static_cast<double>(answer.cached) / static_cast<double>(pages));
  }
  return resident_share_by_mincore(descriptor, offset, bytes);
}

int drop_pages(int descriptor) {
  if (fsync(descriptor) != 0) return errno;
  return posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace assay::bench
