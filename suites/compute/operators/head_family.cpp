// The fused head: logits x W^T, their largest, the sum of their exponentials, and the gradients of the
// cross-entropy.
//
// A logit errs by up to d = (C + 4) u sum |x w|; so the sum of exponentials relatively by 2 max d + (V + 8)
// u, and a probability by d + u |log-sum| + 8 u; bf16 rounds it once more before the products.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "suites/compute/gemm/gemm_data.h"
#include "suites/compute/operators/family.h"

namespace assay::bench::operators {

namespace {

enum : std::size_t { x, weight, targets, largest, sum, target_logit, log_sum, dx, dweight, spare };

class HeadFamily final : public Family {
 public:
  explicit HeadFamily(const FamilySetting& setting)
      : Family(setting),
        shape_(head_shape(setting.step)),
        scale_(1 / static_cast<double>(shape_.rows * setting.step.micro_batches)) {
    const std::int64_t rows = shape_.rows;
    std::vector<Operand> operands = {
        {"x", element(), rows * shape_.width},
        {"W", element(), shape_.vocabulary * shape_.width, Use::input, weight_scale(shape_.width)},
        {"targets", device::Element::int32, rows},
        {"largest", exact(), rows, Use::output},
        {"sum", exact(), rows, Use::output},
        {"target", exact(), rows, Use::output},
        {"log_sum", exact(), rows},
        {"dx", element(), rows * shape_.width, Use::output},
        {"dW", exact(), shape_.vocabulary * shape_.width, Use::output},
        {"statistics", exact(), 3 * rows}};
    TimedOperator backward =
        timed("head_backward",
              [this](int slot) {
                device().head_backward(shape_, at(slot, x), at(slot, weight), on_device(slot),
                                       at(slot, log_sum), scale_, at(slot, dx), at(slot, dweight), false);
              },
              {dx, dweight});
    // The step's backward pass follows the forward pass at once and uses the logits that it kept.
    backward.before = [this](int slot) { spare_forward(slot); };
    define(std::move(operands), {timed("head_forward",
                                       [this](int slot) {
                                         device().head_forward(shape_, at(slot, x), at(slot, weight),
                                                               on_device(slot), at(slot, largest),
                                                               at(slot, sum), at(slot, target_logit));
                                       },
                                       {largest, sum, target_logit}),
                                 std::move(backward)});
  }

  void reserve(device::Operators& operators) override { operators.reserve_head(shape_); }

 protected:
  void derive() override {
    for (int slot = 0; slot < slots(); ++slot) {
      std::int32_t* const all = tokens_at(slot, targets);
      const std::uint64_t key = stream_key(setting_.key, slot, static_cast<int>(targets), 5);
      for (std::int64_t row = 0; row < shape_.rows; ++row)
        all[row] = static_cast<std::int32_t>(random_bits(key, static_cast<std::uint64_t>(row)) %
                                             static_cast<std::uint64_t>(shape_.vocabulary));
    }
    ring_->push({targets});
    for (int slot = 0; slot < slots(); ++slot) spare_forward(slot);
    ring_->pull({spare});
    for (int slot = 0; slot < slots(); ++slot)
      for (std::int64_t row = 0; row < shape_.rows; ++row)
        ring_->set(slot, log_sum, row,
                   value(slot, spare, row) + std::log(value(slot, spare, shape_.rows + row)));
    ring_->push({log_sum});
  }

  int samples(std::size_t operand) const override { return operand == dweight ? 48 : 24; }

  /// Few rows: each costs a product with the whole matrix.
  std::int64_t place(int slot, std::size_t operand, int sample, std::uint64_t bits) const override {
    const std::uint64_t key = stream_key(setting_.key, slot, 1, 6);
    const auto row = static_cast<std::int64_t>(random_bits(key, static_cast<std::uint64_t>(sample % 3)) %
                                               static_cast<std::uint64_t>(shape_.rows));
    if (operand == largest || operand == sum || operand == target_logit) return row;
    const auto column = static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(shape_.width));
    if (operand == dx) return row * shape_.width + column;
    // Of dW every second sample is of a token that is a target.
    const std::int64_t word =
        sample % 2 == 0
            ? tokens(slot)[row]
            : static_cast<std::int64_t>((bits >> 20) % static_cast<std::uint64_t>(shape_.vocabulary));
    return word * shape_.width + column;
  }

  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t) const override {
    if (operand == dweight) return weight_gradient(slot, index);
    if (operand == dx) return input_gradient(slot, index / shape_.width, index % shape_.width);
    const std::vector<Expected>& logits = row_of_logits(slot, index);
    Expected top = logits[0], target = logits[static_cast<std::size_t>(tokens(slot)[index])];
    double worst = 0;
    for (const Expected& logit : logits) {
      top.value = std::max(top.value, logit.value);
      worst = std::max(worst, logit.bound);
    }
    if (operand == largest) return {top.value, worst};
    if (operand == target_logit) return target;
    double total = 0;
    for (const Expected& logit : logits) total += std::exp(logit.value - top.value);
    return {total, total * (2 * worst + static_cast<double>(shape_.vocabulary + 8) * u())};
  }

