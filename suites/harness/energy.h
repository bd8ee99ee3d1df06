// Energy that a node's own counters tell: whatever Linux offers, read below a root folder ("/" in earnest, a
// fake tree in tests). In this order:
//   sys/cray/pm_counters/energy             the whole node, joules (HPE Cray EX)
//   sys/class/powercap/intel-rapl:*         packages and, where they are counted apart, memory: microjoules
//   that
//                                           wrap around at max_energy_range_uj (Intel, and AMD since
//                                           Linux 5.8)
//   sys/class/hwmon/*/ named amd_energy     sockets, microjoules
// What cannot be read is absent with the reason, never zero.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace assay::bench {

/// One counter file.
struct EnergyCounter {
  std::filesystem::path file;
  std::string name;         ///< "package-0"
  double unit_j = 1e-6;     ///< of its numbers
  std::uint64_t range = 0;  ///< it goes on at 0 after this number; 0: it never does
};

/// What there is to read on this node.
struct EnergyCounters {
  std::vector<EnergyCounter> counters;
  std::string source;       ///< "RAPL: package-0, package-1, dram of package-0"; empty: nothing can be read
  std::string why_none;     ///< "there is no ..."; empty when there is a source
  bool whole_node = false;  ///< GPUs and all else included
};

EnergyCounters find_energy_counters(const std::filesystem::path& root = "/");

/// From one reading of a counter to the next, at most one wrap-around between them; absent when it went back
/// though it has no range, or the readings are beyond its range.
std::optional<std::uint64_t> counted(std::uint64_t before, std::uint64_t now, std::uint64_t range);

/// Adds up what the counters of a node rise by. A counter of 65 kJ wraps around within minutes: read often.
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::filesystem::path& root = "/");

  const std::string& source() const { return found_.source; }
  const std::string& why_none() const { return found_.why_none; }
  bool whole_node() const { return found_.whole_node; }
  /// From here on. Allocates nothing but what the C library does to open a file.
  void start();
  void read();
  /// Between `start` and the latest `read`; absent when there is nothing to read or a reading failed.
  std::optional<double> joules() const;

 private:
  EnergyCounters found_;
  std::vector<std::uint64_t> latest_;
  double joules_ = 0;
  bool started_ = false, failed_ = false;
};

}  // namespace assay::bench
