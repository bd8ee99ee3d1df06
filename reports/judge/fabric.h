// What the link matrices of a campaign add to a target on fabric/links: names.
#pragma once

#include <string>
#include <vector>

#include "reports/evidence/campaign_data.h"
#include "reports/judge/finding.h"
#include "reports/record/catalogue.h"

namespace assay {

inline constexpr const char* links_benchmark = "fabric/links";

struct FabricBlame {
  std::vector<Finding> findings;
  /// What most launches blame first: "node n017 is slow on all its links (5 of 7 launches)"; empty: nothing
  /// that at least half of them blame.
  std::string first;
};

/// From the launches of `results`, or, when none of them has a matrix (a bisection), of all cases of
/// fabric/links. `earlier`: launches of earlier campaigns count too. Launches that do not count blame nobody.
FabricBlame blame_links(const CampaignData& data, const CaseResults& results, const Catalogue& catalogue,
                        bool earlier);

}  // namespace assay
