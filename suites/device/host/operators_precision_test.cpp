// The f32 and bf16 operators against the f64 ones on the same operands, within derived bounds.
//
// The bounds, with u = 2^-24 (one rounding in f32) and r = 2^-8 (one rounding to bf16; 0 in f32): a sum of n
// products, in whatever order, errs by at most (n + 1) u times the sum of their absolute values (Higham,
// Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1; the second-order part is covered
// by counting two roundings more). Longer expressions: the number of roundings in their longest chain, times
// the same expression with every term taken absolutely. A relative error d of an argument x of e^x is an
// absolute one of |x| d, which becomes a relative one of the result. What is stored in bf16 adds r times its
// size. Statistics that a backward pass reads are operands, the same for both sides.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/device.h"
#include "suites/device/operators.h"

namespace assay::device {

namespace {

using Index = std::int64_t;
using Numbers = std::vector<double>;

constexpr double u = 0x1p-24;
constexpr Index rows = 37, width = 133;

/// Numbers in a device element, and exactly the same ones in f64.
class Held {
 public:
  Held(Element element, Numbers numbers)
      : element_(element), raw_(numbers.size() * bytes_of(element)), numbers_(std::move(numbers)) {
    for (std::size_t i = 0; i < numbers_.size(); ++i) put(i, numbers_[i]);
    numbers_ = read();
  }
  Held(Element element, Index count) : Held(element, Numbers(static_cast<std::size_t>(count), 0.0)) {}

  void* raw() { return raw_.data(); }
  const double* exact() const { return numbers_.data(); }
  double operator[](Index i) const { return numbers_[static_cast<std::size_t>(i)]; }
  Index count() const { return static_cast<Index>(numbers_.size()); }
  const std::vector<unsigned char>& bytes() const { return raw_; }

  Numbers read() const {
    Numbers found(numbers_.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const unsigned char* const at = raw_.data() + i * bytes_of(element_);
      if (element_ == Element::bf16) {
        Bf16 value;
        std::memcpy(&value, at, sizeof value);
        found[i] = static_cast<double>(to_float(value));
      } else {
        float value = 0;
        std::memcpy(&value, at, sizeof value);
        found[i] = static_cast<double>(value);
      }
    }
    return found;
  }

 private:
  void put(std::size_t i, double number) {
    unsigned char* const at = raw_.data() + i * bytes_of(element_);
    const auto rounded = static_cast<float>(number);
    const Bf16 narrow = to_bf16(rounded);
    if (element_ == Element::bf16)
      std::memcpy(at, &narrow, sizeof narrow);
    else
      std::memcpy(at, &rounded, sizeof rounded);
  }

  Element element_;
  std::vector<unsigned char> raw_;
  Numbers numbers_;
};

Numbers random_numbers(Index count, unsigned seed, double from = -1, double to = 1) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(from, to);
  Numbers numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) number = uniform(generator);
  return numbers;
}

/// How many numbers are further from the expected than their bound and the rounding of the result allow.
std::size_t outside(const Numbers& found, const Numbers& expected, const Numbers& bounds, double rounding) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!(std::abs(found[i] - expected[i]) <=
          bounds[i] + rounding * (std::abs(expected[i]) + bounds[i]) + 1e-37))
      ++count;
  return count;
}

class PrecisionTest : public testing::TestWithParam<Element> {
 protected:
  void SetUp() override {
    if (GetParam() == Element::bf16 && !host().gemm_unsupported(Element::bf16).empty()) {
      EXPECT_THROW(host_operators(Element::bf16, 2), Error);  // refused, not emulated
      return;
    }
    op_ = host_operators(GetParam(), 2);
    reference_ = host_operators(Element::f64, 2);
  }
  bool usable() const { return op_ != nullptr; }

  Held held(Index count, unsigned seed, double from = -1, double to = 1) const {
    return {GetParam(), random_numbers(count, seed, from, to)};
  }
  Held exact(Index count, unsigned seed, double from = -1, double to = 1) const {
    return {Element::f32, random_numbers(count, seed, from, to)};
  }
  Held result(Index count) const { return {GetParam(), count}; }
  double rounding() const { return GetParam() == Element::bf16 ? 0x1p-8 : 0; }

