// The decision over a sequence of launches: which verdict the counts give, and after which launch it stuck.
// Knows numbers only: no cases, no texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "reports/judge/judgement.h"
#include "reports/judge/statistics.h"
#include "reports/judge/targets.h"

namespace assay {

/// What a value is compared with. T' is the promise after tolerance; the decision rule moves the limit that a
/// pass must meet, or the one that a fail must miss, by the instrument's uncertainty (JCGM 106).
struct Bounds {
  bool at_least = true;
  double target = 0;      ///< as promised
  double limit = 0;       ///< T'
  double pass_limit = 0;  ///< values on its right side, inclusive, count for a pass
  double fail_limit = 0;  ///< values on its wrong side count for a fail

  bool meets(double value) const { return at_least ? value >= pass_limit : value <= pass_limit; }
  bool misses(double value) const { return at_least ? value < fail_limit : value > fail_limit; }
};
Bounds bounds_of(bool at_least, double target, double tolerance, DecisionRule decision, double systematic);

/// Why a cell of the grid launches x devices counts, or does not.
enum class Cell : std::uint8_t {
  value,  ///< a valid value
  away,   ///< the device had no part in this launch: it counts nowhere
  // All others are launches without a valid value: they count against a pass and not towards a fail.
  absent,  ///< the launch gave nothing for the device
  unchecked,
  wrong,
  planted,
  detour,
  incomplete,
  deviant,  ///< other bits than most nodes computed
  not_a_number,
  implausible,
  no_reference,  ///< a ratio whose other figure is absent
  no_peak,
};

/// Launches x devices in launch order; row-major.
struct Grid {
  std::size_t launches = 0, devices = 0;
  std::vector<double> values;  ///< NaN unless the cell is `value`
  std::vector<Cell> cells;
  std::vector<std::uint8_t> conceded;  ///< per device: counts as one that misses, and leaves the means

  std::size_t at(std::size_t launch, std::size_t device) const { return launch * devices + device; }
};

struct Rules {
  double alpha = 0.05;
  double share = 0.5;       ///< of launches that must meet the limit
  double device_share = 1;  ///< of devices that must
  StopRule stop = StopRule::decided;
  std::size_t max_launches = 0;  ///< `fixed` judges the first so many launches, once they are there
};

struct DeviceTally {
  int met = 0;      ///< launches that meet the pass limit
  int missed = 0;   ///< valid launches that do not
  int below = 0;    ///< of these, beyond the fail limit
  int without = 0;  ///< launches without a valid value
  /// Stopped once it reaches (k + 1) / alpha, k the devices that may miss: a stopped supermartingale is one,
  /// so means stay sound, and later bad luck of a device that has shown enough does not undo it.
  double e_pass = 1;
  double e_fail = 1;
  int passed_at = 0;  ///< launches until e_pass reached 1 / alpha: this device alone would pass; 0: not yet

  int valid() const { return met + missed; }
};

struct Decision {
  Verdict verdict = Verdict::inconclusive;         ///< pass, fail or inconclusive
  int decided_at = 0;                              ///< launches until it stuck; 0: not decided
  std::vector<double> e_pass_after, e_fail_after;  ///< of the deciding device or mean, after each launch
  double e_pass = 1, e_fail = 1;                   ///< at the decision, else after the last launch
  std::vector<DeviceTally> tallies;                ///< after the last launch that is judged
  std::size_t judged_launches = 0;
  std::size_t allowed_to_miss = 0;  ///< before concessions
  std::size_t conceded = 0;
  bool too_many_conceded = false;  ///< fails without any launch
};

/// Judges the grid launch by launch. `stop_when_decided`: leave as soon as the verdict sticks (tallies and
/// histories are then of that moment); the verdict is the same.
Decision decide(const Grid& grid, const Bounds& bounds, const Rules& rules, EValues& e_values,
                bool stop_when_decided = false);

/// Two one-sided bounds from the valid values of one device (any order) and its launches without a value,
/// which count as infinitely bad for the bound that a pass needs and not at all for the other.
Interval interval_of(std::vector<double> values, std::size_t without, bool at_least, const Rules& rules);

}  // namespace assay
