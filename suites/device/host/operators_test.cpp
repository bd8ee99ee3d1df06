// The f64 operators: forward against formulas written out here, backward against central differences of the
// forward pass, at sizes that are multiples of nothing.
#include "suites/device/operators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "reports/base/error.h"

namespace assay::device {

namespace {

using Index = std::int64_t;
using Numbers = std::vector<double>;
using Tokens = std::vector<std::int32_t>;

constexpr Index rows = 7, width = 13, vocabulary = 37, sequence = 3;

Numbers random_numbers(Index count, unsigned seed, double from = -1, double to = 1) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(from, to);
  Numbers numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) number = uniform(generator);
  return numbers;
}

Numbers zeros(Index count) {
  return Numbers(static_cast<std::size_t>(count), 0.0);
}

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::unique_ptr<Operators> reference(int threads = 2) {
  return host_operators(Element::f64, threads);
}

using Loss = std::function<double(const Numbers&)>;

/// Elements in which two gradients differ. A step of 1e-5 leaves an error of about 1e-10 (third derivative)
/// and 1e-11 (rounding), both times numbers of the order of ten here.
std::vector<std::size_t> differing(const Numbers& gradient, const Numbers& differences,
                                   const std::vector<std::size_t>& places) {
  std::vector<std::size_t> found;
  for (const std::size_t i : places)
    if (!(std::abs(gradient[i] - differences[i]) <= 1e-7 * (1 + std::abs(differences[i]))))
      found.push_back(i);
  return found;
}

/// The gradient equals central differences of the loss at every place (or at those named), and would be
/// refused with any one element off.
void expect_gradient(const char* what, const Numbers& gradient, Numbers point, const Loss& loss,
                     std::vector<std::size_t> places = {}) {
  ASSERT_EQ(gradient.size(), point.size()) << what;
  if (places.empty())
    for (std::size_t i = 0; i < point.size(); ++i) places.push_back(i);
  Numbers differences(point.size(), 0.0);
  constexpr double step = 1e-5;
  for (const std::size_t i : places) {
    const double before = point[i];
    point[i] = before + step;
    const double above = loss(point);
    point[i] = before - step;
    const double below = loss(point);
    point[i] = before;
    differences[i] = (above - below) / (2 * step);
  }
  const std::vector<std::size_t> wrong = differing(gradient, differences, places);
  EXPECT_TRUE(wrong.empty()) << what << ": " << wrong.size() << " of " << places.size()
                             << " elements are wrong, the first at " << wrong[0] << ": " << gradient[wrong[0]]
                             << " instead of " << differences[wrong[0]];
  for (const std::size_t i : {places.front(), places[places.size() / 2], places.back()}) {
    Numbers planted = gradient;
    planted[i] += 1e-5;
    EXPECT_EQ(differing(planted, differences, places), std::vector<std::size_t>{i}) << what;
    planted[i] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(differing(planted, differences, places), std::vector<std::size_t>{i}) << what;
  }
}

void expect_near(const char* what, const Numbers& found, const Numbers& expected, double bound = 1e-13) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_LE(std::abs(found[i] - expected[i]), bound * (1 + std::abs(expected[i]))) << what << " at " << i;
}