  /// A result within its bounds; one element further off than its bound, or NaN, would be seen.
  void expect_within(const char* what, const Held& found, const Numbers& expected, const Numbers& bounds,
                     bool stored_exactly = false) const {
    const double by = stored_exactly ? 0 : rounding();
    Numbers numbers = found.read();
    ASSERT_EQ(numbers.size(), expected.size()) << what;
    ASSERT_EQ(bounds.size(), expected.size()) << what;
    double worst = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      worst = std::max(worst, std::abs(numbers[i] - expected[i]) /
                                  (bounds[i] + by * (std::abs(expected[i]) + bounds[i]) + 1e-37));
    EXPECT_EQ(outside(numbers, expected, bounds, by), 0u) << what << ": worst " << worst << " of its bound";
    const std::size_t i = numbers.size() / 2;
    for (const double planted :
         {expected[i] + 2.1 * (bounds[i] + by * (std::abs(expected[i]) + bounds[i])) + 1e-30,
          std::numeric_limits<double>::quiet_NaN()}) {
      numbers[i] = planted;
      EXPECT_EQ(outside(numbers, expected, bounds, by), 1u) << what;
    }
  }

  std::unique_ptr<Operators> op_, reference_;
};

Numbers absolute(const Held& values) {
  Numbers numbers(values.exact(), values.exact() + values.count());
  for (double& number : numbers) number = std::abs(number);
  return numbers;
}

Numbers scaled(Numbers numbers, double factor) {
  for (double& number : numbers) number *= factor;
  return numbers;
}

TEST_P(PrecisionTest, Products) {
  if (!usable()) return;
  const Index out = 70;
  const LinearShape shape{rows, width, out};
  for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_linear(shape);
  Held x = held(rows * width, 1), w = held(out * width, 2), b = held(out, 3), dy = held(rows * out, 4);
  // The bound is the same product of absolute values.
  const Numbers ax = absolute(x), aw = absolute(w), ab = absolute(b), ady = absolute(dy);
  for (const bool with_bias : {true, false}) {
    Held y = result(rows * out);
    Numbers expected(static_cast<std::size_t>(rows * out)), bounds = expected;
    op_->linear_forward(shape, x.raw(), w.raw(), with_bias ? b.raw() : nullptr, y.raw());
    reference_->linear_forward(shape, x.exact(), w.exact(), with_bias ? b.exact() : nullptr, expected.data());
    reference_->linear_forward(shape, ax.data(), aw.data(), with_bias ? ab.data() : nullptr, bounds.data());
    expect_within("y", y, expected, scaled(bounds, (width + 4) * u));
  }
  Held dx = result(rows * width);
  Numbers expected(static_cast<std::size_t>(rows * width)), bounds = expected;
  op_->linear_backward_input(shape, dy.raw(), w.raw(), dx.raw());
  reference_->linear_backward_input(shape, dy.exact(), w.exact(), expected.data());
  reference_->linear_backward_input(shape, ady.data(), aw.data(), bounds.data());
  expect_within("dx", dx, expected, scaled(bounds, (out + 4) * u));
  for (const bool accumulate : {true, false}) {
    Held dw = exact(out * width, 5), db = exact(out, 6);
    Numbers weights(dw.exact(), dw.exact() + dw.count()), biases(db.exact(), db.exact() + db.count());
    Numbers weight_bounds = absolute(dw), bias_bounds = absolute(db);
    op_->linear_backward_weight(shape, dy.raw(), x.raw(), dw.raw(), db.raw(), accumulate);
    reference_->linear_backward_weight(shape, dy.exact(), x.exact(), weights.data(), biases.data(),
                                       accumulate);
    reference_->linear_backward_weight(shape, ady.data(), ax.data(), weight_bounds.data(), bias_bounds.data(),
                                       accumulate);
    expect_within("dW", dw, weights, scaled(weight_bounds, (rows + 4) * u), true);
    expect_within("db", db, biases, scaled(bias_bounds, (rows + 4) * u), true);
  }
}

