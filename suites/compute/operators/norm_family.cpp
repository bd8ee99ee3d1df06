// LayerNorm or RMSNorm, forward and backward.
//
// x is off its mean by up to k u (|x| + A), A the mean of |x| (RMSNorm: 0), k = C + 8; the deviation
// relatively by k u (2 + mean (|x| + A)^2 / variance).
#include <cmath>

#include "suites/compute/operators/family.h"

namespace assay::bench::operators {

namespace {

class NormFamily final : public Family {
  enum : std::size_t {
    x,
    gamma,
    beta,
    y,
    mean,
    deviation,
    dy,
    saved_mean,
    saved_deviation,
    dx,
    dgamma,
    dbeta
  };

 public:
  explicit NormFamily(const FamilySetting& setting)
      : Family(setting), rows_(setting.step.rows()), width_(setting.step.model.width) {
    const std::int64_t centred_rows = gpt() ? rows_ : 0, centred_width = gpt() ? width_ : 0;
    std::vector<Operand> operands = {{"x", element(), rows_ * width_},
                                     {"gamma", element(), width_},
                                     {"beta", element(), centred_width},
                                     {"y", element(), rows_ * width_, Use::output},
                                     {"mean", exact(), centred_rows, Use::output},
                                     {"deviation", exact(), rows_, Use::output},
                                     {"dy", element(), rows_ * width_},
                                     {"mean of before", exact(), centred_rows},
                                     {"deviation of before", exact(), rows_},
                                     {"dx", element(), rows_ * width_, Use::accumulated},
                                     {"dgamma", exact(), width_, Use::accumulated},
                                     {"dbeta", exact(), centred_width, Use::accumulated}};
    std::vector<std::size_t> forward = {y, deviation}, backward = {dx, dgamma};
    if (gpt()) {
      forward.push_back(mean);
      backward.push_back(dbeta);
    }
    define(std::move(operands),
           {timed(
                "norm_forward", [this](int slot) { normalise(slot, mean, deviation); }, forward),
            timed(
                "norm_backward", [this](int slot) { normalise_backward(slot); }, backward)});
  }

 protected:
  void derive() override {
    for (int slot = 0; slot < slots(); ++slot) normalise(slot, saved_mean, saved_deviation);
    ring_->pull({saved_mean, saved_deviation});
  }

  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const override {
    if (operand == dgamma || operand == dbeta) return column(slot, operand, index, calls);
    if (operand == dx) return input_gradient(slot, index / width_, index % width_, calls);
    const std::int64_t row = operand == y ? index / width_ : index;
    const Row of = describe(slot, row);
    if (operand == mean) return {of.mean, k() * of.size};
    const double scale = 1 / std::sqrt(of.variance + 1e-5), worse = 2 + of.wide_square * scale * scale;
    if (operand == deviation) return {scale, k() * scale * worse};
    const std::int64_t c = index % width_;
    const double in = value(slot, x, index), gain = value(slot, gamma, c),
                 shift = gpt() ? value(slot, beta, c) : 0;
    return {(in - of.mean) * scale * gain + shift,
            k() * ((std::abs(in) + of.size) * scale * worse * std::abs(gain) + std::abs(shift))};
  }

 private:
  struct Row {
    double mean = 0, variance = 0, size = 0, wide_square = 0;
  };

  double k() const { return static_cast<double>(width_ + 8) * u(); }

  void normalise(int slot, std::size_t means, std::size_t deviations) {
    if (gpt())
      device().layer_norm_forward(rows_, width_, at(slot, x), at(slot, gamma), at(slot, beta), at(slot, y),
                                  at(slot, means), at(slot, deviations));
    else
      device().rms_norm_forward(rows_, width_, at(slot, x), at(slot, gamma), at(slot, y),
                                at(slot, deviations));
  }
  void normalise_backward(int slot) {
    if (gpt())
      device().layer_norm_backward(rows_, width_, at(slot, dy), at(slot, x), at(slot, gamma),
                                   at(slot, saved_mean), at(slot, saved_deviation), at(slot, dx),
                                   at(slot, dgamma), at(slot, dbeta));
    else
      device().rms_norm_backward(rows_, width_, at(slot, dy), at(slot, x), at(slot, gamma),
                                 at(slot, saved_deviation), at(slot, dx), at(slot, dgamma));
  }

  Row describe(int slot, std::int64_t row) const {
    const double n = static_cast<double>(width_);
    Row of;
    for (std::int64_t c = 0; gpt() && c < width_; ++c) {
      of.mean += value(slot, x, row * width_ + c) / n;
      of.size += std::abs(value(slot, x, row * width_ + c)) / n;
    }
    for (std::int64_t c = 0; c < width_; ++c) {
      const double in = value(slot, x, row * width_ + c);
      of.variance += (in - of.mean) * (in - of.mean) / n;
      of.wide_square += (std::abs(in) + of.size) * (std::abs(in) + of.size) / n;
    }
    return of;
  }

  Expected input_gradient(int slot, std::int64_t row, std::int64_t column_of, std::int64_t calls) const {
    const double n = static_cast<double>(width_), scale = value(slot, saved_deviation, row),
                 middle = gpt() ? value(slot, saved_mean, row) : 0,
                 size = gpt() ? describe(slot, row).size : 0;
    double by_mean = 0, by_mean_size = 0, product = 0, product_size = 0;
    for (std::int64_t c = 0; c < width_; ++c) {
      const double in = value(slot, x, row * width_ + c),
                   up = value(slot, dy, row * width_ + c) * value(slot, gamma, c);
      by_mean += gpt() ? up / n : 0;
      by_mean_size += gpt() ? std::abs(up) / n : 0;
      product += up * (in - middle) * scale / n;
      product_size += std::abs(up) * (std::abs(in) + size) * scale / n;
    }
    const double in = value(slot, x, row * width_ + column_of),
                 up = value(slot, dy, row * width_ + column_of) * value(slot, gamma, column_of),
                 gradient = scale * (up - by_mean - (in - middle) * scale * product),
                 gradient_size =
                     scale * (std::abs(up) + by_mean_size + (std::abs(in) + size) * scale * product_size),
                 begin = ring_->beginning(dx, row * width_ + column_of), times = static_cast<double>(calls),
                 reached = begin + times * gradient_size;
    // Each call adds its gradient's error and rounds the sum.
    return {begin + times * gradient, times * (k() * gradient_size + (2 * u() + storing()) * reached)};
  }

  /// dgamma or dbeta. |x| is below one, so A is too.
  Expected column(int slot, std::size_t operand, std::int64_t c, std::int64_t calls) const {
    double sum = 0, size = 0;
    for (std::int64_t row = 0; row < rows_; ++row) {
      const double in = value(slot, x, row * width_ + c), up = value(slot, dy, row * width_ + c),
                   scale = value(slot, saved_deviation, row),
                   middle = gpt() ? value(slot, saved_mean, row) : 0;
      sum += operand == dgamma ? up * (in - middle) * scale : up;
      size += operand == dgamma ? std::abs(up) * (std::abs(in) + (gpt() ? 1 : 0)) * scale : std::abs(up);
    }
    const double times = static_cast<double>(calls), begin = ring_->beginning(operand, c);
    return {begin + times * sum, times * static_cast<double>(rows_ + 8) * u() * (begin + times * size)};
  }

  const std::int64_t rows_, width_;
};

}  // namespace

std::unique_ptr<Family> norm_family(const FamilySetting& setting) {
  return std::make_unique<NormFamily>(setting);
}

}  // namespace assay::bench::operators
