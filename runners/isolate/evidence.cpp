#include "runners/isolate/evidence.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace assay {

namespace {

double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

Evidence::Evidence(const IsolationSettings& settings)
    : settings_(settings),
      delta_(std::log1p(settings.noticeable)),
      noise_(settings.noise),
      enough_(std::log(most_suspects / settings.false_accusation)) {}

double Evidence::logarithm(const IsolationOutcome& outcome) const {
  return settings_.higher_is_better ? -std::log(outcome.value) : std::log(outcome.value);
}

Reference Evidence::centre(const std::vector<double>& logarithms) {
  if (logarithms.empty()) return {};
  std::vector<double> means;
  for (std::size_t i = 0; i < logarithms.size(); ++i) {
    for (std::size_t j = i; j < logarithms.size(); ++j) means.push_back((logarithms[i] + logarithms[j]) / 2);
  }
  const auto count = static_cast<double>(logarithms.size());
  return {middle(std::move(means)), count < 3 ? count : 0.9 * count};
}

Reference Evidence::fast_ones(std::vector<double> logarithms) const {
  std::sort(logarithms.begin(), logarithms.end());
  const std::size_t count = logarithms.size();
  if (count >= many) {
    // Most are good, unless there is a step with an eighth of them or more, but not most, below it.
    for (std::size_t i = (count + 7) / 8; 2 * i <= count; ++i) {
      if (logarithms[i] - logarithms[i - 1] > 0.6 * delta_) {
        logarithms.resize(i);
        return centre(logarithms);
      }
    }
    return {middle(logarithms), 2 * static_cast<double>(count) / std::numbers::pi};
  }
  // Few: the two clusters with the least sum of squares, if their means are far enough apart.
  const auto mean = [&](std::size_t from, std::size_t to) {
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += logarithms[i];
    return sum / static_cast<double>(to - from);
  };
  std::size_t cut = count;
  double best = 0;
  for (std::size_t i = 1; i < count; ++i) {
    const double apart = mean(i, count) - mean(0, i);
    const double between = apart * apart * static_cast<double>(i * (count - i));
    if (between <= best) continue;
    best = between;
    cut = apart > 0.6 * delta_ ? i : count;
  }
  logarithms.resize(cut);
  return centre(logarithms);
}

void Evidence::learn_noise(const std::vector<double>& logarithms) {
  const std::size_t count = logarithms.size();
  if (count < many) return;
  std::vector<double> apart;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) apart.push_back(std::abs(logarithms[i] - logarithms[j]));
  }
  const std::size_t half = count / 2 + 1;
  const auto quarter = apart.begin() + static_cast<std::ptrdiff_t>(half * (half - 1) / 2 - 1);
  std::nth_element(apart.begin(), quarter, apart.end());
  const auto n = static_cast<double>(count);
  const double spread = 2.2219 * *quarter * n / (n + (count % 2 == 0 ? 3.8 : 1.4));
  noise_ = std::max(noise_, spread / (1 + 0.78 / std::sqrt(n)));
}

double Evidence::of(const Launches& launches, const Reference& reference) const {
  if (launches.empty()) return 0;
  const auto count = static_cast<double>(launches.size());
  double ratio = 0;
  if (slowness()) {
    double sum = 0;
    for (const IsolationOutcome& launch : launches)
      sum += launch.completed ? std::min(logarithm(launch) - reference.level, delta_) : delta_;
    const double variance = noise_ * noise_ * (1 / count + 1 / reference.worth);
    ratio = delta_ * (sum / count - delta_ / 2) / variance;
  } else {
    for (const IsolationOutcome& launch : launches)
      ratio += launch.completed ? std::log(0.04 / 0.99) : std::log(0.96 / 0.01);
  }
  return std::min(ratio, count * enough_ / 2);
}

double Evidence::factor(const Launches& launches, const Reference& reference) const {
  double sum = 0, count = 0;
  for (const IsolationOutcome& launch : launches) {
    if (!launch.completed || !slowness()) continue;
    sum += logarithm(launch) - reference.level;
    ++count;
  }
  return count > 0 ? std::exp(sum / count) : 1;
}

}  // namespace assay
