#include "suites/harness/processors.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace assay::bench {

namespace fs = std::filesystem;

namespace {

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

fs::path cpu_folder(const fs::path& root, int cpu) {
  return root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu));
}

/// "32768K" in bytes; 0 when it is no size.
std::uint64_t parse_cache_size(const std::string& text) {
  std::istringstream stream(text);
  std::uint64_t number = 0;
  char suffix = ' ';
  if (!(stream >> number)) return 0;
  stream >> suffix;
  return suffix == 'K' ? number << 10 : suffix == 'M' ? number << 20 : suffix == 'G' ? number << 30 : number;
}

}  // namespace

std::set<int> parse_cpu_list(const std::string& text) {
  std::set<int> cpus;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, ',')) {
    std::istringstream range(part);
    int first = 0;
    int last = 0;
    char dash = ' ';
    if (!(range >> first)) return {};
    last = first;
    if (range >> dash && (dash != '-' || !(range >> last))) return {};
    if (first < 0 || last < first || last - first > 65536) return {};
    for (int cpu = first; cpu <= last; ++cpu) cpus.insert(cpu);
  }
  return cpus;
}

std::string format_cpu_list(const std::set<int>& cpus) {
  std::string text;
  for (auto at = cpus.begin(); at != cpus.end();) {
    const int first = *at;
    int last = first;
    for (++at; at != cpus.end() && *at == last + 1; ++at) last = *at;
    if (!text.empty()) text += ',';
    text += std::to_string(first);
    if (last > first) text += "-" + std::to_string(last);
  }
  return text;
}

std::set<int> allowed_cpus() {
  // Machines with more than 1024 CPUs need a larger mask: the kernel answers EINVAL until it is large enough.
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<std::size_t>(most));
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    std::set<int> cpus;
    if (sched_getaffinity(0, bytes, mask) == 0) {
      for (int cpu = 0; cpu < most; ++cpu) {
        if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, mask)) cpus.insert(cpu);
      }
    }
    CPU_FREE(mask);
    if (!cpus.empty()) return cpus;
  }
  return {0};
}

int count_cores(const fs::path& root, const std::set<int>& cpus) {
  std::set<std::set<int>> cores;
  for (const int cpu : cpus) {
    auto siblings = first_line(cpu_folder(root, cpu) / "topology/core_cpus_list");
    if (!siblings) siblings = first_line(cpu_folder(root, cpu) / "topology/thread_siblings_list");
    std::set<int> core = siblings ? parse_cpu_list(*siblings) : std::set<int>{};
    if (core.empty()) core = {cpu};
    cores.insert(core);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

std::uint64_t last_level_cache_bytes(const fs::path& root) {
  // Caches of the highest level, each counted once however many CPUs share it.
  std::map<int, std::map<std::string, std::uint64_t>> by_level;
  const auto online = first_line(root / "sys/devices/system/cpu/online");
  for (const int cpu : parse_cpu_list(online.value_or("0"))) {
    for (int index = 0;; ++index) {
      const fs::path folder = cpu_folder(root, cpu) / "cache" / ("index" + std::to_string(index));
      const auto level = first_line(folder / "level");
      if (!level) break;
      const auto type = first_line(folder / "type");
      const auto size = first_line(folder / "size");
      const auto shared = first_line(folder / "shared_cpu_list");
      if (!size || !shared || type == "Instruction" || level->size() != 1) continue;
      by_level[(*level)[0] - '0'][*shared] = parse_cache_size(*size);
    }
  }
  if (by_level.empty()) return 0;
  std::uint64_t bytes = 0;
  for (const auto& [shared, size] : by_level.rbegin()->second) bytes += size;
  return bytes;
}

std::string cpu_model(const fs::path& root) {
  std::ifstream file(root / "proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const auto colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos && colon + 2 < line.size()) {
      return line.substr(colon + 2);
    }
  }
  return "unknown CPU";
}

}  // namespace assay::bench