TEST(Operators, LinearEqualsItsFormulaAndItsGradientsCentralDifferences) {
  const auto op = reference();
  const LinearShape shape{rows, width, 11};
  op->reserve_linear(shape);
  const Numbers x = random_numbers(rows * width, 1), w = random_numbers(11 * width, 2),
                b = random_numbers(11, 3), dy = random_numbers(rows * 11, 4);
  for (const bool with_bias : {true, false}) {
    const auto forward = [&](const Numbers& inputs, const Numbers& weights, const Numbers& bias) {
      Numbers y(dy.size());
      op->linear_forward(shape, inputs.data(), weights.data(), with_bias ? bias.data() : nullptr, y.data());
      return y;
    };
    Numbers expected = zeros(rows * 11);
    for (std::size_t r = 0; r < 7; ++r)
      for (std::size_t o = 0; o < 11; ++o) {
        expected[r * 11 + o] = with_bias ? b[o] : 0;
        for (std::size_t i = 0; i < 13; ++i) expected[r * 11 + o] += x[r * 13 + i] * w[o * 13 + i];
      }
    expect_near("y", forward(x, w, b), expected);
    Numbers dx(x.size());
    op->linear_backward_input(shape, dy.data(), w.data(), dx.data());
    expect_gradient("dx", dx, x, [&](const Numbers& at) { return dot(dy, forward(at, w, b)); });
    Numbers dw = zeros(11 * width), db = zeros(11);
    op->linear_backward_weight(shape, dy.data(), x.data(), dw.data(), with_bias ? db.data() : nullptr);
    expect_gradient("dW", dw, w, [&](const Numbers& at) { return dot(dy, forward(x, at, b)); });
    if (with_bias)
      expect_gradient("db", db, b, [&](const Numbers& at) { return dot(dy, forward(x, w, at)); });
    // Once more on top, and once more afresh.
    Numbers twice = dw, again(dw.size(), 5.0), bias_again(db.size(), 5.0);
    op->linear_backward_weight(shape, dy.data(), x.data(), twice.data(), nullptr);
    for (double& value : twice) value /= 2;
    expect_near("accumulated dW", twice, dw);
    op->linear_backward_weight(shape, dy.data(), x.data(), again.data(), bias_again.data(), false);
    expect_near("overwritten dW", again, dw);
    if (with_bias) expect_near("overwritten db", bias_again, db);
  }
}

TEST(Operators, LayerNormEqualsItsFormulaAndItsGradientsCentralDifferences) {
  const auto op = reference();
  const Numbers x = random_numbers(rows * width, 1, -1, 3), gamma = random_numbers(width, 2),
                beta = random_numbers(width, 3), dy = random_numbers(rows * width, 4),
                before = random_numbers(rows * width, 5);
  Numbers mean(rows), deviation(rows);
  const auto forward = [&](const Numbers& in, const Numbers& scale, const Numbers& offset) {
    Numbers y(x.size());
    op->layer_norm_forward(rows, width, in.data(), scale.data(), offset.data(), y.data(), mean.data(),
                           deviation.data());
    return y;
  };
  Numbers expected(x.size());
  for (std::size_t r = 0; r < 7; ++r) {
    double sum = 0, squares = 0;
    for (std::size_t c = 0; c < 13; ++c) sum += x[r * 13 + c];
    for (std::size_t c = 0; c < 13; ++c) squares += std::pow(x[r * 13 + c] - sum / 13, 2);
    for (std::size_t c = 0; c < 13; ++c)
      expected[r * 13 + c] = (x[r * 13 + c] - sum / 13) / std::sqrt(squares / 13 + 1e-5) * gamma[c] + beta[c];
  }
  expect_near("y", forward(x, gamma, beta), expected);
  Numbers dx = before, dgamma = zeros(width), dbeta = zeros(width);
  op->layer_norm_backward(rows, width, dy.data(), x.data(), gamma.data(), mean.data(), deviation.data(),
                          dx.data(), dgamma.data(), dbeta.data());
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] -= before[i];  // it joins what is there
  expect_gradient("dx", dx, x, [&](const Numbers& at) { return dot(dy, forward(at, gamma, beta)); });
  expect_gradient("dgamma", dgamma, gamma, [&](const Numbers& at) { return dot(dy, forward(x, at, beta)); });
  expect_gradient("dbeta", dbeta, beta, [&](const Numbers& at) { return dot(dy, forward(x, gamma, at)); });
}

TEST(Operators, RmsNormEqualsItsFormulaAndItsGradientsCentralDifferences) {
  const auto op = reference();
  const Numbers x = random_numbers(rows * width, 1), gamma = random_numbers(width, 2),
                dy = random_numbers(rows * width, 4), before = random_numbers(rows * width, 5);
  Numbers deviation(rows);
  const auto forward = [&](const Numbers& in, const Numbers& scale) {
    Numbers y(x.size());
    op->rms_norm_forward(rows, width, in.data(), scale.data(), y.data(), deviation.data());
    return y;
  };
  Numbers expected(x.size());
  for (std::size_t r = 0; r < 7; ++r) {
    double squares = 0;
    for (std::size_t c = 0; c < 13; ++c) squares += x[r * 13 + c] * x[r * 13 + c];
    for (std::size_t c = 0; c < 13; ++c)
      expected[r * 13 + c] = x[r * 13 + c] / std::sqrt(squares / 13 + 1e-5) * gamma[c];
  }
  expect_near("y", forward(x, gamma), expected);
  Numbers dx = before, dgamma = zeros(width);
  op->rms_norm_backward(rows, width, dy.data(), x.data(), gamma.data(), deviation.data(), dx.data(),
                        dgamma.data());
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] -= before[i];
  expect_gradient("dx", dx, x, [&](const Numbers& at) { return dot(dy, forward(at, gamma)); });
  expect_gradient("dgamma", dgamma, gamma, [&](const Numbers& at) { return dot(dy, forward(x, at)); });
}

