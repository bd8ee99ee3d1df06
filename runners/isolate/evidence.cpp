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

Reference Evidence::median(std::vector<double> logarithms) {
  if (logarithms.empty()) return {};
  const auto count = static_cast<double>(logarithms.size());
  return {middle(std::move(logarithms)), count < 3 ? count : 2 * count / std::numbers::pi};
}

Reference Evidence::fast_ones(std::vector<double> logarithms) const {
  std::sort(logarithms.begin(), logarithms.end());
  const std::size_t fewest = std::max<std::size_t>(1, (logarithms.size() + 7) / 8);
  std::size_t cut = logarithms.size();
  double widest = 0.5 * delta_;
  // From the top: what is slow twice over must not hide what is slow once.
  for (std::size_t i = fewest; i < logarithms.size(); ++i) {
    if (logarithms[i] - logarithms[i - 1] > widest) {
      cut = i;
      break;
    }
  }
  // Where the fast ones are the greater half anyway, the median of all is the safer figure.
  if (2 * cut > logarithms.size() + 1 && logarithms.size() >= 8) cut = logarithms.size();
  logarithms.resize(cut);
  return median(std::move(logarithms));
}

void Evidence::learn_noise(const std::vector<double>& logarithms, const Reference& reference) {
  std::vector<double> sizes;
  for (const double y : logarithms) sizes.push_back(std::abs(y - reference.level));
  if (sizes.size() >= 8) noise_ = std::max(noise_, 1.4826 * middle(sizes));
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