 private:
  const std::int32_t* tokens(int slot) const { return tokens_at(slot, targets); }
  const std::int32_t* on_device(int slot) const {
    return static_cast<const std::int32_t*>(at(slot, targets));
  }

  void spare_forward(int slot) {
    auto* const statistics = static_cast<std::byte*>(at(slot, spare));
    const std::size_t each = static_cast<std::size_t>(shape_.rows) * bytes_of(exact());
    device().head_forward(shape_, at(slot, x), at(slot, weight), on_device(slot), statistics,
                          statistics + each, statistics + 2 * each);
  }

  Expected logit(int slot, std::int64_t row, std::int64_t word) const {
    Expected sum_of;
    for (std::int64_t c = 0; c < shape_.width; ++c) {
      const double product =
          value(slot, x, row * shape_.width + c) * value(slot, weight, word * shape_.width + c);
      sum_of.value += product;
      sum_of.bound += std::abs(product);
    }
    sum_of.bound *= static_cast<double>(shape_.width + 4) * u();
    return sum_of;
  }

  /// Kept: several samples are of one row.
  const std::vector<Expected>& row_of_logits(int slot, std::int64_t row) const {
    std::vector<Expected>& logits = logits_[{slot, row}];
    if (!logits.empty()) return logits;
    logits.resize(static_cast<std::size_t>(shape_.vocabulary));
#pragma omp parallel for schedule(static)
    for (std::int64_t word = 0; word < shape_.vocabulary; ++word)
      logits[static_cast<std::size_t>(word)] = logit(slot, row, word);
    return logits;
  }

  /// scale (p - 1 for the target), and its size times its relative error.
  Expected score_gradient(int slot, std::int64_t row, std::int64_t word, const Expected& of) const {
    const double about = value(slot, log_sum, row), p = std::exp(of.value - about);
    const double target = tokens(slot)[row] == word ? 1 : 0;
    const double relative = of.bound + u() * std::abs(about) + 8 * u() + storing();
    return {scale_ * (p - target), scale_ * (p + target) * relative};
  }

  Expected weight_gradient(int slot, std::int64_t index) const {
    const std::int64_t word = index / shape_.width, column = index % shape_.width;
    Expected total;
    for (std::int64_t row = 0; row < shape_.rows; ++row)
      join(total, score_gradient(slot, row, word, logit(slot, row, word)),
           value(slot, x, row * shape_.width + column), shape_.rows, tokens(slot)[row] == word);
    return total;
  }

  Expected input_gradient(int slot, std::int64_t row, std::int64_t column) const {
    const std::vector<Expected>& logits = row_of_logits(slot, row);
    Expected total;
    for (std::int64_t word = 0; word < shape_.vocabulary; ++word)
      join(total, score_gradient(slot, row, word, logits[static_cast<std::size_t>(word)]),
           value(slot, weight, word * shape_.width + column), shape_.vocabulary, tokens(slot)[row] == word);
    return total;
  }

  /// Adds a product with one gradient of a score to a sum of `terms`.
  void join(Expected& total, const Expected& gradient, double factor, std::int64_t terms, bool target) const {
    const double size = std::abs(gradient.value) + (target ? 2 * scale_ : 0);
    total.value += gradient.value * factor;
    total.bound += std::abs(factor) * (gradient.bound + size * static_cast<double>(terms + 4) * u());
  }

  const device::HeadShape shape_;
  const double scale_;
  mutable std::map<std::pair<int, std::int64_t>, std::vector<Expected>> logits_;
};

}  // namespace

std::unique_ptr<Family> head_family(const FamilySetting& setting) {
  return std::make_unique<HeadFamily>(setting);
}

}  // namespace assay::bench::operators