// x is off its mean by up to k u (|x| + A), A the mean of |x|, k = width + 8; the deviation relatively by k u
// (1 + V), V = mean (|x| + A)^2 / variance.
TEST_P(PrecisionTest, Norms) {
  if (!usable()) return;
  const double k = (width + 8) * u;
  Held x = held(rows * width, 1, -1, 2), gamma = held(width, 2), beta = held(width, 3),
       dy = held(rows * width, 4), before = held(rows * width, 5);
  const auto size = static_cast<std::size_t>(rows * width);
  for (const bool centred : {true, false}) {
    Held y = result(rows * width), mean(Element::f32, rows), deviation(Element::f32, rows);
    Numbers expected(size), bounds(size), middle(static_cast<std::size_t>(rows), 0.0), scale = middle;
    if (centred) {
      op_->layer_norm_forward(rows, width, x.raw(), gamma.raw(), beta.raw(), y.raw(), mean.raw(),
                              deviation.raw());
      reference_->layer_norm_forward(rows, width, x.exact(), gamma.exact(), beta.exact(), expected.data(),
                                     middle.data(), scale.data());
    } else {
      op_->rms_norm_forward(rows, width, x.raw(), gamma.raw(), y.raw(), deviation.raw());
      reference_->rms_norm_forward(rows, width, x.exact(), gamma.exact(), expected.data(), scale.data());
    }
    Numbers dx_bounds(size), dx = Numbers(before.exact(), before.exact() + before.count());
    // The backward pass reads the same statistics on both sides.
    const Held saved_mean(Element::f32, middle), saved_scale(Element::f32, scale);
    Numbers mean_bounds = middle, scale_bounds = scale;
    Numbers dgamma_bounds(static_cast<std::size_t>(width), 0.0), dbeta_bounds = dgamma_bounds;
    for (Index r = 0; r < rows; ++r) {
      double size_of_mean = 0, squares = 0, by_mean = 0, product = 0;
      for (Index c = 0; c < width; ++c) size_of_mean += centred ? std::abs(x[r * width + c]) / width : 0;
      const auto wide = [&](Index c) { return std::abs(x[r * width + c]) + size_of_mean; };
      const double s = scale[static_cast<std::size_t>(r)];
      for (Index c = 0; c < width; ++c) squares += wide(c) * wide(c) / width;
      const double worse = 2 + squares * s * s;
      mean_bounds[static_cast<std::size_t>(r)] = k * size_of_mean;
      scale_bounds[static_cast<std::size_t>(r)] = k * s * worse;
      for (Index c = 0; c < width; ++c) {
        const double by = std::abs(dy[r * width + c] * gamma[c]);
        by_mean += centred ? by / width : 0;
        product += by * wide(c) * s / width;
      }
      for (Index c = 0; c < width; ++c) {
        const auto i = static_cast<std::size_t>(r * width + c);
        bounds[i] = k * (wide(c) * s * worse * std::abs(gamma[c]) + (centred ? std::abs(beta[c]) : 0));
        dx_bounds[i] = k * (s * (std::abs(dy[r * width + c] * gamma[c]) + by_mean + wide(c) * s * product) +
                            std::abs(before[r * width + c]));
        dgamma_bounds[static_cast<std::size_t>(c)] +=
            (rows + 8) * u * std::abs(dy[r * width + c]) * wide(c) * s;
        dbeta_bounds[static_cast<std::size_t>(c)] += (rows + 4) * u * std::abs(dy[r * width + c]);
      }
    }
    expect_within("y", y, expected, bounds);
    expect_within("deviation", deviation, scale, scale_bounds, true);
    if (centred) expect_within("mean", mean, middle, mean_bounds, true);

    Held found = before, dgamma(Element::f32, width), dbeta(Element::f32, width);
    Held means = saved_mean, scales = saved_scale;
    Numbers by_gamma(static_cast<std::size_t>(width), 0.0), by_beta = by_gamma;
    if (centred) {
      op_->layer_norm_backward(rows, width, dy.raw(), x.raw(), gamma.raw(), means.raw(), scales.raw(),
                               found.raw(), dgamma.raw(), dbeta.raw());
      reference_->layer_norm_backward(rows, width, dy.exact(), x.exact(), gamma.exact(), means.exact(),
                                      scales.exact(), dx.data(), by_gamma.data(), by_beta.data());
      expect_within("dbeta", dbeta, by_beta, dbeta_bounds, true);
    } else {
      op_->rms_norm_backward(rows, width, dy.raw(), x.raw(), gamma.raw(), scales.raw(), found.raw(),
                             dgamma.raw());
      reference_->rms_norm_backward(rows, width, dy.exact(), x.exact(), gamma.exact(), scales.exact(),
                                    dx.data(), by_gamma.data());
    }
    expect_within("dx", found, dx, dx_bounds);
    expect_within("dgamma", dgamma, by_gamma, dgamma_bounds, true);
  }
}

