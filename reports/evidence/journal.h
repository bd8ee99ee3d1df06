// journal.jsonl, "assay.journal/1": what the runner did, in order. Events and their values:
//   campaign_started   plan, plan_sha256, targets, targets_sha256, system, number, assay_version, worker
//   document           id, file, sha256 (empty: not found)
//   machine_read       nodes (names), command
//   start_started      start, round, cases (keys, in order), command (the first group's), limit_s
//   start_finished     start, attempted (keys of the cases that were begun), outcome, seconds
//   node_conceded      node, reason
//   finding            code, text
//   interrupted        signal
//   stopped            reason (a full disk, a worker that cannot be started)
//   measured           (the runner came to the end of measuring)
//   campaign_finished  headline, exit_status
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reports/evidence/chain.h"
#include "reports/judge/finding.h"

namespace assay {

inline constexpr std::string_view journal_schema = "assay.journal/1";

/// What the journal says of a campaign.
struct JournalStory {
  std::string started,
      finished;          ///< UTC; finished is empty when the runner did not come to the end of measuring
  bool stopped = false;  ///< interrupted or stopped, and the runner could say so
  std::string system;
  std::string plan_sha256, targets_sha256;
  int number = 0;  ///< in the register
  struct Start {
    int start = 0;
    std::vector<std::string> attempted;  ///< keys of the cases that count as started
    std::string command;
    bool finished = false;
  };
  std::vector<Start> starts;                     ///< in order
  std::map<std::string, std::string> conceded;   ///< node -> reason
  std::map<std::string, std::string> documents;  ///< clause id -> SHA-256
  std::vector<Finding> findings;
  bool truncated_last_line = false;
};

/// Throws Error(bad_input) as read_chain does. A start that was never finished (the runner was killed) counts
/// as started for every case in it: trouble can never help.
JournalStory read_journal(const std::filesystem::path& file);

}  // namespace assay
