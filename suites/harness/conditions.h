// What the machine did while a case ran: load, time stolen by a hypervisor, CPU clock, thermal throttling.
// Everything is read below a root folder ("/" in earnest, a fake tree in tests). What cannot be read is
// absent, never zero.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "reports/record/record.h"

namespace assay::bench {

class ConditionsProbe {
 public:
  /// Reads what is needed before the case starts. `cpu`: the logical CPU whose clock is sampled; -1: the one
  /// that the process runs on at each sample.
  explicit ConditionsProbe(std::filesystem::path root, int cpu = -1);

  /// Samples the clock; call while the machine works.
  void sample();

  /// What happened since construction.
  Conditions finish() const;

 private:
  struct CpuTime {
    std::uint64_t total = 0;
    std::uint64_t steal = 0;
  };
  std::optional<CpuTime> read_cpu_time() const;
  std::optional<double> read_load() const;
  std::optional<double> read_clock_hz(int cpu) const;
  std::optional<std::uint64_t> read_throttle_count() const;

  std::filesystem::path root_;
  int cpu_;
  std::optional<double> load_;
  std::optional<CpuTime> begin_time_;
  std::optional<std::uint64_t> begin_throttle_count_;
  std::vector<double> clock_hz_;
};

/// The conditions of ranks that worked together: for each moment the lowest clock, the highest temperature
/// and the sum of the powers; the highest load and steal; throttled when any was. What no rank could read is
/// absent.
Conditions combine(const std::vector<Conditions>& ranks);

}  // namespace assay::bench
