#include "suites/harness/energy.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "reports/base/names.h"

namespace assay::bench {

namespace fs = std::filesystem;

namespace {

/// The first number of a file ("5184 J 1700000000 us"); absent when it cannot be read.
std::optional<std::uint64_t> read_number(const fs::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return std::nullopt;
  unsigned long long number = 0;
  const bool read = std::fscanf(file, "%llu", &number) == 1;
  std::fclose(file);
  if (!read) return std::nullopt;
  return number;
}

std::string read_word(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// Paths of a folder, sorted; none where there is no such folder.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::string why_unreadable(const fs::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file != nullptr) {
    std::fclose(file);
    return path.string() + " holds no number";
  }
  const int error = errno;
  return path.string() + ": " + std::strerror(error) +
         (error == EACCES ? " (the administrator can allow it: chmod a+r)" : "");
}

std::vector<EnergyCounter> cray_counters(const fs::path& root) {
  const fs::path file = root / "sys/cray/pm_counters/energy";
  std::error_code error;
  if (!fs::exists(file, error)) return {};
  return {{file, "node", 1, 0}};
}

/// Packages ("intel-rapl:0") and the memory that belongs to them ("intel-rapl:0:2" named dram). Left out:
/// cores and graphics, which the package counts too; "psys", which counts the packages again; and
/// intel-rapl-mmio, another way to the same counters.
std::vector<EnergyCounter> rapl_counters(const fs::path& root) {
  std::vector<EnergyCounter> counters;
  for (const fs::path& zone : entries_of(root / "sys/class/powercap")) {
    const std::string place = zone.filename().string();
    if (!place.starts_with("intel-rapl:")) continue;
    std::string name = read_word(zone / "name");
    const bool within = std::count(place.begin(), place.end(), ':') == 2;
    if (within && name != "dram") continue;
    if (!within && !name.starts_with("package")) continue;
    if (within) {
      const fs::path parent = zone.parent_path() / place.substr(0, place.rfind(':'));
      name += " of " + read_word(parent / "name");
    }
    const auto range = read_number(zone / "max_energy_range_uj");
    counters.push_back({zone / "energy_uj", name, 1e-6, range.value_or(0)});
  }
  return counters;
}

std::vector<EnergyCounter> amd_counters(const fs::path& root) {
  std::vector<EnergyCounter> counters;
  for (const fs::path& monitor : entries_of(root / "sys/class/hwmon")) {
    if (read_word(monitor / "name") != "amd_energy") continue;
    for (const fs::path& file : entries_of(monitor)) {
      std::string name = file.filename().string();
      if (!name.starts_with("energy") || !name.ends_with("_input")) continue;
      name.resize(name.size() - std::strlen("_input"));
      const std::string label = read_word(monitor / (name + "_label"));
      // "Ecore000" and its like are part of a socket.
      if (label.starts_with("Esocket")) counters.push_back({file, label, 1e-6, 0});
    }
  }
  return counters;
}

}  // namespace

std::optional<std::uint64_t> counted(std::uint64_t before, std::uint64_t now, std::uint64_t range) {
  if (now >= before) return now - before;
  if (range == 0 || before > range) return std::nullopt;
  return range - before + now;
}

EnergyCounters find_energy_counters(const fs::path& root) {
  EnergyCounters found;
  std::vector<std::string> reasons;
  const auto use = [&](const char* kind, std::vector<EnergyCounter> counters) {
    if (!found.counters.empty() || counters.empty()) return;
    std::vector<std::string> names;
    for (const EnergyCounter& counter : counters) {
      names.push_back(counter.name);
      if (read_number(counter.file)) continue;
      // Part of a node is not the node.
      reasons.push_back(why_unreadable(counter.file));
      return;
    }
    found.source = std::string(kind) + ": " + join(names, ", ");
    found.counters = std::move(counters);
  };
  use("Cray pm_counters", cray_counters(root));
  found.whole_node = !found.counters.empty();
  use("RAPL", rapl_counters(root));
  use("amd_energy", amd_counters(root));
  if (found.counters.empty()) {
    found.why_none = reasons.empty()
                         ? "there is no powercap, amd_energy or Cray counter below " + (root / "sys").string()
                         : join(reasons, "; ");
  }
  return found;
}

EnergyMeter::EnergyMeter(const fs::path& root)
    : found_(find_energy_counters(root)), latest_(found_.counters.size()) {}

void EnergyMeter::start() {
  started_ = true;
  failed_ = false;
  joules_ = 0;
  for (std::size_t i = 0; i < latest_.size(); ++i) {
    const auto now = read_number(found_.counters[i].file);
    if (now) latest_[i] = *now;
    failed_ = failed_ || !now;
  }
}

void EnergyMeter::read() {
  if (!started_) return;
  for (std::size_t i = 0; i < latest_.size(); ++i) {
    const EnergyCounter& counter = found_.counters[i];
    const auto now = read_number(counter.file);
    const auto rise = now ? counted(latest_[i], *now, counter.range) : std::nullopt;
    if (rise) joules_ += static_cast<double>(*rise) * counter.unit_j;
    if (now) latest_[i] = *now;
    failed_ = failed_ || !rise;
  }
}

std::optional<double> EnergyMeter::joules() const {
  if (!started_ || failed_ || found_.counters.empty()) return std::nullopt;
  return joules_;
}

}  // namespace assay::bench