TEST(Operators, ActivationsEqualTheirFormulasAndTheirGradientsCentralDifferences) {
  const auto op = reference();
  const Index count = 97;
  const Numbers x = random_numbers(count, 1, -6, 6), dy = random_numbers(count, 2);
  const auto gelu = [&](const Numbers& in) {
    Numbers y(in.size());
    op->gelu_forward(count, in.data(), y.data());
    return y;
  };
  Numbers expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    expected[i] = 0.5 * x[i] * (1 + std::tanh(std::sqrt(2 / M_PI) * (x[i] + 0.044715 * std::pow(x[i], 3))));
  expect_near("gelu", gelu(x), expected);
  Numbers dx(x.size());
  op->gelu_backward(count, dy.data(), x.data(), dx.data());
  expect_gradient("dgelu", dx, x, [&](const Numbers& at) { return dot(dy, gelu(at)); });

  const Numbers both = random_numbers(rows * 2 * width, 3, -6, 6), up = random_numbers(rows * width, 4);
  const auto swiglu = [&](const Numbers& in) {
    Numbers y(up.size());
    op->swiglu_forward(rows, width, in.data(), y.data());
    return y;
  };
  Numbers products(up.size());
  for (std::size_t r = 0; r < 7; ++r)
    for (std::size_t c = 0; c < 13; ++c) {
      const double gate = both[r * 26 + c];
      products[r * 13 + c] = gate / (1 + std::exp(-gate)) * both[r * 26 + 13 + c];
    }
  expect_near("swiglu", swiglu(both), products);
  Numbers dboth(both.size());
  op->swiglu_backward(rows, width, up.data(), both.data(), dboth.data());
  expect_gradient("dswiglu", dboth, both, [&](const Numbers& at) { return dot(up, swiglu(at)); });
}

TEST(Operators, RopeTurnsPairsByItsAngleAndTurnsThemBack) {
  const auto op = reference();
  constexpr Index heads = 3, size = 10;
  constexpr double base = 500.0;
  op->reserve_rope(sequence, size, base);
  const Numbers x = random_numbers(rows * heads * size, 1);
  const auto turn = [&](Numbers values, int sign) {
    op->rope(rows, sequence, heads, size, heads * size, base, sign, values.data());
    return values;
  };
  Numbers expected(x.size());
  for (std::size_t r = 0; r < 7; ++r)
    for (std::size_t h = 0; h < 3; ++h)
      for (std::size_t i = 0; i < 5; ++i) {
        const double angle = static_cast<double>(r % 3) * std::pow(base, -2.0 * static_cast<double>(i) / 10);
        const std::size_t low = (r * 3 + h) * 10 + i, high = low + 5;
        expected[low] = x[low] * std::cos(angle) - x[high] * std::sin(angle);
        expected[high] = x[high] * std::cos(angle) + x[low] * std::sin(angle);
      }
  expect_near("rope", turn(x, 1), expected);
  expect_near("there and back", turn(turn(x, 1), -1), x);
  const Numbers dy = random_numbers(rows * heads * size, 2);
  expect_gradient("dx", turn(dy, -1), x, [&](const Numbers& at) { return dot(dy, turn(at, 1)); });
  EXPECT_THROW(op->rope(rows, sequence, heads, size, heads * size, 10000, 1, expected.data()),
               std::logic_error);
}

