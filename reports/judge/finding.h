// Findings: what the judge or the runner has to say, each with a stable code from one table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class Severity { note, warning, error };

/// One row of the table in finding.cpp. Codes are never reused or renumbered.
struct FindingKind {
  std::string_view code;  ///< "ASY-1001"
  Severity severity;
  std::string_view title;   ///< "check failed"
  std::string_view action;  ///< what to do next
};

/// The table: every code that Assay can utter, in order.
const std::vector<FindingKind>& finding_kinds();

/// Throws std::out_of_range for a code that is not in the table (a fault of the program).
const FindingKind& finding_kind(std::string_view code);

struct Finding {
  std::string code;
  std::string text;  ///< with node, device, metric, expected, measured where they apply
};

}  // namespace assay
