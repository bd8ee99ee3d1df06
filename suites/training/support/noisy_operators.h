// For tests: how far rounding alone may move a training. The f64 operators, whose results are disturbed at
// random by as much as a narrower format's roundings are: Monte Carlo arithmetic (D. S. Parker, UCLA
// CSD-970002, 1997). The losses of a few such trainings scatter about the exact ones as those of any
// implementation do whose only errors are roundings, whatever the order of its sums.
//
// What is disturbed, with v = 2^-24 of the f32 in which everything is summed up and s = 2^-24 or 2^-8 of the
// format in which activations, their gradients and the weights of products are stored, r uniform in [-1, 1]:
//   - a result that is stored: times 1 + s r;
//   - a sum of n products: + v sqrt(n) R r, with R the root mean square of the results: n roundings of
//   partial
//     sums, which are of the size of the results, in either direction;
//   - a product with weights that were rounded when they were stored: + s R r;
//   - f32 numbers (statistics, gradients of weights, moments, masters): times 1 + v r for each operation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "suites/device/operators.h"
#include "suites/training/support/generator.h"

namespace assay::training {

class NoisyOperators final : public device::Operators {
 public:
  using Values = device::Values;
  using ConstValues = device::ConstValues;
  using Index = std::int64_t;

  /// `stored`: the rounding unit of activations and weights.
  NoisyOperators(double stored, std::uint64_t seed) : stored_(stored), place_(mixed(seed)) {}

  device::Element element() const override { return inner_->element(); }
  void reserve_linear(const device::LinearShape& s) override { inner_->reserve_linear(s); }
  void reserve_attention(const device::AttentionShape& s) override { inner_->reserve_attention(s); }
  void reserve_head(const device::HeadShape& s) override { inner_->reserve_head(s); }
  void reserve_rope(Index sequence, Index size, double base) override {
    inner_->reserve_rope(sequence, size, base);
  }
  Index scratch_bytes() const override { return inner_->scratch_bytes(); }
  std::map<std::string, std::string> describe() const override { return inner_->describe(); }

  void linear_forward(const device::LinearShape& s, ConstValues x, ConstValues weight, ConstValues bias,
                      Values y) override {
    inner_->linear_forward(s, x, weight, bias, y);
    product(y, s.rows * s.out, s.in);
  }
  void linear_backward_input(const device::LinearShape& s, ConstValues dy, ConstValues weight,
                             Values dx) override {
    inner_->linear_backward_input(s, dy, weight, dx);
    product(dx, s.rows * s.in, s.out);
  }
  void linear_backward_weight(const device::LinearShape& s, ConstValues dy, ConstValues x, Values dweight,
                              Values dbias, bool accumulate) override {
    inner_->linear_backward_weight(s, dy, x, dweight, dbias, accumulate);
    sum(dweight, s.out * s.in, s.rows);
    if (dbias != nullptr) sum(dbias, s.out, s.rows);
  }