/// Queries, keys and values side by side in one row, as one product makes them.
struct AttentionCase {
  AttentionShape shape;
  Index stride() const { return (shape.heads + 2 * shape.kv_heads) * shape.size; }
  Index tokens() const { return shape.batch * shape.sequence; }
  Index keys() const { return shape.heads * shape.size; }
  Index values() const { return keys() + shape.kv_heads * shape.size; }
};

Numbers plain_attention(const AttentionCase& test, const Numbers& qkv, Numbers& log_sum) {
  const AttentionShape& s = test.shape;
  Numbers o = zeros(test.tokens() * test.keys());
  for (Index b = 0; b < s.batch; ++b)
    for (Index h = 0; h < s.heads; ++h)
      for (Index t = 0; t < s.sequence; ++t) {
        const Index row = b * s.sequence + t, kv = h / (s.heads / s.kv_heads);
        const auto at = [&](Index token, Index column) {
          return qkv[static_cast<std::size_t>((b * s.sequence + token) * test.stride() + column)];
        };
        Numbers weights;
        double total = 0;
        for (Index other = 0; other <= t; ++other) {
          double score = 0;
          for (Index d = 0; d < s.size; ++d)
            score += at(t, h * s.size + d) * at(other, test.keys() + kv * s.size + d);
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(s.size))));
          total += weights.back();
        }
        for (Index other = 0; other <= t; ++other)
          for (Index d = 0; d < s.size; ++d)
            o[static_cast<std::size_t>(row * test.keys() + h * s.size + d)] +=
                weights[static_cast<std::size_t>(other)] / total * at(other, test.values() + kv * s.size + d);
        log_sum[static_cast<std::size_t>(row * s.heads + h)] = std::log(total);
      }
  return o;
}

TEST(Operators, AttentionEqualsItsFormulaAndItsGradientsCentralDifferences) {
  // Grouped queries in two short sequences; one sequence of several blocks; one head for more threads.
  const AttentionCase cases[] = {{{2, 11, 6, 3, 5}}, {{1, 131, 2, 1, 3}}, {{1, 67, 1, 1, 2}}};
  for (const AttentionCase& test : cases) {
    const AttentionShape& s = test.shape;
    const auto op = reference(3);
    op->reserve_attention(s);
    const Numbers qkv = random_numbers(test.tokens() * test.stride(), 1, -2, 2),
                  d_o = random_numbers(test.tokens() * test.keys(), 2);
    Numbers log_sum = zeros(test.tokens() * s.heads), expected_sum = log_sum;
    const auto forward = [&](const Numbers& in) {
      Numbers o(d_o.size());
      op->attention_forward(s, in.data(), in.data() + test.keys(), in.data() + test.values(), test.stride(),
                            o.data(), log_sum.data());
      return o;
    };
    const Numbers o = forward(qkv), saved = log_sum;
    expect_near("o", o, plain_attention(test, qkv, expected_sum), 1e-12);
    expect_near("log_sum", saved, expected_sum, 1e-12);
    Numbers dqkv(qkv.size(), 9.0);
    op->attention_backward(s, d_o.data(), qkv.data(), qkv.data() + test.keys(), qkv.data() + test.values(),
                           test.stride(), o.data(), saved.data(), dqkv.data(), dqkv.data() + test.keys(),
                           dqkv.data() + test.values());
    std::vector<std::size_t> places;  // of long sequences a part, coprime to the row, so every column
    for (std::size_t i = 0; i<qkv.size(); i += s.sequence> 100 ? 7 : 1) places.push_back(i);
    expect_gradient(
        "dqkv", dqkv, qkv, [&](const Numbers& at) { return dot(d_o, forward(at)); }, places);
  }
}

