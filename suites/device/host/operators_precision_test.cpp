// Products, norms, activations and AdamW in f32 and bf16 against f64.
#include <cmath>
#include <string>
#include <vector>

#include "suites/device/host/operators_precision.h"

namespace assay::device {

namespace {

TEST_P(OperatorPrecision, Products) {
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
TEST_P(OperatorPrecision, Norms) {
  if (!usable()) return;
  const double k = (width + 8) * u;
  Held x = held(rows * width, 1, -1, 2), gamma = held(width, 2), beta = held(width, 3),
       dy = held(rows * width, 4), before = held(rows * width, 5);
  const auto size = static_cast<std::size_t>(rows * width);
  for (const bool centred : {true, false}) {
    Held y = result(rows * width), mean = exact_result(rows), deviation = exact_result(rows);
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
    const Held saved_mean = exact(middle), saved_scale = exact(scale);
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

    Held found = before, dgamma = exact_result(width), dbeta = dgamma;
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
TEST_P(OperatorPrecision, Activations) {
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

TEST_P(OperatorPrecision, RopeEmbeddingAndAdd) {
  if (!usable()) return;
  const Index heads = 3, size = 22, sequence = 11, count = rows * heads * size;
  for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_rope(sequence, size, 10000);
  Held x = held(count, 1);
  Numbers expected(x.exact(), x.exact() + count), bounds(expected.size());
  op_->rope(rows, sequence, heads, size, heads * size, 10000, 1, x.raw());
  reference_->rope(rows, sequence, heads, size, heads * size, 10000, 1, expected.data());
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

/// More than a block of threads takes at a time.
TEST_P(OperatorPrecision, ManyRowsOfOneToken) {
  if (!usable()) return;
  const Index some = 600, columns = 40;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(some), 3);
  for (std::size_t r = 0; r < tokens.size(); r += 9) tokens[r] = 4;
  Held dy = held(some * columns, 1), dtable = exact(5 * columns, 2);
  Numbers expected(dtable.exact(), dtable.exact() + dtable.count());
  op_->embedding_backward(some, columns, some, tokens.data(), dy.raw(), dtable.raw(), 0, 5, nullptr);
  reference_->embedding_backward(some, columns, some, tokens.data(), dy.exact(), expected.data(), 0, 5,
                                 nullptr);
  expect_within("dtable", dtable, expected, Numbers(expected.size(), 600 * 600 * u), true);
}

TEST_P(OperatorPrecision, AdamWAndSumOfSquares) {
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
  if (element() == Element::bf16) expect_within("weights", weights, w1, w_bounds);
}

TEST_P(SameBits, OfTheSameOperandsAndThreads) {
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
      return static_cast<unsigned char*>(values.raw()) + n * bytes_of(element());
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
  EXPECT_EQ(all(*make(2), true), once);
  // Without the products the number of threads changes nothing either.
  const auto loops = all(*op_, false);
  for (const int threads : {1, 3, 5}) EXPECT_EQ(all(*make(threads), false), loops);
}

const Candidate host_candidates[] = {{"f32", Element::f32, host_operators, unsupported_on_host},
                                     {"bf16", Element::bf16, host_operators, unsupported_on_host}};
INSTANTIATE_TEST_SUITE_P(Host, OperatorPrecision, testing::ValuesIn(host_candidates), name_of_test);
INSTANTIATE_TEST_SUITE_P(Host, SameBits, testing::ValuesIn(host_candidates), name_of_test);

}  // namespace

}  // namespace assay::device
