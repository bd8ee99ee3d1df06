// One limit of one target on one case: prepared from the evidence, decided, and told.
#pragma once

#include <optional>
#include <string>

#include "reports/judge/observations.h"

namespace assay {

/// A target's limit on a case, ready to be decided.
struct Prepared {
  PartVerdict::Kind kind = PartVerdict::Kind::at_least;
  const Limit* limit = nullptr;  ///< null for a spread
  bool fleet = false;  ///< `grid` holds single devices; otherwise one value a launch for all of them
  Observations observed;
  Grid grid;
  Bounds bounds;
  Rules rules;
  std::string unit;
  bool as_share = false;
  Better better = Better::higher;  ///< of the figure: which devices stand out to the bad side
};

/// The limits that a target has, in the order they are told.
std::vector<std::pair<PartVerdict::Kind, const Limit*>> limits_of(const Target& target);

/// Absent when the case has no evidence with that figure.
std::optional<Prepared> prepare(const Context& context, const Target& target, PartVerdict::Kind kind,
                                const Limit* limit, const PlannedCase& planned);

/// Judges and describes; adds what was found to `findings`.
PartVerdict judge_part(Context& context, const Target& target, PartVerdict::Kind kind, const Limit* limit,
                       const PlannedCase& planned, std::vector<Finding>& findings);

/// Whether further launches can still change the part's verdict.
bool part_is_closed(Context& context, const Target& target, PartVerdict::Kind kind, const Limit* limit,
                    const PlannedCase& planned);

// ---- Words (words.cpp)
// --------------------------------------------------------------------------------------

/// "712.3 TFLOP/s", or "71.23 %" for a share; differs from the text of `other` when the numbers differ.
std::string number_text(double value, double other, const std::string& unit, bool as_share);
std::string required_text(const Prepared& prepared, const Target& target);
/// The sentence of a pass, a fail or an undecided part; `subject` is the device that it is about.
std::string reason_text(const Prepared& prepared, const Decision& decision, const PartVerdict& part,
                        const Plan& plan, const Targets& targets, std::optional<std::size_t> subject);
/// The launches without a value and their reasons: "2 of 9 launches gave no value (timeout: ...)"; or empty.
std::string lost_launches_text(const PartVerdict& part);
std::string across_text(const Target& target);
std::string where_text(const Target& target, const BenchmarkSpec* benchmark);
/// Launches that the plan and the targets allow a campaign: `max` and those of an extension.
int launches_allowed(const Plan& plan, const Targets& targets);

// ---- Fleet (fleet.cpp)
// --------------------------------------------------------------------------------------

/// Order of badness of the devices that are not conceded, and their medians over the launches judged.
struct Fleet {
  std::vector<std::size_t> worst_first;        ///< indices into the grid
  std::vector<std::optional<double>> medians;  ///< per device of the grid
};
Fleet rank_fleet(const Prepared& prepared, const Decision& decision);

/// Fills what a part tells about its devices: the worst, distribution, screening, blame.
void describe_fleet(const Prepared& prepared, const Decision& decision, const Fleet& fleet, PartVerdict& part,
                    std::vector<Finding>& findings);

}  // namespace assay
