// training/llm_step: what is said of a run, from what was found out about it. Pure formulas.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/record/record.h"
#include "suites/training/llm_step/gemm_rate.h"
#include "suites/training/llm_step/settings.h"

namespace assay::bench {

/// What a run found out, the same on every rank.
struct LlmStepFacts {
  int ranks = 1;
  std::int64_t warmups = 0;  ///< steps that were made and not recorded
  double entropy_nats = 0, loss_bound_nats = 0, last_loss_nats = 0;
  std::int64_t steps_checked = 0;    ///< warm-ups included
  std::vector<double> steps_s;       ///< of all recorded steps
  double memory_estimate_bytes = 0;  ///< of the rank that needs most
  double peak_rss_bytes = 0;         ///< of the rank that had most
  double rss_before_bytes = 0;       ///< before anything was allocated: the program, its libraries, MPI
  /// Of the device of the rank that has most: what is gone since before anything was allocated.
  std::optional<double> device_memory_bytes;
  /// Of steps, by the device's own clock: from the first work of a step to the end of the last.
  std::vector<double> device_steps_s;
  double bytes_sent = 0;  ///< by all ranks in all steps
  /// What the multiply-add probes of all ranks reach together, FLOP/s; 0: not known on every rank.
  double ceiling_per_second = 0;
  std::string ceiling_source;
  GemmRate gemm;  ///< of all ranks together
  /// Of all nodes from the first recorded step to the last, what is done between steps included; absent where
  /// a node has no counter.
  std::optional<double> energy_j;
  double energy_time_s = 0;  ///< that it was counted for
  std::string energy_words;  ///< which counters, or why there are none
};

std::vector<FigureOfMerit> llm_step_figures(const LlmStepSettings& settings, const LlmStepFacts& facts);

/// How the figures came about, for the path of the record: "flops", "mfu", "mfu_of_gemm", "energy",
/// "warmup_steps".
std::map<std::string, std::string> llm_step_words(const LlmStepSettings& settings, const LlmStepFacts& facts);

/// Names carry their unit; those that are not known are left out.
std::map<std::string, double> llm_step_metrics(const LlmStepSettings& settings, const LlmStepFacts& facts);

}  // namespace assay::bench
