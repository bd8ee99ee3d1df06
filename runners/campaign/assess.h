// From a campaign's folder to the judgement, and to the derived files.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "reports/evidence/campaign.h"
#include "reports/judge/judge.h"
#include "reports/judge/judgement.h"

namespace assay {

/// What this program knows besides the files: embedded at build time.
struct Knowledge {
  Catalogue catalogue;
  std::map<std::string, std::map<std::string, Peak>> peaks;
};

/// Targets other than the campaign's own.
struct OtherTargets {
  std::string text;
  std::string file;
};

/// Judges the evidence in the folder. Throws Error(bad_input) for damaged evidence or targets.
Judgement assess(const std::filesystem::path& folder, const Knowledge& knowledge,
                 const std::optional<OtherTargets>& other = std::nullopt);

/// A pass that rests on counts which lack the launches of an earlier campaign is no pass: it becomes
/// inconclusive, with finding ASY-4009. Other verdicts stay.
void downgrade_for_absent_evidence(Judgement& judgement, const std::vector<std::string>& absent);

/// One line per fact for people, in reading order; nodes that agree are shown once.
std::vector<std::pair<std::string, std::string>> machine_lines(const Machine& machine);

/// verdicts.json, report.html, junit.xml, summary.md and results.csv in the folder. Throws Error(cannot_run).
void write_derived(const Judgement& judgement, const std::filesystem::path& folder);

}  // namespace assay
