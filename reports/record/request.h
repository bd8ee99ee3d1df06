// What the runner asks of one start of assay-bench, and what the worker tells while it runs.
//
// The runner writes starts/<n>/request.json ("assay.request/1") and starts
//   mpiexec ... assay-bench --request starts/<n>/request.json --results starts/<n>/results.jsonl
// Rank 0 appends to results.jsonl, one write a line: before each case a progress line
//   {"schema":"assay.progress/1","position":2}
// and after it one record per node. Attachments of records go to the folder attachments/ beside
// results.jsonl, each file named by its SHA-256. What is missing when the process group has ended tells where
// it died. A rank learns its node's name from the launcher (ASSAY_NODE_FROM, ASSAY_NODE), else from the host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/record/record.h"

namespace assay {

struct RequestedCase {
  int position = 0;       ///< from 1
  CaseIdentity identity;  ///< parameters complete
  double time_s = 1;      ///< measuring time to aim for, warm-up included
};

struct StartRequest {
  int start = 0;
  std::uint64_t seed = 0;
  std::vector<RequestedCase> cases;
  std::string plant;  ///< fault to plant, empty: none
  /// Folders that storage is measured in, by name; a site's own, so they are no parameters of a case.
  std::map<std::string, std::string> storage;
};

std::string to_json(const StartRequest& request);
/// Throws Error(bad_input).
StartRequest parse_request(std::string_view json, const std::string& file);

std::string progress_line(int position);
/// The position, when the line is a progress line. Takes whatever bytes a worker wrote and never throws for
/// them.
std::optional<int> parse_progress(std::string_view line);

}  // namespace assay
