// What judging gives, and all that rendering needs. Rendering is a pure function of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "reports/evidence/campaign_data.h"
#include "reports/judge/finding.h"
#include "reports/judge/targets.h"

namespace assay {

enum class Verdict { pass, fail, inconclusive, invalid, missing, waived };

/// Two one-sided bounds of the median (or of the share asked for) over launches: the closed interval
/// [lower, upper]. Absent: too few launches ("insufficient"), or trouble launches push it to infinity.
struct Interval {
  std::optional<double> lower, upper;
};

/// One launch as a target sees it: a dot in the report.
struct LaunchPoint {
  int campaign = 0;
  int start = 0;
  std::optional<double>
      value;           ///< aggregated over the devices as `across` says; absent: a launch without valid value
  bool meets = false;  ///< value is on the right side of the pass limit
  std::string trouble;  ///< why there is no value: "timeout", "check failed on n003 rank 2"
};

/// Evidence about one device of a fleet target.
struct DeviceVerdict {
  std::string node;
  int rank = 0;
  std::string name;
  std::string id;
  std::optional<double> median;  ///< over launches
  int met = 0, missed = 0, without_value = 0;
  double e_pass = 0, e_fail = 0;
  bool blamed = false;        ///< by e-BH: this device fails, with the error rate controlled
  bool screened_out = false;  ///< slow among its siblings (screening, not a verdict)
  bool conceded = false;
};

/// Distribution of device medians, for a fleet of any size: equal-width bins from low to high.
struct Distribution {
  double low = 0, high = 0;
  std::vector<std::uint32_t> counts;
  std::size_t devices = 0;
  double minimum = 0, p01 = 0, p25 = 0, median = 0, p75 = 0, p99 = 0, maximum = 0;
};

/// One limit of one target on one case.
struct PartVerdict {
  enum class Kind { at_least, at_most, spread_at_most, inventory, document };
  Kind kind = Kind::at_least;
  std::string case_label;  ///< empty for inventory and documents
  std::string case_key;
  Verdict verdict = Verdict::missing;
  std::string reason;  ///< one sentence for people
  std::string unit;    ///< base unit; "1" for shares and spreads
  std::string
      required_text;  ///< ">= 700 TFLOP/s", "spread <= 5 %", ">= 70 % of peak (445 GFLOP/s, measured)"
  std::string measured_text;  ///< for inventory and documents
  std::optional<double>
      target;  ///< as promised, in `unit` (a share of peak is converted when one peak serves all)
  std::optional<double> limit;  ///< after tolerance, before decision rule
  std::optional<double>
      measured;  ///< median over launches of the aggregated value (each device: of the worst device)
  std::optional<double> distance;  ///< (measured - limit) / limit, positive is good
  Interval interval;
  int met = 0, missed = 0, without_value = 0;
  double e_pass = 0, e_fail = 0;  ///< of the deciding device or mean, see section 5 of the design
  int decided_at = 0;             ///< launches until the verdict stuck; 0: not decided
  std::vector<double> e_pass_after, e_fail_after;  ///< after each launch
  std::vector<LaunchPoint> launches;
  std::size_t devices = 0;  ///< behind this verdict
  std::size_t devices_conceded = 0;
  std::vector<DeviceVerdict> worst_devices;  ///< at most 20, worst first
  std::optional<Distribution> distribution;  ///< when there is more than one device
  std::optional<double>
      screening_resolution;  ///< smallest slowness (a share) that screening would have found
  std::size_t screened_out = 0;
  std::string repeat_command;  ///< runs this case again
};

struct TargetVerdict {
  std::string id, title, source;
  Level level = Level::mandatory;
  double weight = 1;
  std::string fom;          ///< "compute/gemm.rate"; empty for inventory and documents
  std::string across_text;  ///< "each device", "at least 99 % of devices"
  std::string where_text;
  Verdict verdict = Verdict::missing;
  Verdict underlying = Verdict::missing;  ///< before a waiver
  std::optional<Waiver> waiver;
  std::string reason;
  std::vector<PartVerdict> parts;
  std::vector<Finding> findings;
};

/// How well the cases of the plan test a clause.
enum class Coverage { full, part, none };
struct ClauseCoverage {
  std::string id, title;
  Coverage coverage = Coverage::none;
  std::vector<std::string> cases;  ///< labels
  std::string note;                ///< what is not tested: "measured on 1 of 4 nodes"
};

/// A case's figure without regard to any target.
struct FigureSummary {
  std::string fom, unit;
  Better better = Better::higher;
  std::optional<double> median, minimum, maximum;  ///< over all valid launch x device values
  std::optional<double> peak_share;                ///< median over its peak
  std::optional<Peak> peak;
};
struct CaseSummary {
  std::string label, key;
  int launches = 0, completed = 0;
  std::size_t devices = 0;
  std::string check;   ///< "pass", "fail (3 of 7)", "absent", "-"
  std::string status;  ///< worst status, with its reason
  std::vector<FigureSummary> figures;
  std::string repeat_command;
};

/// One campaign of the register under the same targets and system.
struct RegisteredCampaign {
  int number = 0;
  std::string folder, started, headline;
  bool is_this = false;
  bool counted = false;  ///< its launches are part of this judgement
  bool evidence_found = true;
};

struct Judgement {
  std::string campaign;  ///< folder name
  std::string system;
  std::string plan_name, plan_sha256;
  std::string targets_name, targets_sha256;
  std::string started, finished;  ///< UTC
  std::string assay_version;
  double confidence = 0.95;
  std::string decision_text;  ///< "guarded acceptance (the supplier proves), instrument uncertainty 1 %"
  std::string stop_text;      ///< "until decided, at most 12 launches"
  Verdict overall = Verdict::missing;  ///< of the mandatory targets
  std::string headline;                ///< "Fails: 2 of 5 mandatory clauses", "Passes with 1 waiver"
  ExitStatus exit_status = ExitStatus::undecided;
  std::map<Verdict, int> counts;  ///< all levels
  std::vector<TargetVerdict> targets;
  std::vector<ClauseCoverage> coverage;
  std::vector<CaseSummary> cases;
  std::vector<Finding> findings;  ///< about the campaign as a whole
  std::vector<RegisteredCampaign> campaigns;
  std::vector<std::pair<std::string, std::string>> machine;  ///< name -> text, in reading order
  std::vector<std::string> commands;  ///< the exact command lines of the starts (first of each geometry)
};

const char* to_string(Verdict verdict);
const char* to_string(Level level);

}  // namespace assay