// A logistic function of t, whose argument has a relative error of up to 6 u, errs relatively by (6 |t| + 6)
// u; its derivative, l (1 - l), by no more than that times l.
TEST_P(PrecisionTest, Activations) {
  if (!usable()) return;
  const Index count = rows * width;
  Held x = held(count, 1, -8, 8), dy = held(count, 2), y = result(count), dx = result(count);
  Numbers expected(static_cast<std::size_t>(count)), bounds = expected, gradient = expected,
                                                     gradient_bounds = expected;
  op_->gelu_forward(count, x.raw(), y.raw());
  op_->gelu_backward(count, dy.raw(), x.raw(), dx.raw());
  reference_->gelu_forward(count, x.exact(), expected.data());
  reference_->gelu_backward(count, dy.exact(), x.exact(), gradient.data());
  const double slope = 2 * std::sqrt(2 / M_PI);
  for (Index n = 0; n < count; ++n) {
    const auto i = static_cast<std::size_t>(n);
    const double v = x[n], t = slope * (v + 0.044715 * v * v * v), l = 1 / (1 + std::exp(-t)),
                 inner = slope * (1 + 3 * 0.044715 * v * v), relative = (6 * std::abs(t) + 12) * u;
    bounds[i] = relative * std::abs(v) * l;
    gradient_bounds[i] = relative * std::abs(dy[n]) * (l + 2 * std::abs(v) * l * inner);
  }
  expect_within("gelu", y, expected, bounds);
  expect_within("gelu backward", dx, gradient, gradient_bounds);

  const Index half = width / 2;
  Held both = held(rows * 2 * half, 3, -8, 8), up = held(rows * half, 4), out = result(rows * half),
       dboth = result(rows * 2 * half);
  Numbers swiglu(static_cast<std::size_t>(rows * half)),
      swiglu_bounds = swiglu, dswiglu(static_cast<std::size_t>(2 * rows * half)), dswiglu_bounds = dswiglu;
  op_->swiglu_forward(rows, half, both.raw(), out.raw());
  op_->swiglu_backward(rows, half, up.raw(), both.raw(), dboth.raw());
  reference_->swiglu_forward(rows, half, both.exact(), swiglu.data());
  reference_->swiglu_backward(rows, half, up.exact(), both.exact(), dswiglu.data());
  for (Index r = 0; r < rows; ++r)
    for (Index c = 0; c < half; ++c) {
      const double v = both[2 * r * half + c], factor = std::abs(both[(2 * r + 1) * half + c]),
                   by = std::abs(up[r * half + c]), l = 1 / (1 + std::exp(-v)),
                   relative = (2 * std::abs(v) + 12) * u;
      swiglu_bounds[static_cast<std::size_t>(r * half + c)] = relative * std::abs(v) * l * factor;
      dswiglu_bounds[static_cast<std::size_t>(2 * r * half + c)] =
          relative * by * factor * l * (1 + 2 * std::abs(v));
      dswiglu_bounds[static_cast<std::size_t>((2 * r + 1) * half + c)] = relative * by * std::abs(v) * l;
    }
  expect_within("swiglu", out, swiglu, swiglu_bounds);
  expect_within("swiglu backward", dboth, dswiglu, dswiglu_bounds);
}

TEST_P(PrecisionTest, RopeEmbeddingAndAdd) {
  if (!usable()) return;
  const Index heads = 3, size = 22, sequence = 11, count = rows * heads * size;
  for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_rope(sequence, size, 10000);
  Held x = held(count, 1);
  Numbers expected(x.exact(), x.exact() + count), bounds(expected.size());
  op_->rope(rows, sequence, heads, size, 10000, 1, x.raw());
  reference_->rope(rows, sequence, heads, size, 10000, 1, expected.data());
  for (Index n = 0; n < count; ++n) {
    const Index other = n % size < size / 2 ? n + size / 2 : n - size / 2;
    bounds[static_cast<std::size_t>(n)] = 4 * u * (std::abs(x[n]) + std::abs(x[other]));
  }
  expect_within("rope", x, expected, bounds);

  const Index vocabulary = 19;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(rows));
  for (std::size_t r = 0; r < tokens.size(); ++r) tokens[r] = static_cast<std::int32_t>(r * 7 % 23);
  Held table = held(vocabulary * width, 1), position = held(sequence * width, 2), y = result(rows * width);
  Numbers sum(static_cast<std::size_t>(rows * width)), sum_bounds(sum.size(), 2 * u);
  op_->embedding_forward(rows, width, sequence, tokens.data(), table.raw(), 2, vocabulary, position.raw(),
                         y.raw());
  reference_->embedding_forward(rows, width, sequence, tokens.data(), table.exact(), 2, vocabulary,
                                position.exact(), sum.data());
  expect_within("embedding", y, sum, sum_bounds);
  Held dy = held(rows * width, 3), dtable = exact(vocabulary * width, 4),
       dposition = exact(sequence * width, 5);
  Numbers by_table(dtable.exact(), dtable.exact() + dtable.count()),
      by_position(dposition.exact(), dposition.exact() + dposition.count());
  op_->embedding_backward(rows, width, sequence, tokens.data(), dy.raw(), dtable.raw(), 2, vocabulary,
                          dposition.raw());
  reference_->embedding_backward(rows, width, sequence, tokens.data(), dy.exact(), by_table.data(), 2,
                                 vocabulary, by_position.data());
  // No more than five summands of at most 1 each.
  expect_within("dtable", dtable, by_table, Numbers(by_table.size(), 5 * 5 * u), true);
  expect_within("dposition", dposition, by_position, Numbers(by_position.size(), 5 * 5 * u), true);

  Held to = held(rows * width, 6);
  Numbers total(to.exact(), to.exact() + to.count());
  op_->add(rows * width, dy.raw(), to.raw());
  reference_->add(rows * width, dy.exact(), total.data());
  expect_within("add", to, total, Numbers(total.size(), 2 * u));
}

