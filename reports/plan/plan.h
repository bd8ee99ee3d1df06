// What to measure: "assay.plan/1", read from TOML against the catalogue.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/base/error.h"
#include "reports/record/catalogue.h"
#include "reports/record/record.h"

namespace assay {

enum class StopRule {
  decided,  ///< launch until every target is decided or `max` is reached
  fixed,    ///< launch exactly `max` times and judge once
};

/// One point of the cross product of a [[case]]'s lists.
struct PlannedCase {
  CaseIdentity identity;                        ///< parameters complete
  std::string label;                            ///< for people; unique within the plan
  double time_limit_s = 120;                    ///< a launch of this case that takes longer is a timeout
  Location where;                               ///< its [[case]] in the file
  std::optional<double> time_s = std::nullopt;  ///< measuring time of a launch; absent: a share of the budget
};

struct Plan {
  std::string name;
  std::string title;
  double budget_s = 0;  ///< measuring time shared out over the cases; 0: none stated
  int max_launches = 12;
  StopRule stop = StopRule::decided;
  double spacing_s = 0;  ///< least time between two launches of one case
  std::vector<PlannedCase> cases;
  std::string sha256;  ///< of the file's bytes

  const PlannedCase* find(const CaseIdentity& identity) const;
};

/// Throws Error(bad_input): syntax, unknown keys, benchmarks or parameters (with the nearest right name),
/// values out of range, two equal cases, no case, a `max` that can never decide at confidence 0.95.
Plan parse_plan(std::string_view toml, const std::string& file, const Catalogue& catalogue);

}  // namespace assay
