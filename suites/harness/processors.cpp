#include "suites/harness/processors.h"

#include <algorithm>
#include <fstream>
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

}  // namespace assay::bench
