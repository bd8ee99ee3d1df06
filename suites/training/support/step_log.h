// Where a step's time went: what a rank did, one after the other. The spans of a step do not overlap; what is
// between them belongs to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace assay::training {

enum class Phase {
  data,       ///< waiting for the loader, copying
  forward,    ///< tensor-parallel exchanges included
  backward,   ///< likewise
  exposed,    ///< communication that nothing was computed beside
  optimizer,  ///< norm of the gradients, AdamW
};

inline constexpr std::size_t phase_count = 5;

/// "data", "forward", ...
std::string_view name_of(Phase phase);

struct Span {
  Phase phase = Phase::data;
  std::string_view what;          ///< a literal: "receive from the stage before"
  std::int64_t micro_batch = -1;  ///< -1: of the whole step
  double begin_s = 0, end_s = 0;
};

class StepLog {
 public:
  /// Room for this many spans of a step; those beyond are counted in total_s and not kept.
  StepLog(std::function<double()> now_s, std::size_t most_spans);

  void begin_step();
  /// Does `work` and keeps when. Within another one's work it interrupts that: the outer span ends, and goes
  /// on as a new one afterwards.
  template <typename Work>
  void time(Phase phase, std::string_view what, std::int64_t micro_batch, Work&& work) {
    const double begin_s = now_s_();
    const Span outer = current_;
    const bool interrupts = running_;
    if (interrupts) end(begin_s);
    current_ = {phase, what, micro_batch, begin_s, 0};
    running_ = true;
    work();
    const double end_s = now_s_();
    end(end_s);
    if (!interrupts) return;
    current_ = outer;
    current_.begin_s = end_s;
    running_ = true;
  }

  const std::vector<Span>& spans() const { return spans_; }  ///< of the latest step
  double total_s(Phase phase) const { return totals_s_[static_cast<std::size_t>(phase)]; }

 private:
  void end(double now_s);

  const std::function<double()> now_s_;
  const std::size_t most_spans_;
  Span current_;
  bool running_ = false;
  std::vector<Span> spans_;
  double totals_s_[phase_count] = {};
};

}  // namespace assay::training
