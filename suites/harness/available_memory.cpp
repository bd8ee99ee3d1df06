#include "suites/harness/available_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace assay::bench {

namespace fs = std::filesystem;

namespace {

/// A file that holds one number; absent when it does not ("max": no limit).
std::optional<std::uint64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

/// The number after `key` in a file of "key number" lines.
std::uint64_t value_in(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    std::uint64_t number = 0;
    if (words >> word >> number && word == key) return number;
  }
  return 0;
}

/// What one group leaves; absent when it sets no limit.
std::optional<std::uint64_t> left_in(const fs::path& group) {
  const bool second = fs::exists(group / "memory.current");
  const auto limit = number_in(group / (second ? "memory.max" : "memory.limit_in_bytes"));
  const auto used = number_in(group / (second ? "memory.current" : "memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  const fs::path statistics = group / "memory.stat";
  const std::uint64_t files = value_in(statistics, second ? "file" : "total_cache");
  const std::uint64_t shared = value_in(statistics, second ? "shmem" : "total_shmem");
  const std::uint64_t reclaimable = files > shared ? files - shared : 0;  // shared memory is no page cache
  const std::uint64_t needed = *used > reclaimable ? *used - reclaimable : 0;
  return *limit > needed ? *limit - needed : 0;
}

}  // namespace

std::uint64_t available_memory_bytes(const fs::path& root) {
  std::uint64_t available = value_in(root / "proc/meminfo", "MemAvailable:") * 1024;
  if (available == 0) return 0;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/user.slice/job_7" (version 2), "9:memory:/slurm/job_7" (version 1).
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",memory,") == std::string::npos) continue;
    const fs::path top = root / "sys/fs/cgroup" / (controllers.empty() ? "" : "memory");
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (;;) {
      if (const auto left = left_in(top / group)) available = std::min(available, *left);
      if (group.empty()) break;
      group = group.parent_path();
    }
  }
  return std::max<std::uint64_t>(available, 1);  // 0 would mean that it is not known
}

}  // namespace assay::bench
