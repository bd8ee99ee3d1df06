#include "suites/training/llm_step/trace_of_step.h"

#include "suites/training/support/trace.h"

namespace assay::bench {

std::string trace_of_step(const ProcessGroup& group, std::int64_t step, const Recorder::Interval& own,
                          const std::vector<training::Span>& spans) {
  const training::RankTrace rank{group.rank(), group.node_of(group.rank()), step, own.begin_s, own.end_s,
                                 &spans};
  const std::vector<std::string> all = group.gather(training::trace_events(rank), 0);
  if (group.rank() != 0) return {};
  return training::trace_file(
      all, {{"program", "assay-bench " ASSAY_VERSION ", training/llm_step"},
            {"step", "step " + std::to_string(step) +
                         ", warm-ups included: the last recorded one, which began with "
                         "poisoned activations"},
            {"clocks",
             "each rank's times are by its own clock and relative to when the barrier before the step let it "
             "go; so "
             "ranks are aligned to within what that barrier takes, and not by a common clock"},
            {"phases",
             "exposed: communication that nothing was computed beside; exchanges of tensor-parallel ranks "
             "are within "
             "forward and backward; what no span covers was none of these"}});
}

}  // namespace assay::bench
