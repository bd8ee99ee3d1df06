// The statistics of verdicts: pure functions of counts and numbers. Sources of the formulas are named at
// each.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "reports/plan/plan.h"

namespace assay {

// ---- E-values of one series of launches -------------------------------------------------------------------

/// Largest E-value that is ever returned: finite, so that it can be written as JSON and averaged. Capping an
/// E-value only weakens the evidence.
inline constexpr double largest_e_value = 1e300;

/// Evidence that more than the share `share` of launches meets the limit, after `met` that do and `missed`
/// that do not: the likelihood of the counts with p uniform on [share, 1], over that with p = share,
///
///     E_pass = 1 / (1 - share) * integral from share to 1 of (p / share)^s ((1 - p) / (1 - share))^f dp
///            = sum_{i=0..s} t_i,   t_0 = 1 / (f + 1),   t_{i+1} = t_i * (s - i) / (f + 2 + i) * (1 - share)
///            / share
///
/// (the incomplete beta function as a binomial tail, Abramowitz and Stegun 26.5.24, with the factors divided
/// out; all terms are positive, nothing cancels). At share 1/2 it is sum_{j<=s} C(n+1, j) / ((n+1) C(n, s)).
/// A non-negative supermartingale when each launch's chance is at most `share` (Ramdas, Grünwald, Vovk,
/// Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023). 7 of 7 gives 255/8. Launches
/// without a value count as missed here, and not at all in e_fail.
double e_pass(int met, int missed, double share = 0.5);

/// Evidence that less than `share` meets it: p uniform on [0, share]. Equal to e_pass(missed, met, 1 -
/// share).
double e_fail(int met, int missed, double share = 0.5);

/// E-values by counts, computed once each: a fleet asks for the same few over and over. Not for use by
/// several threads at once.
class EValues {
 public:
  explicit EValues(double share) : share_(share) {}
  double pass(int met, int missed) { return look_up(pass_, met, missed, share_); }
  double fail(int met, int missed) { return look_up(fail_, missed, met, 1 - share_); }
  double share() const { return share_; }

 private:
  using Table = std::vector<std::vector<double>>;  ///< [missed][met], NaN where not computed
  static double look_up(Table& table, int good, int bad, double share);

  double share_;
  Table pass_, fail_;
};

// ---- Decisions --------------------------------------------------------------------------------------------

/// Fewest of n launches that must meet the limit for a pass; absent when not even n do.
/// `decided`: E_pass >= 1 / alpha. `fixed`: the exact one-sided sign test, P(Bin(n, share) >= s) <= alpha.
std::optional<int> fewest_met(int launches, double alpha, double share, StopRule stop);

/// Fewest of n launches that must miss the limit for a fail; absent when not even n do.
std::optional<int> fewest_missed(int launches, double alpha, double share, StopRule stop);

/// P(Bin(n, share) >= s), exact to rounding.
double binomial_upper_tail(int launches, int at_least, double share);

/// Ranks (from 1, ascending) of the two one-sided bounds among n sorted values of which higher is better:
/// pass <=> limit <= x_(lower), fail <=> limit > x_(upper).
struct IntervalRanks {
  std::optional<int> lower, upper;
};
IntervalRanks interval_ranks(int launches, double alpha, double share, StopRule stop);

/// Fewest launches that can give a pass, and that can give a fail, when all agree; the larger of the two. A
/// plan whose `max` is below can never decide. 7 for decided, 5 for fixed at confidence 0.95 and share 0.5.
int fewest_deciding_launches(double confidence, double share, StopRule stop);

// ---- Fleets -----------------------------------------------------------------------------------------------

/// Devices that may miss under "at least x %": M - ceil(M x / 100), in integers (x to a millionth).
std::size_t allowed_to_miss(std::size_t devices, double device_share);

/// Mean of the `count` smallest (at least one) of `values`; reorders them. Means of E-values are E-values
/// under any dependence.
double mean_of_smallest(std::vector<double>& values, std::size_t count);

/// e-BH (Wang and Ramdas, "False discovery rate control with e-values", 2022): indices of the values with
/// E >= M / (alpha r), r the largest number for which r values do.
std::vector<std::size_t> e_bh(const std::vector<double>& e_values, double alpha);

/// Screening: which values stand out to the bad side of their siblings by more than 3 % and 4.5 robust
/// standard deviations (1.4826 MAD, at least 0.1 % of the median). `resolution` is the smallest slowness (a
/// share of the median) that would have been found nearly always: max(3 %, 6.15 scale / median).
struct Screening {
  double centre = 0, scale = 0, resolution = 0;
  std::vector<std::size_t> flagged;
};
Screening screen(const std::vector<double>& values, bool higher_is_better);

// ---- Descriptions of a series -----------------------------------------------------------------------------

/// Median; the mean of the middle two of an even number. `values` is not empty and is reordered.
double median_in_place(std::vector<double>& values);
double median_of(std::vector<double> values);
/// Median absolute deviation from the median.
double mad_of(const std::vector<double>& values);
/// Share q of sorted values, interpolated linearly between neighbours (Hyndman and Fan's type 7).
double quantile_of_sorted(const std::vector<double>& sorted, double q);

/// Two-sided p-value of the Mann-Kendall test for a monotonic trend, with ties and continuity correction
/// (Mann 1945; Kendall, "Rank Correlation Methods"). 1 below 4 values.
double trend_p_value(const std::vector<double>& values);

/// One-sided p-value for neighbours that are alike: the rank version of von Neumann's ratio (Bartels, JASA
/// 77, 1982), normal approximation. 1 below 10 values.
double clustering_p_value(const std::vector<double>& values);

}  // namespace assay
