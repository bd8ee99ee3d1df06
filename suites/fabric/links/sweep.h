// What rank 0 makes of the times of all pairs: which to measure again, and the matrix for the record.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "reports/record/link_matrix.h"

namespace assay::bench {

/// Seconds a message of every pair, upper triangle row by row (see pair_index in link_matrix.h).
class PairTimes {
 public:
  explicit PairTimes(std::size_t members);

  /// A sweep's times; `counts`: they belong to the record.
  void take(std::vector<float> seconds, bool counts);

  /// Of the last sweep; of an even number the mean of the middle two.
  double median_s() const;
  double slowest_s() const;

  /// The slowest pairs of the last sweep, slowest first, at most `count`. A member comes at most twice, so
  /// that one slow node does not hide a slow link elsewhere.
  std::vector<std::pair<int, int>> slowest(int count) const;
  /// Up to `count` ordinary pairs (within 5 % of the median) to compare those with, none of them among
  /// `not_these`; where is chosen by `seed`.
  std::vector<std::pair<int, int>> ordinary(int count, const std::vector<std::pair<int, int>>& not_these,
                                            std::uint64_t seed) const;

  /// Rates of all sweeps that count, by their mean time.
  std::vector<std::uint16_t> codes(std::uint64_t message_bytes) const;

 private:
  std::pair<int, int> pair_at(std::size_t index) const;

  std::size_t members_;
  std::vector<float> last_;
  std::vector<float> sum_;
  int sweeps_ = 0;
};

}  // namespace assay::bench
