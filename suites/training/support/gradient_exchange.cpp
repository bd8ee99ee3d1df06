#include "suites/training/support/gradient_exchange.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

/// A prime, so that samples wander through rows and columns.
constexpr std::int64_t sample_stride = 4093;

}  // namespace

GradientExchange::GradientExchange(MPI_Comm group, const ExchangeSettings& settings)
    : group_(group),
      settings_(settings),
      exact_(device::exact_of(settings.element)),
      samples_(static_cast<std::size_t>((settings.flat_length + sample_stride - 1) / sample_stride)) {
  MPI_Comm_rank(group_, &rank_);
  MPI_Comm_size(group_, &ranks_);
}

void GradientExchange::use(std::byte* weights, std::byte* gradients) {
  used_weights_ = weights;
  used_gradients_ = gradients;
}

std::byte* GradientExchange::gradient(std::int64_t element) const {
  return used_gradients_ + static_cast<std::size_t>(element) * bytes_of(exact_);
}

std::byte* GradientExchange::weight(std::int64_t element) const {
  return used_weights_ + static_cast<std::size_t>(element) * bytes_of(settings_.element);
}

double GradientExchange::exact_value(std::int64_t element) const {
  if (exact_ == Element::f64) return *reinterpret_cast<const double*>(gradient(element));
  return *reinterpret_cast<const float*>(gradient(element));
}

void GradientExchange::begin(std::int64_t flat_end, bool sampled) {
  end_ = complete_from_ = flat_end;
  sampled_ = sampled;
}

void GradientExchange::complete_from(std::int64_t flat_begin) {
  if (flat_begin >= complete_from_) return;
  if (sampled_) {
    const std::int64_t first = (flat_begin + sample_stride - 1) / sample_stride;
    for (std::int64_t i = first; i * sample_stride < complete_from_; ++i)
      samples_[static_cast<std::size_t>(i)] = exact_value(i * sample_stride);
  }
  const std::int64_t to = complete_from_;
  complete_from_ = flat_begin;
  start(flat_begin, to);
}

ExchangeCheck GradientExchange::verify() const {
  ExchangeCheck check;
  const auto count = static_cast<std::size_t>((end_ + sample_stride - 1) / sample_stride);
  std::vector<double> sums(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<double> sizes(count);
  std::transform(sums.begin(), sums.end(), sizes.begin(), [](double value) { return std::abs(value); });
  for (std::vector<double>* values : {&sums, &sizes})
    MPI_Allreduce(MPI_IN_PLACE, values->data(), static_cast<int>(count), MPI_DOUBLE, MPI_SUM, group_);
  const Block own = settings_.shard_length > 0 ? shard_of_rank(rank_) : Block{0, end_};
  const double epsilon =
      exact_ == Element::f64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t element = static_cast<std::int64_t>(i) * sample_stride;
    if (element < own.begin || element >= own.begin + own.count) continue;
    ++check.compared;
    const double error = std::abs(exact_value(element) - sums[i]);
    if (error == 0) continue;
    const double bound = ranks_ * epsilon * sizes[i];
    const double relative = bound > 0 ? error / bound : std::numeric_limits<double>::infinity();
    if (!(relative <= check.worst)) check.worst = relative;
    if (std::isnan(relative)) break;
  }
  return check;
}

}  // namespace assay::training