// A score errs by up to (size + 4) u sum |q k| / sqrt(size) =: d, so a probability relatively by p = 2 d + (T
// + size + 16) u: its own exponential and the sum that it is divided by.
TEST_P(PrecisionTest, Attention) {
  if (!usable()) return;
  const AttentionShape shapes[] = {{2, 11, 6, 3, 5}, {1, 150, 2, 1, 70}};
  for (const AttentionShape& s : shapes) {
    for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_attention(s);
    const Index tokens = s.batch * s.sequence, stride = (s.heads + 2 * s.kv_heads) * s.size + 3,
                k_at = s.heads * s.size, v_at = k_at + s.kv_heads * s.size;
    Held qkv = held(tokens * stride, 1), d_o = held(tokens * k_at, 2), o = result(tokens * k_at),
         log_sum(Element::f32, tokens * s.heads);
    const auto raw = [&](Held& all, Index at) {
      return static_cast<unsigned char*>(all.raw()) + static_cast<std::size_t>(at) * bytes_of(GetParam());
    };
    Numbers expected(static_cast<std::size_t>(tokens * k_at)),
        sums(static_cast<std::size_t>(tokens * s.heads));
    op_->attention_forward(s, raw(qkv, 0), raw(qkv, k_at), raw(qkv, v_at), stride, o.raw(), log_sum.raw());
    reference_->attention_forward(s, qkv.exact(), qkv.exact() + k_at, qkv.exact() + v_at, stride,
                                  expected.data(), sums.data());
    // Operands of the backward pass, the same for both sides.
    Held saved_o(GetParam(), expected), saved_sum(Element::f32, sums);
    Held dqkv = held(tokens * stride, 3);
    Numbers by(dqkv.exact(), dqkv.exact() + dqkv.count());
    op_->attention_backward(s, d_o.raw(), raw(qkv, 0), raw(qkv, k_at), raw(qkv, v_at), stride, saved_o.raw(),
                            saved_sum.raw(), raw(dqkv, 0), raw(dqkv, k_at), raw(dqkv, v_at));
    reference_->attention_backward(s, d_o.exact(), qkv.exact(), qkv.exact() + k_at, qkv.exact() + v_at,
                                   stride, saved_o.exact(), saved_sum.exact(), by.data(), by.data() + k_at,
                                   by.data() + v_at);
    Numbers bounds(expected.size(), 0.0), sum_bounds(sums.size(), 0.0), dbounds(by.size(), 0.0);
    const double root = std::sqrt(static_cast<double>(s.size)),
                 depth = static_cast<double>(s.sequence + s.size);
    for (Index b = 0; b < s.batch; ++b)
      for (Index h = 0; h < s.heads; ++h)
        for (Index t = 0; t < s.sequence; ++t) {
          const Index row = b * s.sequence + t, kv = h / (s.heads / s.kv_heads);
          const Index q0 = row * stride + h * s.size, o0 = row * k_at + h * s.size;
          double worst = 0, product = 0;
          std::vector<double> probability, dp;
          for (Index other = 0; other <= t; ++other) {
            const Index k0 = (b * s.sequence + other) * stride + k_at + kv * s.size, v0 = k0 - k_at + v_at;
            double score = 0, size = 0, dsize = 0;
            for (Index d = 0; d < s.size; ++d) {
              score += qkv[q0 + d] * qkv[k0 + d] / root;
              size += std::abs(qkv[q0 + d] * qkv[k0 + d]) / root;
              dsize += std::abs(d_o[o0 + d] * qkv[v0 + d]);
            }
            worst = std::max(worst, size);
            probability.push_back(std::exp(score - sums[static_cast<std::size_t>(row * s.heads + h)]));
            dp.push_back(dsize);
          }
          for (Index d = 0; d < s.size; ++d) product += std::abs(d_o[o0 + d] * saved_o[o0 + d]);
          const double p = 2 * worst * (static_cast<double>(s.size) + 4) * u + (depth + 16) * u;
          sum_bounds[static_cast<std::size_t>(row * s.heads + h)] =
              p + 4 * u * std::abs(sums[static_cast<std::size_t>(row * s.heads + h)]);
          for (Index other = 0; other <= t; ++other) {
            const Index k0 = (b * s.sequence + other) * stride + k_at + kv * s.size, v0 = k0 - k_at + v_at;
            const double weight = probability[static_cast<std::size_t>(other)],
                         dscore = weight * (dp[static_cast<std::size_t>(other)] + product);
            // The scores' gradients carry p, and the roundings of dP, of the row's sum and of this sum.
            const double relative = p + (2 * depth + 16) * u +
                                    2 * u * std::abs(sums[static_cast<std::size_t>(row * s.heads + h)]);
            for (Index d = 0; d < s.size; ++d) {
              bounds[static_cast<std::size_t>(o0 + d)] += 2 * p * weight * std::abs(qkv[v0 + d]);
              dbounds[static_cast<std::size_t>(q0 + d)] += relative * dscore * std::abs(qkv[k0 + d]) / root;
              dbounds[static_cast<std::size_t>(k0 + d)] +=
                  2 * relative * dscore * std::abs(qkv[q0 + d]) / root;
              dbounds[static_cast<std::size_t>(v0 + d)] += 2 * relative * weight * std::abs(d_o[o0 + d]);
            }
          }
        }
    expect_within("o", o, expected, bounds);
    expect_within("log_sum", log_sum, sums, sum_bounds, true);
    expect_within("dqkv", dqkv, by, dbounds);  // what lies between the columns stays as it was
  }
}

