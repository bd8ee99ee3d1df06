#include "reports/judge/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace assay {

namespace {

/// Smallest number of [low, high] for which `holds`, which holds for `high` and for all above the first.
template <typename Holds>
int fewest_that(int low, int high, const Holds& holds) {
  while (low < high) {
    const int middle = (low + high) / 2;
    if (holds(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return high;
}

double sum_of_terms(int good, int bad, double share) {
  const double odds = (1 - share) / share;
  double term = 1.0 / (bad + 1.0);
  double sum = term;
  for (int i = 0; i < good; ++i) {
    term *= odds * (good - i) / (bad + 2.0 + i);
    sum += term;
    // Terms rise to one peak and fall: what comes after it can be left out once it no longer shows.
    if (sum >= largest_e_value) return largest_e_value;
    if (term < sum * 1e-18 && odds * (good - i) < bad + 2.0 + i) break;
  }
  return sum;
}

}  // namespace

double e_pass(int met, int missed, double share) {
  return sum_of_terms(met, missed, share);
}

double e_fail(int met, int missed, double share) {
  return sum_of_terms(missed, met, 1 - share);
}

double EValues::look_up(Table& table, int good, int bad, double share) {
  constexpr int remembered = 4096;
  if (good >= remembered || bad >= remembered) return sum_of_terms(good, bad, share);
  const auto row_index = static_cast<std::size_t>(bad), column = static_cast<std::size_t>(good);
  if (table.size() <= row_index) table.resize(row_index + 1);
  auto& row = table[row_index];
  if (row.size() <= column) row.resize(column + 8, std::numeric_limits<double>::quiet_NaN());
  double& value = row[column];
  if (std::isnan(value)) value = sum_of_terms(good, bad, share);
  return value;
}

double binomial_upper_tail(int launches, int at_least, double share) {
  if (at_least <= 0) return 1;
  if (at_least > launches) return 0;
  const double log_share = std::log(share), log_other = std::log1p(-share);
  double tail = 0;
  // From the small end, so that little is lost to rounding.
  for (int j = launches; j >= at_least; --j) {
    const double log_term = std::lgamma(launches + 1.0) - std::lgamma(j + 1.0) -
                            std::lgamma(launches - j + 1.0) + j * log_share + (launches - j) * log_other;
    tail += std::exp(log_term);
  }
  return std::min(tail, 1.0);
}

std::optional<int> fewest_met(int launches, double alpha, double share, StopRule stop) {
  const auto decides = [&](int met) {
    // A hair's breadth of rounding must not turn a test that decides exactly at alpha into one that does not.
    constexpr double rounding = 1e-12;
    if (stop == StopRule::fixed) return binomial_upper_tail(launches, met, share) <= alpha * (1 + rounding);
    return e_pass(met, launches - met, share) * alpha >= 1 - rounding;
  };
  if (launches <= 0 || !decides(launches)) return std::nullopt;
  return fewest_that(0, launches, decides);  // evidence rises with the number that meet
}

std::optional<int> fewest_missed(int launches, double alpha, double share, StopRule stop) {
  return fewest_met(launches, alpha, 1 - share, stop);
}

IntervalRanks interval_ranks(int launches, double alpha, double share, StopRule stop) {
  IntervalRanks ranks;
  // limit <= x_(l) means that at least n + 1 - l values meet it.
  if (const auto met = fewest_met(launches, alpha, share, stop)) ranks.lower = launches + 1 - *met;
  // limit > x_(u) means that at least u values miss it.
  if (const auto missed = fewest_missed(launches, alpha, share, stop)) ranks.upper = *missed;
  return ranks;
}

int fewest_deciding_launches(double confidence, double share, StopRule stop) {
  const auto decides = [&](int n) {
    const double alpha = 1 - confidence;
    return fewest_met(n, alpha, share, stop).has_value() && fewest_missed(n, alpha, share, stop).has_value();
  };
  constexpr int beyond_any_plan = 1 << 20;
  int high = 1;
  while (high < beyond_any_plan && !decides(high)) high *= 2;
  // high / 2 does not decide; more launches that agree never decide less.
  return fewest_that(high / 2 + 1, high, decides);
}

std::size_t allowed_to_miss(std::size_t devices, double device_share) {
  const auto millionths = static_cast<std::uint64_t>(std::llround(std::clamp(device_share, 0.0, 1.0) * 1e6));
  const std::uint64_t needed = (devices * millionths + 999'999) / 1'000'000;
  return devices - static_cast<std::size_t>(needed);
}

double mean_of_smallest(std::vector<double>& values, std::size_t count) {
  count = std::min(std::max<std::size_t>(count, 1), values.size());
  if (count < values.size()) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count) - 1, values.end());
  }
  double mean = 0;  // a running mean cannot overflow
  for (std::size_t i = 0; i < count; ++i) mean += (values[i] - mean) / static_cast<double>(i + 1);
  return mean;
}

std::vector<std::size_t> e_bh(const std::vector<double>& e_values, double alpha) {
  std::vector<std::size_t> order(e_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return e_values[a] != e_values[b] ? e_values[a] > e_values[b] : a < b;
  });
  std::size_t blamed = 0;
  const double all = static_cast<double>(e_values.size());
  for (std::size_t r = 1; r <= order.size(); ++r) {
    if (e_values[order[r - 1]] >= all / (alpha * static_cast<double>(r))) blamed = r;
  }
  order.resize(blamed);
  return order;
}

