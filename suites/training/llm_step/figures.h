// training/llm_step: what is said of a run, from what was found out about it. Pure formulas.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/training/llm_step/settings.h"

namespace assay::bench {

/// What a run found out, the same on every rank.
struct LlmStepFacts {
  int ranks = 1;
  double entropy_nats = 0, loss_bound_nats = 0, last_loss_nats = 0;
  std::int64_t steps_checked = 0;    ///< warm-ups included
  std::vector<double> steps_s;       ///< of all recorded steps
  double memory_estimate_bytes = 0;  ///< of the rank that needs most
  double peak_rss_bytes = 0;         ///< of the rank that had most
  double bytes_sent = 0;             ///< by all ranks in all steps
  /// What the multiply-add probes of all ranks reach together, FLOP/s; 0: not known on every rank.
  double ceiling_per_second = 0;
  std::string ceiling_source;
};

std::vector<FigureOfMerit> llm_step_figures(const LlmStepSettings& settings, const LlmStepFacts& facts);

/// Names carry their unit; those that are not known are left out.
std::map<std::string, double> llm_step_metrics(const LlmStepSettings& settings, const LlmStepFacts& facts);

}  // namespace assay::bench