// A logit errs by up to (width + 4) u sum |x w| =: d, so the sum of exponentials relatively by 2 d + (V + 8)
// u and a probability by d + 8 u; bf16 rounds it once more before the products.
TEST_P(PrecisionTest, Head) {
  if (!usable()) return;
  const Index vocabulary = 9001, part = 3000;  // two blocks
  const HeadShape s{7, width, vocabulary, part};
  for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_head(s);
  const std::vector<std::int32_t> targets = {3000, 12000, 17, 3001, 9000, 5555, 12001};
  Held x = held(s.rows * width, 1), w = held(vocabulary * width, 2), dx = result(s.rows * width),
       dw = exact(vocabulary * width, 3);
  Held largest(Element::f32, s.rows), sum(Element::f32, s.rows), target(Element::f32, s.rows);
  Numbers peaks(7), totals(7), logits(7), peak_bounds(7), total_bounds(7);
  op_->head_forward(s, x.raw(), w.raw(), targets.data(), largest.raw(), sum.raw(), target.raw());
  reference_->head_forward(s, x.exact(), w.exact(), targets.data(), peaks.data(), totals.data(),
                           logits.data());
  Numbers log_sums(7);
  for (std::size_t r = 0; r < 7; ++r) log_sums[r] = peaks[r] + std::log(totals[r]);
  Held saved(Element::f32, log_sums);
  const double scale = 0.25;
  Numbers by_x(static_cast<std::size_t>(s.rows * width)), by_w(dw.exact(), dw.exact() + dw.count());
  Numbers x_bounds(by_x.size(), 0.0), w_bounds = absolute(dw);
  for (double& bound : w_bounds) bound *= static_cast<double>(s.rows + 4) * u;
  op_->head_backward(s, x.raw(), w.raw(), targets.data(), saved.raw(), scale, dx.raw(), dw.raw());
  reference_->head_backward(s, x.exact(), w.exact(), targets.data(), saved.exact(), scale, by_x.data(),
                            by_w.data());
  for (Index r = 0; r < s.rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    double worst = 0;
    for (Index v = 0; v < vocabulary; ++v) {
      double logit = 0, size = 0;
      for (Index c = 0; c < width; ++c) {
        logit += x[r * width + c] * w[v * width + c];
        size += std::abs(x[r * width + c] * w[v * width + c]);
      }
      worst = std::max(worst, size);
      const double d = (width + 4) * u * size + u * std::abs(saved[r]);
      const double p = std::exp(logit - saved[r]) + (targets[row] - part == v ? 1 : 0);
      // Products over V probabilities, and over rows.
      const double relative = d + 8 * u + rounding();
      for (Index c = 0; c < width; ++c) {
        x_bounds[static_cast<std::size_t>(r * width + c)] +=
            scale * p * std::abs(w[v * width + c]) * (relative + static_cast<double>(vocabulary + 4) * u);
        w_bounds[static_cast<std::size_t>(v * width + c)] +=
            scale * p * std::abs(x[r * width + c]) * (relative + static_cast<double>(s.rows + 4) * u);
      }
    }
    peak_bounds[row] = (width + 4) * u * worst;
    total_bounds[row] = totals[row] * (2 * peak_bounds[row] + static_cast<double>(vocabulary + 8) * u);
  }
  expect_within("largest", largest, peaks, peak_bounds, true);
  expect_within("sum", sum, totals, total_bounds, true);
  expect_within("target", target, logits, peak_bounds, true);
  expect_within("dx", dx, by_x, x_bounds);
  expect_within("dW", dw, by_w, w_bounds, true);
}

