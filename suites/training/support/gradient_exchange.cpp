#include "suites/training/support/gradient_exchange.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "suites/training/support/host_view.h"

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

/// A prime, so that samples wander through rows and columns; on a device a multiple of it.
std::int64_t sample_stride(std::int64_t length, bool apart) {
  constexpr std::int64_t prime = 4093, most_copies = 1024;
  return apart ? prime * std::max<std::int64_t>(1, (length + prime * most_copies - 1) / (prime * most_copies))
               : prime;
}

}  // namespace

GradientExchange::GradientExchange(MPI_Comm group, const ExchangeSettings& settings, device::Device& device)
    : group_(group),
      settings_(settings),
      device_(device),
      exact_(device::exact_of(settings.element)),
      sample_stride_(sample_stride(settings.flat_length, apart(device))),
      samples_(device.allocate(
          2 * static_cast<std::size_t>((settings.flat_length + sample_stride_ - 1) / sample_stride_) *
          bytes_of(exact_))) {
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

void GradientExchange::begin(std::int64_t flat_end, bool sampled) {
  end_ = complete_from_ = given_from_ = flat_end;
  sampled_ = sampled;
}

void GradientExchange::complete_from(std::int64_t flat_begin) {
  if (flat_begin >= complete_from_) return;
  if (sampled_) keep_samples(flat_begin, complete_from_);
  const std::int64_t to = complete_from_;
  complete_from_ = flat_begin;
  start(flat_begin, to);
}

/// Only begun, as all that a step does on a device.
void GradientExchange::keep_samples(std::int64_t from, std::int64_t to) {
  const std::size_t each = bytes_of(exact_);
  auto* const kept = static_cast<std::byte*>(samples_->device());
  for (std::int64_t i = (from + sample_stride_ - 1) / sample_stride_; i * sample_stride_ < to; ++i)
    device_.copy(kept + static_cast<std::size_t>(i) * each, gradient(i * sample_stride_), each);
}

/// The contributions of this rank, then the sums as they are now.
std::vector<double> GradientExchange::values_of_samples(std::size_t count) const {
  const std::size_t each = bytes_of(exact_);
  auto* const sums = static_cast<std::byte*>(samples_->device()) + samples_->bytes() / 2;
  for (std::size_t i = 0; i < count; ++i)
    device_.copy(sums + i * each, gradient(static_cast<std::int64_t>(i) * sample_stride_), each);
  device_.finish();
  samples_->pull();
  const std::size_t most = samples_->bytes() / each / 2;
  std::vector<double> values(2 * count);
  const auto take = [&]<typename T>(const T* from) {
    std::copy_n(from, count, values.begin());
    std::copy_n(from + most, count, values.begin() + static_cast<std::ptrdiff_t>(count));
  };
  if (exact_ == Element::f64) {
    take(static_cast<const double*>(samples_->host()));
  } else {
    take(static_cast<const float*>(samples_->host()));
  }
  return values;
}

ExchangeCheck GradientExchange::verify() const {
  ExchangeCheck check;
  const auto count = static_cast<std::size_t>((end_ + sample_stride_ - 1) / sample_stride_);
  const std::vector<double> values = values_of_samples(count);
  std::vector<double> sums(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
  std::vector<double> sizes(count);
  std::transform(sums.begin(), sums.end(), sizes.begin(), [](double value) { return std::abs(value); });
  for (std::vector<double>* one : {&sums, &sizes})
    MPI_Allreduce(MPI_IN_PLACE, one->data(), static_cast<int>(count), MPI_DOUBLE, MPI_SUM, group_);
  const Block own = settings_.shard_length > 0 ? shard_of_rank(rank_) : Block{0, end_};
  const double epsilon =
      exact_ == Element::f64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t element = static_cast<std::int64_t>(i) * sample_stride_;
    if (element < own.begin || element >= own.begin + own.count) continue;
    ++check.compared;
    const double error = std::abs(values[count + i] - sums[i]);
    if (error == 0) continue;
    const double bound = ranks_ * epsilon * sizes[i];
    const double relative = bound > 0 ? error / bound : std::numeric_limits<double>::infinity();
    if (!(relative <= check.worst)) check.worst = relative;
    if (std::isnan(relative)) break;
  }
  return check;
}

}  // namespace assay::training
