// What a worker wrote, believed only as far as it is right. Pure: text in, records out.
#pragma once

#include <string>
#include <vector>

#include "reports/judge/finding.h"
#include "reports/record/record.h"
#include "reports/record/request.h"

namespace assay {

/// How a process group came to its end.
struct GroupEnd {
  enum class How { by_itself, timed_out, interrupted };
  How how = How::by_itself;
  int exit_code = 0;
  int signal = 0;          ///< of the launcher itself
  std::string cause;       ///< what the launcher said of its ranks: "SIGSEGV"
  std::string last_words;  ///< last line of stderr
  std::string interrupted_by;
  double seconds = 0;
  double limit_s = 0;  ///< that was exceeded, when timed out
};

struct GroupResults {
  std::vector<Record> records;  ///< one per begun case and node, whatever happened to it
  std::vector<int> begun;       ///< positions that count as started, ascending
  std::vector<int> broken;      ///< positions at which the group died or hung
  std::vector<Finding> findings;
};

/// `text` is results.jsonl of one process group on `nodes`; `time` (UTC) stands in records that are made
/// here. Every case that was begun gets a record for every node: the worker's own when it is right in all
/// respects (schema, start, position, case, node, once, planted as asked), else one with status and reason. A
/// group that wrote nothing has begun its first case.
GroupResults read_results(const StartRequest& request, const std::vector<std::string>& nodes,
                          const std::vector<bool>& together, std::string_view text, const GroupEnd& end,
                          const std::string& time);

/// One line for people: "ended by SIGSEGV; stderr: ...".
std::string describe_end(const GroupEnd& end);

}  // namespace assay