TEST_P(PrecisionTest, LogitsThatTheForwardPassKeptChangeNothing) {
  if (!usable()) return;
  const HeadShape s{rows, width, 20011, 0};  // three blocks, of which one is kept
  op_->reserve_head(s);
  std::vector<std::int32_t> targets(static_cast<std::size_t>(rows));
  for (std::size_t r = 0; r < targets.size(); ++r) targets[r] = static_cast<std::int32_t>(r * 541);
  Held x = held(rows * width, 1), other = held(rows * width, 9), w = held(s.vocabulary * width, 2),
       largest(Element::f32, rows), sum = largest, target = largest, log_sum = exact(rows, 3, 5, 6);
  const auto forward = [&](Held& in) {
    op_->head_forward(s, in.raw(), w.raw(), targets.data(), largest.raw(), sum.raw(), target.raw());
  };
  const auto backward = [&](Held& in) {
    Held dx = result(rows * width), dw(Element::f32, s.vocabulary * width);
    op_->head_backward(s, in.raw(), w.raw(), targets.data(), log_sum.raw(), 1, dx.raw(), dw.raw());
    std::vector<unsigned char> bytes = dx.bytes();
    bytes.insert(bytes.end(), dw.bytes().begin(), dw.bytes().end());
    return bytes;
  };
  forward(x);
  const auto kept = backward(x), recomputed = backward(x);
  EXPECT_EQ(kept, recomputed);
  forward(other);  // of another micro-batch
  EXPECT_EQ(backward(x), recomputed);
  EXPECT_NE(backward(other), recomputed);
}

TEST_P(PrecisionTest, AdamWAndSumOfSquares) {
  if (!usable()) return;
  const Index count = 5003;  // more than two blocks of the loop
  Held master = exact(count, 1), m = exact(count, 2), v = exact(count, 3, 0, 1), g = exact(count, 4),
       weights = result(count);
  Numbers w1(master.exact(), master.exact() + count), m1(m.exact(), m.exact() + count),
      v1(v.exact(), v.exact() + count), g1(g.exact(), g.exact() + count);
  EXPECT_NEAR(op_->sum_of_squares(count, g.raw()), reference_->sum_of_squares(count, g1.data()),
              1e-12 * static_cast<double>(count));
  AdamW settings;
  settings.rate = 0.01;
  settings.decay = 0.1;
  settings.step = 2;
  settings.gradient_scale = 0.3;
  op_->adamw(count, settings, master.raw(), m.raw(), v.raw(), g.raw(), weights.raw());
  reference_->adamw(count, settings, w1.data(), m1.data(), v1.data(), g1.data(), nullptr);
  Numbers w_bounds(w1.size()), m_bounds = w_bounds, v_bounds = w_bounds;
  for (Index n = 0; n < count; ++n) {
    const auto i = static_cast<std::size_t>(n);
    const double first = 0.9 * std::abs(m[n]) + 0.03 * std::abs(g[n]);
    m_bounds[i] = 5 * u * first;
    v_bounds[i] = 6 * u * v1[i];
    w_bounds[i] = u * (3 * std::abs(master[n]) + 0.01 * 16 * first / 0.19 / std::sqrt(v1[i] / 0.0975));
  }
  expect_within("first moment", m, m1, m_bounds, true);
  expect_within("second moment", v, v1, v_bounds, true);
  expect_within("master weights", master, w1, w_bounds, true);
  expect_within("gradients", g, Numbers(g1.size(), 0.0), Numbers(g1.size(), 0.0), true);
  if (GetParam() == Element::bf16) expect_within("weights", weights, w1, w_bounds);
}

