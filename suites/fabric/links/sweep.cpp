#include "suites/fabric/links/sweep.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

#include "suites/fabric/links/payload.h"

namespace assay::bench {

namespace {

constexpr int most_per_member = 2;
constexpr std::size_t tries_per_pair = 1000;
constexpr double ordinary_within = 0.05;

}  // namespace

PairTimes::PairTimes(std::size_t members)
    : members_(members), last_(pair_count(members), 0), sum_(pair_count(members), 0) {}

void PairTimes::take(std::vector<float> seconds, bool counts) {
  last_ = std::move(seconds);
  if (!counts) return;
  for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += last_[i];
  ++sweeps_;
}

double PairTimes::median_s() const {
  std::vector<float> times = last_;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  if (times.size() % 2 == 1) return *middle;
  return (static_cast<double>(*middle) + *std::max_element(times.begin(), middle)) / 2;
}

double PairTimes::slowest_s() const {
  return *std::max_element(last_.begin(), last_.end());
}

std::pair<int, int> PairTimes::pair_at(std::size_t index) const {
  // The last row that begins at or before the index.
  std::size_t low = 0, high = members_ - 1;
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (pair_index(members_, middle, middle + 1) <= index ? low : high) = middle;
  }
  return {static_cast<int>(low), static_cast<int>(low + 1 + index - pair_index(members_, low, low + 1))};
}

std::vector<std::pair<int, int>> PairTimes::slowest(int count) const {
  if (count <= 0) return {};
  // Slow nodes have n - 1 slow pairs each: some more rows than asked for are looked through.
  const std::size_t wanted = std::min(last_.size(), static_cast<std::size_t>(count) * members_);
  using Entry = std::pair<float, std::size_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> top;
  for (std::size_t i = 0; i < last_.size(); ++i) {
    if (top.size() == wanted && last_[i] <= top.top().first) continue;
    top.emplace(last_[i], i);
    if (top.size() > wanted) top.pop();
  }
  std::vector<Entry> slow;
  for (; !top.empty(); top.pop()) slow.push_back(top.top());
  std::reverse(slow.begin(), slow.end());
  std::vector<std::pair<int, int>> chosen;
  std::vector<int> times_taken(members_, 0);
  for (const auto& [seconds, index] : slow) {
    if (chosen.size() == static_cast<std::size_t>(count)) break;
    const auto [first, second] = pair_at(index);
    int& a = times_taken[static_cast<std::size_t>(first)];
    int& b = times_taken[static_cast<std::size_t>(second)];
    if (a >= most_per_member || b >= most_per_member) continue;
    ++a;
    ++b;
    chosen.emplace_back(first, second);
  }
  return chosen;
}

std::vector<std::pair<int, int>> PairTimes::ordinary(int count,
                                                     const std::vector<std::pair<int, int>>& not_these,
                                                     std::uint64_t seed) const {
  std::vector<std::pair<int, int>> chosen;
  if (count <= 0) return chosen;
  const double median = median_s();
  const std::size_t tries = std::min(last_.size(), tries_per_pair * static_cast<std::size_t>(count));
  // All of them in a scattered order where they are few, else samples.
  const bool every = tries == last_.size();
  std::size_t at = link_mix(seed) % last_.size();
  for (std::size_t i = 0; i < tries && chosen.size() < static_cast<std::size_t>(count); ++i) {
    at = every ? (at + 1) % last_.size() : link_mix(seed + i) % last_.size();
    if (std::abs(last_[at] - median) > ordinary_within * median) continue;
    const auto pair = pair_at(at);
    const auto known = [&](const auto& pairs) {
      return std::find(pairs.begin(), pairs.end(), pair) != pairs.end();
    };
    if (!known(not_these) && !known(chosen)) chosen.push_back(pair);
  }
  return chosen;
}

std::vector<std::uint16_t> PairTimes::codes(std::uint64_t message_bytes) const {
  std::vector<std::uint16_t> codes(sum_.size(), 0);
  for (std::size_t i = 0; i < sum_.size() && sweeps_ > 0; ++i) {
    if (sum_[i] > 0) codes[i] = link_code(static_cast<double>(message_bytes) * sweeps_ / sum_[i]);
  }
  return codes;
}

}  // namespace assay::bench
