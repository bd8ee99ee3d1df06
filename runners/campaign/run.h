// Running a campaign: launch, read, record, judge, until every target is decided.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runners/campaign/assess.h"
#include "runners/campaign/progress.h"
#include "runners/campaign/stop.h"
#include "runners/launch/launcher.h"
#include "runners/launch/site.h"
#include "runners/plan/schedule.h"

namespace assay {

/// Everything that a campaign needs, read and checked before anything runs.
struct CampaignInput {
  std::string plan_text, plan_file;
  std::string targets_text, targets_file;
  std::string site_text;  ///< empty: none given
  Plan plan;
  Targets targets;
  Site site;
  std::string system;  ///< the site's name, else the host's
  std::vector<std::string> nodes;
  Schedule schedule;
  std::string worker;            ///< path of assay-bench
  std::filesystem::path parent;  ///< campaigns are made in it
};

struct CampaignResult {
  std::filesystem::path folder;
  std::optional<Judgement> judgement;
  int signal = 0;  ///< that interrupted it; 0: none
};

/// Throws Error: cannot_run when the launcher is missing, the disk is full, ... What was recorded stays, and
/// the journal says why it stopped where it still can.
CampaignResult run_campaign(const CampaignInput& input, const Knowledge& knowledge, const StopRequest& stop,
                            Progress& progress);

/// The commands of the first round, exactly as they would run with the campaign in `folder`.
struct DryStart {
  std::vector<Arguments> commands;
  std::vector<std::string> cases;  ///< "label: 1.8 s, limit 1 min"
};
std::vector<DryStart> dry_run(const CampaignInput& input, const std::filesystem::path& folder);

}  // namespace assay
