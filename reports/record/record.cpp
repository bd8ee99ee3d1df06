#include "reports/record/record.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace assay {

std::string to_string(const ParameterValue& value) {
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.15g", *real);
    return buffer.data();
  }
  return std::get<std::string>(value);
}

std::optional<double> quantile(const Histogram& histogram, double q) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : histogram.counts) total += count;
  if (total == 0) return std::nullopt;
  const auto needed = static_cast<std::uint64_t>(std::max(1.0, std::ceil(q * static_cast<double>(total))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    seen += histogram.counts[i];
    if (seen >= needed) {
      return std::exp2(static_cast<double>(histogram.first + static_cast<int>(i) + 1) / histogram.per_octave);
    }
  }
  return std::nullopt;
}

std::optional<double> reduce_samples(Reduce reduce, const std::vector<double>& samples) {
  if (samples.empty()) return std::nullopt;
  for (const double sample : samples) {
    if (!std::isfinite(sample) || sample < 0) return std::nullopt;
  }
  const std::size_t n = samples.size();
  const auto nearest_rank = [&](double q) {
    std::vector<double> sorted(samples);
    const std::size_t rank =
        std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(q * static_cast<double>(n))));
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank - 1), sorted.end());
    return sorted[rank - 1];
  };
  switch (reduce) {
    case Reduce::median: {
      if (n == 1) return samples[0];
      std::vector<double> sorted(samples);
      const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(n / 2);
      std::nth_element(sorted.begin(), middle, sorted.end());
      if (n % 2 == 1) return *middle;
      return (*middle + *std::max_element(sorted.begin(), middle)) / 2;
    }
    case Reduce::mean:
      return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(n);
    case Reduce::min:
      return *std::min_element(samples.begin(), samples.end());
    case Reduce::max:
      return *std::max_element(samples.begin(), samples.end());
    case Reduce::p95:
      return nearest_rank(0.95);
    case Reduce::p99:
      return nearest_rank(0.99);
    case Reduce::p99_9:
      return nearest_rank(0.999);
    case Reduce::total:
      return std::accumulate(samples.begin(), samples.end(), 0.0);
  }
  return std::nullopt;
}

namespace {

/// Which share of single operations a reduction asks for; absent for those that need the samples.
std::optional<double> share_below(Reduce reduce) {
  switch (reduce) {
    case Reduce::median:
      return 0.5;
    case Reduce::min:
      return 0.0;
    case Reduce::max:
      return 1.0;
    case Reduce::p95:
      return 0.95;
    case Reduce::p99:
      return 0.99;
    case Reduce::p99_9:
      return 0.999;
    case Reduce::mean:
    case Reduce::total:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> value_of(const FigureOfMerit& fom, const DeviceResult& device) {
  const std::vector<double>* samples = &device.samples_s;
  const std::optional<Histogram>* histogram = &device.histogram;
  if (!fom.series.empty()) {
    const auto series = device.series.find(fom.series);
    if (series == device.series.end()) return std::nullopt;
    samples = &series->second.samples;
    histogram = &series->second.histogram;
  }
  const auto share = share_below(fom.reduce);
  const auto reduced =
      *histogram && share ? quantile(**histogram, *share) : reduce_samples(fom.reduce, *samples);
  if (!reduced) return std::nullopt;
  const double value = fom.numerator ? *fom.numerator / *reduced : *reduced;
  if (!std::isfinite(value) || value < 0 || (value == 0 && fom.unit != "1")) return std::nullopt;
  return value;
}

std::string CaseIdentity::key() const {
  std::string text = benchmark;
  for (const auto& [name, value] : parameters) {
    text += ' ';
    text += name;
    text += '=';
    text += to_string(value);
  }
  text += " @";
  switch (geometry.placement) {
    case Placement::fixed:
      text += std::to_string(geometry.nodes);
      break;
    case Placement::all:
      text += "all";
      break;
    case Placement::each:
      text += "each";
      break;
    case Placement::pairs:
      text += "pairs";
      break;
  }
  text += 'x';
  text += std::to_string(geometry.ranks_per_node);
  if (geometry.threads_per_rank > 0) text += "x" + std::to_string(geometry.threads_per_rank);
  return text;
}

}  // namespace assay
