// training/llm_step: the latest step of all ranks as a trace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/harness/process_group.h"
#include "suites/harness/recorder.h"
#include "suites/training/support/step_log.h"

namespace assay::bench {

/// Collective. On rank 0 the trace (training/support/trace.h); elsewhere empty. `step`: from 1, warm-ups
/// included; `own`: when it began and ended on this rank, by the clock of `spans`.
std::string trace_of_step(const ProcessGroup& group, std::int64_t step, const Recorder::Interval& own,
                          const std::vector<training::Span>& spans);

}  // namespace assay::bench