TEST(Operators, EmbeddingLooksUpItsPartAndItsGradientsEqualCentralDifferences) {
  const auto op = reference();
  const Tokens tokens = {5, 36, 5, 0, 20, 19, 5};
  const Numbers table = random_numbers(vocabulary * width, 1), position = random_numbers(sequence * width, 2),
                dy = random_numbers(rows * width, 3);
  const auto forward = [&](const Numbers& words, Index first, Index count, const Numbers* places) {
    Numbers y(dy.size());
    op->embedding_forward(rows, width, sequence, tokens.data(), words.data() + first * width, first, count,
                          places != nullptr ? places->data() : nullptr, y.data());
    return y;
  };
  Numbers expected(dy.size());
  for (std::size_t r = 0; r < 7; ++r)
    for (std::size_t c = 0; c < 13; ++c)
      expected[r * 13 + c] = table[static_cast<std::size_t>(tokens[r]) * 13 + c] + position[r % 3 * 13 + c];
  expect_near("y", forward(table, 0, vocabulary, &position), expected, 0);
  // Two parts of the vocabulary, of which one adds the positions, make the whole.
  Numbers sum = forward(table, 0, 20, &position);
  const Numbers rest = forward(table, 20, 17, nullptr);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += rest[i];
  expect_near("the parts' sum", sum, expected, 0);

  Numbers dtable = zeros(vocabulary * width), dposition = zeros(sequence * width);
  op->embedding_backward(rows, width, sequence, tokens.data(), dy.data(), dtable.data(), 0, vocabulary,
                         dposition.data());
  expect_gradient("dtable", dtable, table,
                  [&](const Numbers& at) { return dot(dy, forward(at, 0, vocabulary, &position)); });
  expect_gradient("dposition", dposition, position,
                  [&](const Numbers& at) { return dot(dy, forward(table, 0, vocabulary, &at)); });
  Numbers parts = zeros(vocabulary * width);
  op->embedding_backward(rows, width, sequence, tokens.data(), dy.data(), parts.data(), 0, 20, nullptr);
  op->embedding_backward(rows, width, sequence, tokens.data(), dy.data(), parts.data() + 20 * width, 20, 17,
                         nullptr);
  expect_near("the parts' gradient", parts, dtable, 0);
}

/// The head over parts of the vocabulary that begin at `firsts`, combined as a tensor-parallel group does.
struct Head {
  Operators& op;
  HeadShape whole;
  std::vector<Index> firsts;
  Tokens targets;

  HeadShape part(std::size_t i) const {
    const Index end = i + 1 < firsts.size() ? firsts[i + 1] : whole.vocabulary;
    return {whole.rows, whole.width, end - firsts[i], firsts[i]};
  }
  /// The loss, summed over rows; `log_sum` of every row.
  double forward(const Numbers& x, const Numbers& w, Numbers& log_sum) const {
    const auto count = static_cast<std::size_t>(whole.rows);
    Numbers largest(count, -std::numeric_limits<double>::infinity()), sum(count, 0.0), logit(count, 0.0);
    for (std::size_t i = 0; i < firsts.size(); ++i) {
      Numbers part_largest(count), part_sum(count), part_logit(count);
      op.reserve_head(part(i));
      op.head_forward(part(i), x.data(), w.data() + firsts[i] * whole.width, targets.data(),
                      part_largest.data(), part_sum.data(), part_logit.data());
      for (std::size_t r = 0; r < count; ++r) {
        const double now = std::max(largest[r], part_largest[r]);
        sum[r] = sum[r] * std::exp(largest[r] - now) + part_sum[r] * std::exp(part_largest[r] - now);
        largest[r] = now;
        logit[r] += part_logit[r];
      }
    }
    double loss = 0;
    for (std::size_t r = 0; r < count; ++r) {
      log_sum[r] = largest[r] + std::log(sum[r]);
      loss += log_sum[r] - logit[r];
    }
    return loss;
  }
};