  void layer_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, ConstValues beta,
                          Values y, Values mean, Values deviation) override {
    inner_->layer_norm_forward(rows, width, x, gamma, beta, y, mean, deviation);
    store(y, rows * width);
    sum(mean, rows, width);
    sum(deviation, rows, width);
  }
  void layer_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                           ConstValues mean, ConstValues deviation, Values dx, Values dgamma,
                           Values dbeta) override {
    inner_->layer_norm_backward(rows, width, dy, x, gamma, mean, deviation, dx, dgamma, dbeta);
    store(dx, rows * width);
    sum(dgamma, width, rows);
    sum(dbeta, width, rows);
  }
  void rms_norm_forward(Index rows, Index width, ConstValues x, ConstValues gamma, Values y,
                        Values deviation) override {
    inner_->rms_norm_forward(rows, width, x, gamma, y, deviation);
    store(y, rows * width);
    sum(deviation, rows, width);
  }
  void rms_norm_backward(Index rows, Index width, ConstValues dy, ConstValues x, ConstValues gamma,
                         ConstValues deviation, Values dx, Values dgamma) override {
    inner_->rms_norm_backward(rows, width, dy, x, gamma, deviation, dx, dgamma);
    store(dx, rows * width);
    sum(dgamma, width, rows);
  }

  void gelu_forward(Index count, ConstValues x, Values y) override {
    inner_->gelu_forward(count, x, y);
    store(y, count);
  }
  void gelu_backward(Index count, ConstValues dy, ConstValues x, Values dx) override {
    inner_->gelu_backward(count, dy, x, dx);
    store(dx, count);
  }
  void swiglu_forward(Index rows, Index width, ConstValues x, Values y) override {
    inner_->swiglu_forward(rows, width, x, y);
    store(y, rows * width);
  }
  void swiglu_backward(Index rows, Index width, ConstValues dy, ConstValues x, Values dx) override {
    inner_->swiglu_backward(rows, width, dy, x, dx);
    store(dx, 2 * rows * width);
  }
  void rope(Index rows, Index sequence, Index heads, Index size, Index stride, double base, int sign,
            Values x) override {
    inner_->rope(rows, sequence, heads, size, stride, base, sign, x);
    for (Index row = 0; row < rows; ++row) store(at(x, row * stride), heads * size);
  }

  void attention_forward(const device::AttentionShape& s, ConstValues q, ConstValues k, ConstValues v,
                         Index stride, Values o, Values log_sum) override {
    inner_->attention_forward(s, q, k, v, stride, o, log_sum);
    product(o, s.batch * s.sequence * s.heads * s.size, s.sequence + s.size);
    sum(log_sum, s.batch * s.sequence * s.heads, s.sequence + s.size);
  }
  void attention_backward(const device::AttentionShape& s, ConstValues d_o, ConstValues q, ConstValues k,
                          ConstValues v, Index stride, ConstValues o, ConstValues log_sum, Values dq,
                          Values dk, Values dv) override {
    inner_->attention_backward(s, d_o, q, k, v, stride, o, log_sum, dq, dk, dv);
    for (Index row = 0; row < s.batch * s.sequence; ++row) {
      product(at(dq, row * stride), s.heads * s.size, s.sequence + s.size);
      product(at(dk, row * stride), s.kv_heads * s.size, s.sequence + s.size);
      product(at(dv, row * stride), s.kv_heads * s.size, s.sequence + s.size);
    }
  }

  void embedding_forward(Index rows, Index width, Index sequence, const std::int32_t* tokens,
                         ConstValues table, Index first, Index vocabulary, ConstValues position,
                         Values y) override {
    inner_->embedding_forward(rows, width, sequence, tokens, table, first, vocabulary, position, y);
    product(y, rows * width, 1);
  }
  void embedding_backward(Index rows, Index width, Index sequence, const std::int32_t* tokens, ConstValues dy,
                          Values dtable, Index first, Index vocabulary, Values dposition) override {
    inner_->embedding_backward(rows, width, sequence, tokens, dy, dtable, first, vocabulary, dposition);
    disturb(dtable, vocabulary * width, exact * std::sqrt(static_cast<double>(rows)), 0);
    if (dposition != nullptr)
      disturb(dposition, sequence * width, exact * std::sqrt(static_cast<double>(rows)), 0);
  }

  void head_forward(const device::HeadShape& s, ConstValues x, ConstValues weight,
                    const std::int32_t* targets, Values largest, Values total, Values target_logit) override {
    inner_->head_forward(s, x, weight, targets, largest, total, target_logit);
    // Logits are f32 sums with stored weights; the sum of their exponentials moves with their size.
    const double logit = stored_ + exact * std::sqrt(static_cast<double>(s.width));
    const double size = root_mean_square(target_logit, s.rows);
    disturb(largest, s.rows, 0, logit);
    disturb(target_logit, s.rows, 0, logit);
    disturb(total, s.rows, exact * std::sqrt(static_cast<double>(s.vocabulary)) + logit * size, 0);
  }
  void head_backward(const device::HeadShape& s, ConstValues x, ConstValues weight,
                     const std::int32_t* targets, ConstValues log_sum, double scale, Values dx,
                     Values dweight, bool accumulate) override {
    inner_->head_backward(s, x, weight, targets, log_sum, scale, dx, dweight, accumulate);
    product(dx, s.rows * s.width, s.vocabulary);
    store(dweight, s.vocabulary * s.width);  // the probabilities were stored
    sum(dweight, s.vocabulary * s.width, s.rows);
  }

  void add(Index count, ConstValues x, Values y) override {
    inner_->add(count, x, y);
    store(y, count);
  }
  void add_exact(Index count, ConstValues x, Values y) override {
    inner_->add_exact(count, x, y);
    disturb(y, count, exact, 0);
  }
  double sum_of_squares(Index count, ConstValues x) override { return inner_->sum_of_squares(count, x); }
  void adamw(Index count, const device::AdamW& settings, Values master, Values first_moment,
             Values second_moment, Values gradient, Values weights) override {
    inner_->adamw(count, settings, master, first_moment, second_moment, gradient, weights);
    for (const Values values : {master, first_moment, second_moment}) disturb(values, count, 4 * exact, 0);
  }

 private:
  static constexpr double exact = 0x1p-24;

  static double* at(Values values, Index place) { return static_cast<double*>(values) + place; }

  static double root_mean_square(ConstValues values, Index count) {
    const auto* const numbers = static_cast<const double*>(values);
    double squares = 0;
    for (Index i = 0; i < count; ++i) squares += numbers[i] * numbers[i];
    return std::sqrt(squares / static_cast<double>(count));
  }
  /// Each number by up to `relative` of itself and `common` of their root mean square.
  void disturb(Values values, Index count, double relative, double common) {
    auto* const numbers = static_cast<double*>(values);
    const double absolute = common * root_mean_square(values, count);
    for (Index i = 0; i < count; ++i) numbers[i] += (relative * numbers[i] + absolute) * random();
  }
  double random() {
    place_ += golden;
    return static_cast<double>(static_cast<std::int64_t>(mixed(place_))) * 0x1p-63;
  }
  void store(Values values, Index count) { disturb(values, count, stored_ + 4 * exact, 0); }
  void sum(Values values, Index count, Index terms) {
    disturb(values, count, exact, exact * std::sqrt(static_cast<double>(terms)));
  }
  void product(Values values, Index count, Index terms) {
    disturb(values, count, stored_, stored_ + exact * std::sqrt(static_cast<double>(terms)));
  }

  std::unique_ptr<device::Operators> inner_ = device::host_operators(device::Element::f64, 1);
  const double stored_;
  std::uint64_t place_;
};

/// At each step, how far roundings of the unit `stored` move a loss: the farthest from the `exact` ones that
/// six trainings with random roundings come, `losses(operators)` being those of a training. How far one was
/// in an earlier step counts too: what has moved the weights stays. Of six normal numbers the farthest is
/// beyond 0.85 standard deviations nineteen times in twenty: four times the scatter is more than three of
/// them.
template <typename Losses>
std::vector<double> scatter_of_roundings(double stored, const std::vector<double>& exact,
                                         const Losses& losses) {
  std::vector<double> most(exact.size(), 0.0);
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const std::vector<double> moved = losses(std::make_unique<NoisyOperators>(stored, seed));
    double far = 0;
    for (std::size_t step = 0; step < most.size(); ++step) {
      far = std::max(far, std::abs(moved[step] - exact[step]));
      most[step] = std::max(most[step], far);
    }
  }
  return most;
}

}  // namespace assay::training
