// training/llm_step: how long each rank itself worked in each step, which one made the others wait, and what
// the time of that one went into.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reports/record/rank_map.h"
#include "suites/harness/process_group.h"
#include "suites/training/support/step_log.h"

namespace assay::bench {

/// One step on one rank, seconds.
struct OwnStep {
  double whole_s = 0;  ///< from where the barrier let it go to where it had its new weights
  std::array<double, training::phase_count> phases_s{};
  double within_layers_s = 0;  ///< exchanges of tensor-parallel ranks, within forward and backward

  /// What the rank itself worked: the step without communication that nothing was computed beside, which is
  /// where a rank waits for others.
  double own_s() const;
};

/// share_forward, share_backward, share_exposed, share_optimizer, share_data, share_other, whose sum is 1,
/// and share_within_layers, which is part of forward and backward. Empty for no time at all. Pure.
std::map<std::string, double> shares_of(const OwnStep& sum);

/// What a rank tells of all its recorded steps.
struct RankReport {
  RankRow row;
  OwnStep sum;
};

/// The rank that was last most often; of equals the one with the larger median, then the first. There is one.
std::size_t slowest_rank(const std::vector<RankReport>& ranks);

/// slowest_rank, slowest_rank_share (how often it was the last), rank_spread (largest median own time over
/// the median of them), rank_jitter (the largest) and most_jittery_rank; the shares of the slowest rank's
/// steps. Empty without ranks or steps. Pure.
std::map<std::string, double> rank_metrics(const std::vector<RankReport>& ranks, std::int64_t steps);

class RankTimes {
 public:
  explicit RankTimes(const ProcessGroup& group) : group_(group) {}

  /// Collective: a recorded step has ended. Not to be called within what is timed.
  void add(const OwnStep& own);
  /// Collective: the steps so far of all ranks, on rank 0; elsewhere empty.
  void gather();

  std::int64_t steps() const { return static_cast<std::int64_t>(own_s_.size()); }
  /// On rank 0 after `gather`.
  const std::vector<RankReport>& ranks() const { return ranks_; }
  RankMap map() const;

 private:
  const ProcessGroup& group_;
  std::vector<double> own_s_;
  OwnStep sum_;
  std::int64_t last_ = 0;
  std::vector<RankReport> ranks_;
};

}  // namespace assay::bench
