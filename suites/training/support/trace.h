// One step's phases of all ranks as a trace that https://ui.perfetto.dev and chrome://tracing show: Chrome's
// "Trace Event Format", JSON object form, complete events ("ph": "X", ts and dur in microseconds). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/training/support/step_log.h"

namespace assay::training {

/// What one rank did in the step. Times in seconds of its own clock.
struct RankTrace {
  int rank = 0;
  std::string node;
  std::int64_t step = 0;          ///< from 1, warm-ups included
  double begin_s = 0, end_s = 0;  ///< of the step: begin_s when it left the barrier
  const std::vector<Span>* spans = nullptr;
};

/// The events of one rank, separated by commas: its process' name, the step, and the spans within it. Times
/// are relative to begin_s, in whole nanoseconds, so that what lies within something does so in print, too.
std::string trace_events(const RankTrace& rank);

/// The file: `events` of all ranks; `about` is said in its metadata (what, how clocks were aligned).
std::string trace_file(const std::vector<std::string>& events,
                       const std::vector<std::pair<std::string, std::string>>& about);

}  // namespace assay::training