TEST_P(PrecisionTest, SameOperandsAndThreadsGiveTheSameBits) {
  if (!usable()) return;
  const LinearShape linear{rows, width, 300};
  const AttentionShape attention{1, 150, 4, 2, 16};
  const HeadShape head{rows, width, 2000, 0};
  std::vector<std::int32_t> tokens(150);
  for (std::size_t r = 0; r < tokens.size(); ++r) tokens[r] = static_cast<std::int32_t>(r * 7 % 20);
  const auto all = [&](Operators& op, bool products) {
    std::vector<std::vector<unsigned char>> found;
    op.reserve_linear(linear);
    op.reserve_attention(attention);
    op.reserve_head(head);
    Held x = held(rows * width, 1), w = held(2000 * width, 2), y = held(rows * 300, 3), dx = x,
         dw = exact(2000 * width, 4), a = exact(150 * 4, 5), b = exact(150 * 4, 6), c = exact(rows, 7);
    if (products) {
      op.linear_backward_input(linear, y.raw(), w.raw(), dx.raw());
      op.linear_backward_weight(linear, y.raw(), x.raw(), dw.raw(), nullptr);
      op.linear_forward(linear, x.raw(), w.raw(), nullptr, y.raw());
      op.head_forward(head, x.raw(), w.raw(), tokens.data(), a.raw(), b.raw(), c.raw());
      op.head_backward(head, x.raw(), w.raw(), tokens.data(), a.raw(), 1, dx.raw(), dw.raw());
    }
    Held gamma = held(width, 8), dgamma = exact(width, 9), dbeta = dgamma;
    op.layer_norm_backward(rows, width, x.raw(), w.raw(), gamma.raw(), c.raw(), a.raw(), dx.raw(),
                           dgamma.raw(), dbeta.raw());
    op.embedding_backward(rows, width, rows, tokens.data(), x.raw(), dw.raw(), 0, 2000, nullptr);
    Held qkv = held(150 * 128, 10), dqkv = qkv, o = result(150 * 64), d_o = held(150 * 64, 11),
         sums = exact(150 * 4, 12);
    const auto at = [&](Held& values, std::size_t n) {
      return static_cast<unsigned char*>(values.raw()) + n * bytes_of(GetParam());
    };
    op.attention_forward(attention, at(qkv, 0), at(qkv, 64), at(qkv, 96), 128, o.raw(), sums.raw());
    op.attention_backward(attention, d_o.raw(), at(qkv, 0), at(qkv, 64), at(qkv, 96), 128, o.raw(),
                          sums.raw(), at(dqkv, 0), at(dqkv, 64), at(dqkv, 96));
    const double squares = op.sum_of_squares(dw.count(), dw.raw());
    for (Held* const held : {&x, &y, &dx, &dw, &a, &b, &c, &dgamma, &dbeta, &o, &sums, &dqkv})
      found.push_back(held->bytes());
    found.emplace_back(reinterpret_cast<const unsigned char*>(&squares),
                       reinterpret_cast<const unsigned char*>(&squares + 1));
    return found;
  };
  const auto once = all(*op_, true);
  for (int again = 0; again < 3; ++again) EXPECT_EQ(all(*op_, true), once);
  EXPECT_EQ(all(*host_operators(GetParam(), 2), true), once);
  // Without the products the number of threads changes nothing either.
  const auto loops = all(*op_, false);
  for (const int threads : {1, 3, 5}) EXPECT_EQ(all(*host_operators(GetParam(), threads), false), loops);
}

INSTANTIATE_TEST_SUITE_P(Elements, PrecisionTest, testing::Values(Element::f32, Element::bf16),
                         [](const auto& element) { return std::string(name_of(element.param)); });

}  // namespace

}  // namespace assay::device
