// Judging: evidence and targets in, verdicts out. No clock, no file, no process.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/evidence/campaign_data.h"
#include "reports/judge/judgement.h"
#include "reports/judge/targets.h"
#include "reports/plan/plan.h"

namespace assay {

struct JudgeInput {
  const Plan& plan;
  const Targets& targets;
  const Catalogue& catalogue;
  const CampaignData& data;
  /// Hash of each document clause's file as found (clause id -> SHA-256, empty string: not found).
  std::map<std::string, std::string> document_hashes;
  /// Theoretical peaks by device name, from reference_results/peaks: "NVIDIA H200" -> "bf16" -> FLOP/s,
  /// "memory" -> B/s.
  std::map<std::string, std::map<std::string, Peak>> peaks;
  /// Program to name in repeat commands.
  std::string worker = "assay-bench";
};

/// Fills targets, coverage, cases, counts, overall, headline and exit status. The caller adds what it alone
/// knows (folder, times, machine, register, commands).
Judgement judge(const JudgeInput& input);

/// While measuring: which planned cases still need launches. A case is settled when every target that uses it
/// is decided, or when it had its `max` (and extended) launches; a case that no target needs is settled after
/// one.
std::vector<bool> settled(const JudgeInput& input);

}  // namespace assay
