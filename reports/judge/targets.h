// What was promised: "assay.targets/1", read from TOML.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "reports/plan/plan.h"
#include "reports/record/catalogue.h"
#include "reports/record/unit.h"

namespace assay {

enum class Level { mandatory, scored, reported };
enum class DecisionRule { simple, guarded_acceptance, guarded_rejection };
enum class OnInconclusive { not_accepted, extend };

/// What a limit is measured in.
enum class LimitKind {
  absolute,   ///< "700 TFLOP/s"
  of_peak,    ///< "70 % of peak"
  of_figure,  ///< "12 % of memory/stream.triad", paired within a start
};

struct Limit {
  LimitKind kind = LimitKind::absolute;
  double value = 0;       ///< base units of the figure of merit; a share for of_peak and of_figure
  std::string benchmark;  ///< of_figure: whose figure
  std::string fom;
  std::string text;  ///< as written in the file
};

/// `across`: what must meet the limit.
enum class Across { each_device, share_of_devices, worst, median, mean, sum };

struct Target {
  std::string id;  ///< clause of the contract, unique
  std::string title;
  std::string benchmark;  ///< first part of `fom`: "compute/gemm"
  std::string fom;        ///< second part: "rate"
  std::string unit;       ///< base unit of the figure
  Better better = Better::higher;
  std::map<std::string, std::vector<ParameterValue>> where;     ///< each parameter equals one of these
  std::map<std::string, std::vector<ParameterValue>> of_where;  ///< picks the reference case of a ratio limit
  std::optional<Limit> at_least, at_most;
  double tolerance = 0;  ///< contractual, a share
  Across across = Across::each_device;
  double device_share = 1;                  ///< share_of_devices: 0.99 for "at least 99 %"
  std::optional<double> spread_at_most;     ///< (max - min) / mean over the devices of one launch
  std::optional<double> plausible_at_most;  ///< base units; instead of 1.02 x theoretical peak
  bool check_required = true;               ///< `check = "optional"`: a value without a check counts
  double share = 0.5;                       ///< share of launches that must meet the limit
  Level level = Level::mandatory;
  double weight = 1;
  std::string source;
  Location place;
};

/// A clause that is counted, not timed: a fact of machine.json, on every node.
struct InventoryClause {
  std::string id, title, fact, source;
  std::optional<ParameterValue> equals;
  std::optional<double> at_least, at_most;  ///< base units
  bool in_bytes = false;                    ///< the limit was given in bytes: show the fact so
  std::string limit_text;
  Level level = Level::mandatory;
  Location place;
};

/// A clause that a person confirms. Without `by` and `date` it is missing.
struct DocumentClause {
  std::string id, title, by, date, file, sha256, source;
  Level level = Level::mandatory;
  Location place;
};

struct Waiver {
  std::string target, authority, name, date, reason, amendment;  ///< all required
  Location place;
};

struct Targets {
  std::string name;
  double confidence = 0.95;
  DecisionRule decision = DecisionRule::guarded_acceptance;
  double systematic = 0;  ///< expanded (k = 2) relative uncertainty of the instrument
  OnInconclusive inconclusive = OnInconclusive::not_accepted;
  int extend_launches = 0;
  /// true: every campaign under this file and system continues the earlier ones (no best of N).
  /// `campaigns = "independent"`: each is judged alone, and the report says so.
  bool continue_campaigns = true;
  std::vector<Target> targets;
  std::vector<InventoryClause> inventory;
  std::vector<DocumentClause> documents;
  std::vector<Waiver> waivers;
  std::string sha256;  ///< of the file's bytes
  std::string file;    ///< path as given; documents are looked for beside it

  double alpha() const { return 1 - confidence; }
};

/// Throws Error(bad_input): syntax, unknown keys, benchmarks, figures or parameters, a unit of the wrong
/// dimension, a negative tolerance, twice the same id, no clause at all, a waiver of an unknown clause.
Targets parse_targets(std::string_view toml, const std::string& file, const Catalogue& catalogue);

/// The planned cases that a target is about, as indices into plan.cases.
std::vector<std::size_t> matching_cases(const Target& target, const Plan& plan);

/// The one planned case that a ratio limit compares `judged` with: the named benchmark, `of_where`, and the
/// same geometry, so that both run in one start. Absent when there is none or more than one.
std::optional<std::size_t> reference_case(const Target& target, const Limit& limit,
                                          const CaseIdentity& judged, const Plan& plan);

/// Throws Error(bad_input) for a target that no case of the plan satisfies, a ratio whose reference case is
/// absent or not unique, a plan whose `max` can never decide at these targets' confidence and share.
void check_against_plan(const Targets& targets, const Plan& plan, const Catalogue& catalogue);

}  // namespace assay