TEST(Operators, HeadEqualsItsFormulaAndItsGradientsCentralDifferencesInParts) {
  const auto op = reference(1);  // many small calls
  const struct {
    Index vocabulary;
    std::vector<Index> firsts;
    std::size_t weight_step;  // of the large one, whose vocabulary takes two blocks, a part of dW
  } cases[] = {{37, {0}, 1}, {37, {0, 20}, 1}, {10007, {0}, 4001}};
  for (const auto& test : cases) {
    const Tokens targets = {5, 36, 0, 19, 20, 5, static_cast<std::int32_t>(test.vocabulary - 1)};
    const Head head{*op, {rows, width, test.vocabulary, 0}, test.firsts, targets};
    const Numbers x = random_numbers(rows * width, 1, -2, 2),
                  w = random_numbers(test.vocabulary * width, 2, -2, 2);
    Numbers log_sum(rows), unused(rows);
    double expected = 0;
    for (std::size_t r = 0; r < 7; ++r) {
      double total = 0, target = 0;
      for (std::size_t v = 0; v < static_cast<std::size_t>(test.vocabulary); ++v) {
        double logit = 0;
        for (std::size_t c = 0; c < 13; ++c) logit += x[r * 13 + c] * w[v * 13 + c];
        total += std::exp(logit);
        if (v == static_cast<std::size_t>(targets[r])) target = logit;
      }
      expected += std::log(total) - target;
    }
    EXPECT_NEAR(head.forward(x, w, log_sum), expected, 1e-11 * expected);
    const double scale = 0.125;
    Numbers dx(x.size(), 0.0), dw(w.size(), 0.0);
    for (std::size_t i = 0; i < test.firsts.size(); ++i) {
      Numbers part(x.size(), 7.0);  // overwritten
      op->head_backward(head.part(i), x.data(), w.data() + test.firsts[i] * width, targets.data(),
                        log_sum.data(), scale, part.data(), dw.data() + test.firsts[i] * width);
      for (std::size_t n = 0; n < dx.size(); ++n) dx[n] += part[n];
    }
    expect_gradient("dx", dx, x, [&](const Numbers& at) { return scale * head.forward(at, w, unused); });
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < w.size(); i += test.weight_step) places.push_back(i);
    for (const std::int32_t target : targets) places.push_back(static_cast<std::size_t>(target) * 13 + 3);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    expect_gradient(
        "dW", dw, w, [&](const Numbers& at) { return scale * head.forward(x, at, unused); }, places);
    if (test.firsts.size() > 1) continue;
    Numbers afresh(w.size(), 7.0);
    op->head_backward(head.whole, x.data(), w.data(), targets.data(), log_sum.data(), scale, dx.data(),
                      afresh.data(), false);
    expect_near("overwritten dW", afresh, dw);
  }
}

TEST(Operators, ATiedTableGathersTheGradientsOfBothItsUses) {
  const auto op = reference();
  const HeadShape shape{rows, width, vocabulary, 0};
  op->reserve_head(shape);
  const Tokens tokens = {5, 36, 5, 0, 20, 19, 5}, targets = {36, 5, 5, 20, 1, 5, 0};
  const Numbers table = random_numbers(vocabulary * width, 1, -2, 2);
  const auto lookup = [&](const Numbers& words) {
    Numbers x(rows * width);
    op->embedding_forward(rows, width, sequence, tokens.data(), words.data(), 0, vocabulary, nullptr,
                          x.data());
    return x;
  };
  Numbers log_sum(rows);
  const auto loss = [&](const Numbers& words) {
    const Numbers x = lookup(words);
    Numbers largest(rows), sum(rows), logit(rows);
    op->head_forward(shape, x.data(), words.data(), targets.data(), largest.data(), sum.data(), logit.data());
    double total = 0;
    for (std::size_t r = 0; r < 7; ++r) {
      log_sum[r] = largest[r] + std::log(sum[r]);
      total += log_sum[r] - logit[r];
    }
    return total;
  };
  loss(table);
  const Numbers x = lookup(table);
  Numbers dx(rows * width), dtable = zeros(vocabulary * width);
  op->head_backward(shape, x.data(), table.data(), targets.data(), log_sum.data(), 1, dx.data(),
                    dtable.data(), false);
  op->embedding_backward(rows, width, sequence, tokens.data(), dx.data(), dtable.data(), 0, vocabulary,
                         nullptr);
  expect_gradient("dtable", dtable, table, loss);
}

