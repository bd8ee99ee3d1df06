// Causal attention with grouped queries, forward and backward.
//
// A score errs by up to d = (D + 4) u sum |q k| / sqrt(D). Forward, a probability then errs relatively by 2
// max d + (S + D + 16) u: its own exponential and the sum that it is divided by. Backward, the log-sums are
// operands: by 2 d + u |log-sum| for its own score, and by 2 (S + D) u + 16 u for the sums that follow.
// Matrix units of a device take probabilities and the scores' gradients as bf16 where the numbers are.
#include <algorithm>
#include <cmath>
#include <vector>

#include "suites/compute/operators/family.h"

namespace assay::bench::operators {

namespace {

enum : std::size_t { qkv, o, log_sum, d_o, saved_o, saved_log_sum, dqkv };

class AttentionFamily final : public Family {
 public:
  explicit AttentionFamily(const FamilySetting& setting)
      : Family(setting),
        shape_(attention_shape(setting.step)),
        rows_(setting.step.rows()),
        keys_(shape_.heads * shape_.size),
        values_(keys_ + shape_.kv_heads * shape_.size),
        stride_(values_ + shape_.kv_heads * shape_.size) {
    std::vector<Operand> operands = {{"qkv", element(), rows_ * stride_},
                                     {"o", element(), rows_ * keys_, Use::output},
                                     {"log_sum", exact(), rows_ * shape_.heads, Use::output},
                                     {"do", element(), rows_ * keys_},
                                     {"o of before", element(), rows_ * keys_},
                                     {"log_sum of before", exact(), rows_ * shape_.heads},
                                     {"dqkv", element(), rows_ * stride_, Use::output}};
    define(std::move(operands),
           {timed("attention_forward", [this](int slot) { forward(slot, o, log_sum); }, {o, log_sum}),
            timed("attention_backward",
                  [this](int slot) {
                    device().attention_backward(
                        shape_, at(slot, d_o), part(slot, qkv, 0), part(slot, qkv, keys_),
                        part(slot, qkv, values_), stride_, at(slot, saved_o), at(slot, saved_log_sum),
                        part(slot, dqkv, 0), part(slot, dqkv, keys_), part(slot, dqkv, values_));
                  },
                  {dqkv})});
  }

  void reserve(device::Operators& operators) override { operators.reserve_attention(shape_); }

 protected:
  void derive() override {
    for (int slot = 0; slot < slots(); ++slot) forward(slot, saved_o, saved_log_sum);
    ring_->pull({saved_o, saved_log_sum});
  }

  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t) const override {
    if (operand == log_sum) return output(slot, index / shape_.heads, index % shape_.heads, -1);
    if (operand == o) return output(slot, index / keys_, index % keys_ / shape_.size, index % shape_.size);
    const std::int64_t row = index / stride_, column = index % stride_, d = column % shape_.size;
    if (column < keys_) return query_gradient(slot, row, column / shape_.size, d);
    if (column < values_) return key_gradient(slot, row, (column - keys_) / shape_.size, d, true);
    return key_gradient(slot, row, (column - values_) / shape_.size, d, false);
  }

 private:
  void* part(int slot, std::size_t operand, std::int64_t column) const {
    return static_cast<std::byte*>(at(slot, operand)) +
           static_cast<std::size_t>(column) * bytes_of(element());
  }
  void forward(int slot, std::size_t to, std::size_t sums) {
    device().attention_forward(shape_, part(slot, qkv, 0), part(slot, qkv, keys_), part(slot, qkv, values_),
                               stride_, at(slot, to), at(slot, sums));
  }

  double query(int slot, std::int64_t row, std::int64_t head, std::int64_t d) const {
    return value(slot, qkv, row * stride_ + head * shape_.size + d);
  }
  /// Of the keys from column `from` = keys_, of the values from values_.
  double shared(int slot, std::int64_t row, std::int64_t from, std::int64_t kv, std::int64_t d) const {
    return value(slot, qkv, row * stride_ + from + kv * shape_.size + d);
  }
  std::int64_t group() const { return shape_.heads / shape_.kv_heads; }
  double narrowing() const { return setting_.apart ? storing() : 0; }
  double sum_u(double terms) const { return terms * u(); }

