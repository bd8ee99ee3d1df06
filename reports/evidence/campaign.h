// Reading a campaign's folder back: everything that judging needs, nothing written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reports/evidence/campaign_data.h"
#include "reports/evidence/journal.h"
#include "reports/evidence/register.h"
#include "reports/judge/finding.h"
#include "reports/plan/plan.h"
#include "reports/record/catalogue.h"

namespace assay {

/// machine.json ("assay.machine/1").
struct Machine {
  std::vector<NodeFacts> nodes;
  std::vector<std::pair<std::string, std::string>>
      about;                          ///< MPI, libraries, environment: name -> text, as written
  std::vector<std::string> warnings;  ///< "OPENBLAS_CORETYPE=Haswell is inherited ..."
};

struct Campaign {
  std::filesystem::path folder;
  std::string plan_text, targets_text;
  Plan plan;
  JournalStory journal;
  CampaignData data;
  std::vector<RegisterEntry> series;  ///< campaigns under the same targets file and system, this one included
  /// Earlier campaigns of the series whose launches are in `data`, and those whose evidence is not to be
  /// found.
  std::vector<std::string> counted, absent;
  Machine machine;  ///< empty when its file is absent
  bool registered = false;
  std::vector<Finding> findings;  ///< what reading found
};

/// Throws Error(bad_input) for what is not of that schema.
Machine parse_machine(std::string_view json, const std::string& file);

/// Adds a campaign's journal and records to `data` as campaign number `campaign` (0: the one judged).
/// Cases are known by `plan`. Throws Error(bad_input) for a damaged line in the middle of a file, naming it.
void add_evidence(const std::filesystem::path& folder, const Plan& plan, const JournalStory& journal,
                  int campaign, CampaignData& data, std::vector<Finding>& findings);

/// The campaigns of the series that were started before campaign.journal.number, read into `campaign.data` as
/// -1 (the latest), -2, ..., oldest first. One whose folder or evidence cannot be read joins `absent`, with a
/// finding.
void add_earlier(Campaign& campaign, const Catalogue& catalogue);

/// The whole folder. `continue_earlier`: also the earlier campaigns of its series.
/// Throws Error(bad_input): no campaign there, a damaged file.
Campaign read_campaign(const std::filesystem::path& folder, const Catalogue& catalogue,
                       bool continue_earlier);

}  // namespace assay