TEST(Operators, GradientsOfParametersAddToWhatIsThere) {
  const auto op = reference();
  const Numbers x = random_numbers(rows * width, 1), gamma = random_numbers(width, 2),
                dy = random_numbers(rows * width, 3), mean = random_numbers(rows, 4),
                deviation = random_numbers(rows, 5, 1, 2);
  const Tokens tokens = {5, 36, 5, 0, 20, 19, 5};
  // Every gradient of parameters, one after the other.
  const auto gradients = [&](double before) {
    Numbers dx(rows * width), all;
    const auto keep = [&](const Numbers& one) { all.insert(all.end(), one.begin(), one.end()); };
    Numbers dgamma(width, before), dbeta(width, before), rms(width, before);
    op->layer_norm_backward(rows, width, dy.data(), x.data(), gamma.data(), mean.data(), deviation.data(),
                            dx.data(), dgamma.data(), dbeta.data());
    op->rms_norm_backward(rows, width, dy.data(), x.data(), gamma.data(), deviation.data(), dx.data(),
                          rms.data());
    Numbers dtable(vocabulary * width, before), dposition(sequence * width, before);
    op->embedding_backward(rows, width, sequence, tokens.data(), dy.data(), dtable.data(), 0, vocabulary,
                           dposition.data());
    keep(dgamma), keep(dbeta), keep(rms), keep(dtable), keep(dposition);
    return all;
  };
  Numbers expected = gradients(0);
  for (double& number : expected) number += 5;
  expect_near("gradients", gradients(5), expected);
}

TEST(Operators, WhatLiesBesideStridedRowsStaysAsItIs) {
  const auto op = reference();
  constexpr Index heads = 2, size = 6, stride = heads * size + 5;
  op->reserve_rope(sequence, size, 100);
  const Numbers narrow = random_numbers(rows * heads * size, 1);
  Numbers wide(rows * stride, 9.0), turned = narrow;
  const auto place = [](Index row, Index column) { return static_cast<std::size_t>(row * stride + column); };
  for (Index row = 0; row < rows; ++row)
    std::copy_n(narrow.begin() + row * heads * size, heads * size,
                wide.begin() + static_cast<std::ptrdiff_t>(place(row, 0)));
  op->rope(rows, sequence, heads, size, heads * size, 100, 1, turned.data());
  op->rope(rows, sequence, heads, size, stride, 100, 1, wide.data());
  for (Index row = 0; row < rows; ++row)
    for (Index column = 0; column < stride; ++column)
      EXPECT_EQ(wide[place(row, column)],
                column < heads * size ? turned[static_cast<std::size_t>(row * heads * size + column)] : 9.0);
}

TEST(Operators, AddSumOfSquaresAndAdamWEqualTheirFormulas) {
  const auto op = reference();
  const Index count = 1009;
  const Numbers x = random_numbers(count, 1), start = random_numbers(count, 2);
  Numbers y = start;
  op->add(count, x.data(), y.data());
  Numbers sum = start;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += x[i];
  expect_near("sum", y, sum, 0);
  EXPECT_NEAR(op->sum_of_squares(count, x.data()), dot(x, x), 1e-12);
  EXPECT_EQ(op->sum_of_squares(0, nullptr), 0.0);

  Numbers master = start, m = random_numbers(count, 3), v = random_numbers(count, 4, 0, 1), g = x;
  const Numbers m0 = m, v0 = v;
  Numbers expected(master.size());
  AdamW settings;
  settings.rate = 3e-3;
  settings.decay = 0.1;
  settings.step = 3;
  settings.gradient_scale = 0.5;
  for (std::size_t i = 0; i < master.size(); ++i) {
    const double gradient = 0.5 * x[i], first = 0.9 * m0[i] + 0.1 * gradient,
                 second = 0.95 * v0[i] + 0.05 * gradient * gradient;
    expected[i] = start[i] - 3e-3 * (first / (1 - std::pow(0.9, 3)) /
                                         (std::sqrt(second / (1 - std::pow(0.95, 3))) + 1e-8) +
                                     0.1 * start[i]);
  }
  settings.clear = false;
  op->adamw(count, settings, master.data(), m.data(), v.data(), g.data(), nullptr);
  expect_near("weights", master, expected);
  expect_near("gradients that are kept", g, x, 0);
  EXPECT_NEAR(m[7], 0.9 * m0[7] + 0.05 * x[7], 1e-15);
  EXPECT_NEAR(v[7], 0.95 * v0[7] + 0.05 * 0.25 * x[7] * x[7], 1e-15);
  settings.clear = true;
  op->adamw(count, settings, master.data(), m.data(), v.data(), g.data(), nullptr);
  expect_near("gradients that are cleared", g, zeros(count), 0);
}

TEST(Operators, RefusesElementsThatNothingTrainsIn) {
  EXPECT_THROW(host_operators(Element::int8, 1), Error);
}

}  // namespace

}  // namespace assay::device
