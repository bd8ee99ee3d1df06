// The energy of all nodes of a process group: the first rank of each node reads its counters, and each rank
// that works on a device with a counter of its own reads that.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "suites/device/device.h"
#include "suites/harness/energy.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// What one rank knows after a measurement.
struct EnergyShare {
  std::string node;
  bool reads_node = false;        ///< the first rank of its node
  std::optional<double> node_j;   ///< by the node's counters
  bool node_has_devices = false;  ///< the node's counter counts its GPUs too
  std::string source;             ///< "RAPL: package-0"; where node_j is absent, why
  std::string device;             ///< "GPU-0123"; empty: this rank works on none
  std::optional<double> device_j;
};

struct GroupJoules {
  std::optional<double> joules;
  std::string words;  ///< what is counted, or why nothing is
};

/// Adds up. Each device counts once per node, and not where the node's counter has it already. Without
/// devices every node must have a counter; with devices each of them must, and nodes whose other counters
/// cannot be read are then left out, of all nodes alike, and the words say so.
GroupJoules add_up(const std::vector<EnergyShare>& ranks);

class GroupEnergy {
 public:
  /// `device`: what this rank works on; null, or without an energy counter on every rank of the group alike:
  /// only the nodes are counted. It outlives this.
  explicit GroupEnergy(const ProcessGroup& group, const std::filesystem::path& root = "/",
                       device::Device* device = nullptr);

  /// From here on. Not within what is timed, as all of these.
  void start(double now_s);
  /// Until here. Between two calls no counter may wrap around twice: call it every minute at least.
  void read(double now_s);
  /// Collective: tells all ranks, what was counted between `start` and the latest `read`.
  void gather();

  /// After `gather`, the same on every rank: joules of all nodes, absent when one of them has no counter.
  std::optional<double> joules() const { return joules_; }
  double elapsed_s() const { return elapsed_s_; }
  /// On rank 0: "RAPL: package-0", "8 GPUs; RAPL: package-0", "no readable energy counter: n3: there is no
  /// ...".
  const std::string& words() const { return words_; }

 private:
  std::optional<double> device_counter();

  const ProcessGroup& group_;
  std::optional<EnergyMeter> meter_;  ///< on the first rank of a node
  device::Device* device_;            ///< null: of none
  std::optional<double> device_begin_j_, device_end_j_;
  double begin_s_ = 0, elapsed_s_ = 0;
  std::optional<double> joules_;
  std::string words_;
};

}  // namespace assay::bench
