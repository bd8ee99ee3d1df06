// The commands of `assay`. Each gives the exit status; errors are thrown.
#pragma once

#include <string>
#include <vector>

#include "reports/base/error.h"

namespace assay {

struct RunOptions {
  std::string plan, targets, site, worker;
  std::string out = "campaigns";
  std::vector<std::string> storage;  ///< "[NAME=]PATH"
  bool dry_run = false;
  bool quiet = false;
};
ExitStatus run_command(const RunOptions& options);

struct JudgeOptions {
  std::string campaign, targets;
};
ExitStatus judge_command(const JudgeOptions& options);

struct ReportOptions {
  std::string campaign, targets;
  std::string html, json, junit, markdown, csv;  ///< files; "-" is standard output; empty: not asked for
};
ExitStatus report_command(const ReportOptions& options);

ExitStatus list_command();
ExitStatus describe_command(const std::string& name);
ExitStatus doctor_command(const std::string& worker, const std::string& out);
ExitStatus validate_command(const std::vector<std::string>& files);

}  // namespace assay
