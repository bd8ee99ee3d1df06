#include "suites/io/support/cache_guard.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "reports/record/unit.h"
#include "suites/io/support/residency.h"
#include "suites/io/support/storage_error.h"

namespace assay::bench {

namespace {

constexpr int most_attempts = 12;
constexpr std::chrono::milliseconds first_wait{1};  ///< grows by itself: 66 ms in all

}  // namespace

void CacheGuard::Worst::note(std::optional<double> seen) {
  noted = true;
  if (seen)
    share = std::max(share, *seen);
  else
    unknown = true;
}

void CacheGuard::Worst::agree(const ProcessGroup& group) {
  noted = group.any(noted);
  unknown = group.any(unknown);
  share = group.maximum(share);
}

std::optional<double> CacheGuard::Worst::value() const {
  return noted && !unknown ? std::optional(share) : std::nullopt;
}

void CacheGuard::before(const Workspace& workspace, const std::string& name, FileRange range) {
  const OpenFile file = workspace.open_file(name, O_RDONLY);
  std::optional<double> share;
  // Ranks that share a file drop its pages at the same moment, and a page that another one is looking at
  // stays.
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(attempt * first_wait);
    const int failure = drop_pages(file.descriptor());
    // Where nothing can be dropped, the share that stays says so.
    if (failure != 0 && failure != EINVAL && failure != EOPNOTSUPP && failure != ENOSYS)
      throw storage_error("drop the file's pages", file.path(), failure);
    share = resident_share(file.descriptor(), range.offset, range.bytes);
    if (failure != 0 || !share || *share <= most_resident_share) break;
  }
  before_.note(share);
}

void CacheGuard::after(const Workspace& workspace, const std::string& name, FileRange range) {
  const OpenFile file = workspace.open_file(name, O_RDONLY);
  after_.note(resident_share(file.descriptor(), range.offset, range.bytes));
}

void CacheGuard::agree(const ProcessGroup& group) {
  before_.agree(group);
  after_.agree(group);
}

std::string CacheGuard::why_invalid(bool direct, std::optional<double> before, std::optional<double> after) {
  if (!before && !direct) return "whether the page cache served the reads cannot be told here";
  if (before && *before > most_resident_share) {
    return format_share(*before) +
           " of what was read was in the page cache before (memory answered for the storage)";
  }
  if (direct && after && *after > most_resident_share) {
    return "O_DIRECT was not honoured: " + format_share(*after) +
           " of what was read is in the page cache (memory may have answered for the storage)";
  }
  return {};
}

std::string CacheGuard::invalid() const {
  return why_invalid(direct_, before_.value(), after_.value());
}

void CacheGuard::add_to(std::map<std::string, std::string>& path) const {
  const std::string reason = invalid();
  if (reason.empty()) return;
  std::string& all = path["invalid"];
  all += (all.empty() ? "" : "; ") + reason;
}

void CacheGuard::add_to(std::map<std::string, double>& metrics) const {
  if (const auto share = before_.value()) metrics["resident_before_read"] = *share;
  if (const auto share = after_.value()) metrics["resident_after_read"] = *share;
}

}  // namespace assay::bench
