// Runs one case on all ranks and turns what they measured into records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "reports/record/request.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/clock.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// What is the same for all cases of one start.
struct StartSettings {
  int start = 0;  ///< 0: run by hand
  std::uint64_t seed = 1;
  Fault fault = Fault::none;
  std::map<std::string, std::string> storage;  ///< folders to measure in, by name
  /// Where attachments go, each named by its SHA-256; made when there is one. Empty: they are not kept.
  std::filesystem::path attachments;
  std::filesystem::path trace_file = {};        ///< see Context; empty: none
  std::vector<std::string> library_flags = {};  ///< by hand: for the benchmark's library
};

class Worker {
 public:
  /// Collective: the ranks tell each other which CPUs they share. `root`: where proc and sys are read.
  Worker(ProcessGroup& group, Clock& clock, std::filesystem::path root = "/");

  /// Runs one case; collective. On rank 0 the records: one for the group when its ranks work together, else
  /// one per node with a device per rank. Empty on the other ranks. Whatever goes wrong before the timed part
  /// is `failed` with its reason; a rank that throws within it ends the whole start, because the others wait
  /// for it.
  /// `benchmark`: what runs; null: the registered one of the requested name.
  std::vector<Record> run(const RequestedCase& requested, const StartSettings& settings,
                          const Benchmark* benchmark = nullptr);

  /// The geometry that this process group has.
  Geometry geometry() const;

  /// True (on all ranks) when some ranks share a core: they then wait for each other's time slices.
  bool oversubscribed() const { return oversubscribed_; }

 private:
  void execute(const Benchmark& benchmark, const RequestedCase& requested, const StartSettings& settings,
               Context& context, Record& record);
  int ranks_on_largest_node() const;
  int nodes() const;
  std::string mismatch(const Geometry& asked) const;

  ProcessGroup& group_;
  Clock& clock_;
  std::filesystem::path root_;
  double clock_cost_s_;
  double cores_per_rank_ = 1;  ///< below 1 when ranks share a core
  bool oversubscribed_ = false;
  std::uint64_t last_level_cache_bytes_ = 0;
  std::string cpu_model_;
};

/// Merges the records of all ranks, in rank order: for the group, one with all conditions combined; for
/// devices, one per node with all of its devices.
std::vector<Record> merge_ranks(std::vector<Record> ranks, Scope scope);

/// The benchmark of that name. Throws Error(bad_input) with the nearest right one.
const Benchmark& find_benchmark(const std::string& name);

}  // namespace assay::bench
