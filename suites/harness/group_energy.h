// The energy of all nodes of a process group: the first rank of each node reads its counters.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "suites/harness/energy.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

class GroupEnergy {
 public:
  explicit GroupEnergy(const ProcessGroup& group, const std::filesystem::path& root = "/");

  /// From here on. Not within what is timed, as all of these.
  void start(double now_s);
  /// Until here. Between two calls no counter may wrap around twice: call it every minute at least.
  void read(double now_s);
  /// Collective: tells all ranks, what was counted between `start` and the latest `read`.
  void gather();

  /// After `gather`, the same on every rank: joules of all nodes, absent when one of them has no counter.
  std::optional<double> joules() const { return joules_; }
  double elapsed_s() const { return elapsed_s_; }
  /// On rank 0: "RAPL: package-0", "no readable energy counter: n3: there is no ...".
  const std::string& words() const { return words_; }

 private:
  const ProcessGroup& group_;
  std::optional<EnergyMeter> meter_;  ///< on the first rank of a node
  double begin_s_ = 0, elapsed_s_ = 0;
  std::optional<double> joules_;
  std::string words_;
};

}  // namespace assay::bench
