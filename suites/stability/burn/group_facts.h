// What all devices that burned together did: told by each rank, put together on one, known to all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "suites/harness/process_group.h"
#include "suites/stability/burn/course.h"

namespace assay::bench::stability {

/// One rank's burn.
struct RankReport {
  std::string node, device, id;
  std::uint64_t products = 0;       ///< compared ones
  double rate = 0, worst_rate = 0;  ///< per second, over the whole burn and in the slowest window
  std::uint64_t wrong = 0;          ///< elements and words
  std::vector<std::string> errors;  ///< the first of them, in words
  std::vector<CounterChange> counters;
  bool throttling_known = false;
  std::optional<Course::Throttle> throttle;
  std::vector<std::optional<double>> power_w;  ///< by bin
  std::vector<bool> throttled;                 ///< by bin
};

std::string to_json(const RankReport& report);
RankReport parse_rank_report(std::string_view json);

struct GroupFacts {
  std::map<std::string, std::string> path;
  std::map<std::string, double> metrics;
};

/// Power of all devices together, by bin: where each of them was read, else absent.
std::vector<std::optional<double>> total_power(const std::vector<RankReport>& ranks);

/// Total power (highest, mean), the first throttling, counters and errors, in words and numbers:
///   total_power, first_throttle, error_counters, errors;
///   total_power_highest_w, total_power_mean_w, first_throttle_s, throttled_devices, faulty_devices, devices
GroupFacts facts_of_all(const std::vector<RankReport>& ranks, const TimeBins& bins);

/// The course of total power, of the number of throttled devices, and what each rank told:
///   {"schema":"assay.burn/1","duration_s":60,"bin_s":0.25,"total_power_w":[...],"throttled_devices":[...],
///    "ranks":[{"rank":0,"node":...,"products":...,"rate":...,"errors":[...],...}]}
/// null where not known.
std::string burn_attachment(const std::vector<RankReport>& ranks, const TimeBins& bins);

/// Collective. The same facts on every rank; `attachment` on rank 0.
GroupFacts gather_facts(const ProcessGroup& group, const RankReport& own, const TimeBins& bins,
                        std::string& attachment);

}  // namespace assay::bench::stability
