#include "suites/training/support/step_log.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace assay::training {

std::string_view name_of(Phase phase) {
  constexpr std::string_view names[phase_count] = {"data", "forward", "backward", "exposed", "optimizer"};
  return names[static_cast<std::size_t>(phase)];
}

StepLog::StepLog(std::function<double()> now_s, std::size_t most_spans)
    : now_s_(std::move(now_s)), most_spans_(most_spans) {
  spans_.reserve(most_spans_);
}

void StepLog::begin_step() {
  spans_.clear();
  running_ = false;
  std::fill(std::begin(totals_s_), std::end(totals_s_), 0.0);
}

void StepLog::end(double now_s) {
  current_.end_s = now_s;
  running_ = false;
  totals_s_[static_cast<std::size_t>(current_.phase)] += current_.end_s - current_.begin_s;
  if (spans_.size() < most_spans_) spans_.push_back(current_);
}

}  // namespace assay::training