Screening screen(const std::vector<double>& values, bool higher_is_better) {
  Screening result;
  if (values.empty()) return result;
  const double sign = higher_is_better ? 1 : -1;
  result.centre = median_of(values);
  result.scale = std::max(1.4826 * mad_of(values), 0.001 * std::abs(result.centre));
  result.resolution = std::max(0.03, 6.15 * result.scale / std::abs(result.centre));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double short_by = sign * (result.centre - values[i]);
    if (short_by > 0.03 * std::abs(result.centre) && short_by / result.scale > 4.5)
      result.flagged.push_back(i);
  }
  return result;
}

double median_in_place(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  const double upper = *middle;
  if (values.size() % 2 == 1) return upper;
  const double lower = *std::max_element(values.begin(), middle);
  return lower + (upper - lower) / 2;
}

double median_of(std::vector<double> values) {
  return median_in_place(values);
}

double mad_of(const std::vector<double>& values) {
  const double centre = median_of(values);
  std::vector<double> distances(values.size());
  std::transform(values.begin(), values.end(), distances.begin(),
                 [&](double v) { return std::abs(v - centre); });
  return median_in_place(distances);
}

double quantile_of_sorted(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double trend_p_value(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 4) return 1;
  double score = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i + 1; j < values.size(); ++j)
      score += (values[j] > values[i]) - (values[j] < values[i]);
  }
  double variance = n * (n - 1) * (2 * n + 5);
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t end = i;
    while (end < sorted.size() && sorted[end] == sorted[i]) ++end;
    const auto ties = static_cast<double>(end - i);
    variance -= ties * (ties - 1) * (2 * ties + 5);
    i = end;
  }
  variance /= 18;
  if (variance <= 0 || score == 0) return 1;
  const double z = (std::abs(score) - 1) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

double clustering_p_value(const std::vector<double>& values) {
  if (values.size() < 10) return 1;
  const auto n = static_cast<double>(values.size());
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double shared = (static_cast<double>(i + end) + 1) / 2;  // mean of the ranks i + 1 .. end
    for (; i < end; ++i) ranks[order[i]] = shared;
  }
  const double mean = (n + 1) / 2;
  double neighbours = 0, total = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    total += (ranks[i] - mean) * (ranks[i] - mean);
    if (i > 0) neighbours += (ranks[i] - ranks[i - 1]) * (ranks[i] - ranks[i - 1]);
  }
  if (total <= 0) return 1;
  const double variance = 4 * (n - 2) * (5 * n * n - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) * (n - 1));
  const double z = (neighbours / total - 2) / std::sqrt(variance);
  return std::erfc(-z / std::sqrt(2.0)) / 2;
}

}  // namespace assay
