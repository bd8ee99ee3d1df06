// From a plan to starts: which cases share a process group, in which order, for how long. Pure: no clock, no
// file.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "reports/judge/targets.h"
#include "reports/plan/plan.h"
#include "reports/record/catalogue.h"

namespace assay {

/// What the schedule knows of a planned case.
struct ScheduledCase {
  std::size_t index = 0;                         ///< in plan.cases
  Geometry geometry;                             ///< nodes resolved to a number
  std::vector<std::vector<std::string>> groups;  ///< nodes of each process group; they run side by side
  bool needed = false;                           ///< some target uses it; else it runs once
  bool own_start = false;
  int expected_launches = 1;
  double time_s = 1;     ///< measuring time of one launch
  double limit_s = 120;  ///< a launch that takes longer is a timeout
};

/// Several cases that run one after another in the same process groups.
struct PlannedStart {
  std::vector<std::size_t> cases;  ///< positions in Schedule::cases, in the order of this start
  double limit_s = 0;              ///< of the whole start
};

struct Schedule {
  std::vector<ScheduledCase> cases;  ///< as in the plan
  double expected_s = 0;             ///< measuring time of all expected launches
  int expected_starts = 0;
};

/// Seconds that a process group may take to come up, besides its cases' limits.
inline constexpr double startup_allowance_s = 60;

/// Throws Error(bad_input) for a geometry that these nodes cannot give.
/// The plan's budget, less the times that cases state themselves, is shared out equally over the other
/// expected launches: one for a case that no target needs; for the others `max` when the number is fixed,
/// else the middle between the fewest that can decide and `max`.
Schedule make_schedule(const Plan& plan, const Targets& targets, const Catalogue& catalogue,
                       const std::vector<std::string>& nodes);

/// The starts of one round over the cases in `open` (indices into plan.cases). Cases of one geometry share a
/// start, in an order that rotates with `round`; those with own_start, and those in `apart` (they crashed or
/// hung before), run alone, after the others.
std::vector<PlannedStart> starts_of_round(const Schedule& schedule, const std::set<std::size_t>& open,
                                          const std::set<std::size_t>& apart, int round);

/// Fewest launches that can decide a target at this confidence and share, all of them good: 7 at 0.95 and
/// 0.5.
int fewest_to_decide(double alpha, double share);

}  // namespace assay