  Expected score(int slot, std::int64_t row, std::int64_t other, std::int64_t head) const {
    const double root = std::sqrt(static_cast<double>(shape_.size));
    Expected sum;
    for (std::int64_t d = 0; d < shape_.size; ++d) {
      const double product = query(slot, row, head, d) * shared(slot, other, keys_, head / group(), d) / root;
      sum.value += product;
      sum.bound += std::abs(product);
    }
    sum.bound *= sum_u(static_cast<double>(shape_.size + 4));
    return sum;
  }

  /// o of one row and head at place d; d = -1: the log-sum.
  Expected output(int slot, std::int64_t row, std::int64_t head, std::int64_t d) const {
    const std::int64_t first = row / shape_.sequence * shape_.sequence;
    double top = -1e300, worst = 0, total = 0;
    std::vector<double> scores;
    for (std::int64_t other = first; other <= row; ++other) {
      const Expected one = score(slot, row, other, head);
      scores.push_back(one.value);
      top = std::max(top, one.value);
      worst = std::max(worst, one.bound);
    }
    for (const double one : scores) total += std::exp(one - top);
    const double p = 2 * worst + sum_u(static_cast<double>(shape_.sequence + shape_.size + 16));
    if (d < 0) {
      const double about = top + std::log(total);
      return {about, p + 4 * u() * std::abs(about)};
    }
    Expected sum;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double v = shared(slot, first + static_cast<std::int64_t>(i), values_, head / group(), d),
                   weight = std::exp(scores[i] - top) / total;
      sum.value += weight * v;
      sum.bound += (2 * p + narrowing()) * weight * std::abs(v);
    }
    return sum;
  }

  /// What one pair of positions gives: its probability, the gradient of its score, how far both may err.
  struct Pair {
    double weight = 0, gradient = 0, gradient_size = 0, relative = 0;
  };
  Pair pair(int slot, std::int64_t row, std::int64_t other, std::int64_t head) const {
    const Expected one = score(slot, row, other, head);
    const double about = value(slot, saved_log_sum, row * shape_.heads + head);
    double by_value = 0, by_value_size = 0, by_output = 0, by_output_size = 0;
    for (std::int64_t d = 0; d < shape_.size; ++d) {
      const std::int64_t place = row * keys_ + head * shape_.size + d;
      const double up = value(slot, d_o, place), v = shared(slot, other, values_, head / group(), d),
                   out = value(slot, saved_o, place);
      by_value += up * v;
      by_value_size += std::abs(up * v);
      by_output += up * out;
      by_output_size += std::abs(up * out);
    }
    Pair found;
    found.weight = std::exp(one.value - about);
    found.gradient = found.weight * (by_value - by_output);
    found.gradient_size = found.weight * (by_value_size + by_output_size);
    found.relative = 2 * one.bound + 2 * u() * std::abs(about) +
                     sum_u(static_cast<double>(2 * (shape_.sequence * group() + shape_.size) + 16)) +
                     narrowing();
    return found;
  }

  Expected query_gradient(int slot, std::int64_t row, std::int64_t head, std::int64_t d) const {
    const double root = std::sqrt(static_cast<double>(shape_.size));
    Expected sum;
    for (std::int64_t other = row / shape_.sequence * shape_.sequence; other <= row; ++other) {
      const Pair one = pair(slot, row, other, head);
      const double k = shared(slot, other, keys_, head / group(), d) / root;
      sum.value += one.gradient * k;
      sum.bound += 2 * one.relative * one.gradient_size * std::abs(k);
    }
    return sum;
  }

  /// Of a key, or of a value.
  Expected key_gradient(int slot, std::int64_t row, std::int64_t kv, std::int64_t d, bool key) const {
    const double root = std::sqrt(static_cast<double>(shape_.size));
    const std::int64_t end = (row / shape_.sequence + 1) * shape_.sequence;
    Expected sum;
    for (std::int64_t head = kv * group(); head < (kv + 1) * group(); ++head) {
      for (std::int64_t later = row; later < end; ++later) {
        const Pair one = pair(slot, later, row, head);
        const double factor = key ? query(slot, later, head, d) / root
                                  : value(slot, d_o, later * keys_ + head * shape_.size + d);
        sum.value += (key ? one.gradient : one.weight) * factor;
        sum.bound += 2 * one.relative * (key ? one.gradient_size : one.weight) * std::abs(factor);
      }
    }
    return sum;
  }

  const device::AttentionShape shape_;
  const std::int64_t rows_, keys_, values_, stride_;
};

}  // namespace

std::unique_ptr<Family> attention_family(const FamilySetting& setting) {
  return std::make_unique<AttentionFamily>(setting);
}

}  // namespace assay::bench::operators
