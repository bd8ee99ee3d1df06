// Attention and the fused head, which work block by block, in f32 and bf16 against f64.
#include <cmath>
#include <string>
#include <vector>

#include "suites/device/host/operators_precision.h"

namespace assay::device {

namespace {

// A score errs by up to (size + 4) u sum |q k| / sqrt(size) =: d, so a probability relatively by p = 2 d + (T
// + size + 16) u: its own exponential and the sum that it is divided by.
TEST_P(BlockPrecision, Attention) {
  if (!usable()) return;
  // Several sequences; more blocks than one; heads of whole vectors; heads larger than most.
  const AttentionShape shapes[] = {
      {2, 11, 6, 3, 5}, {1, 150, 2, 1, 70}, {1, 70, 4, 2, 64}, {1, 66, 1, 1, 128}, {1, 20, 2, 1, 136}};
  for (const AttentionShape& s : shapes) {
    for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_attention(s);
    const Index tokens = s.batch * s.sequence,
                stride = (s.heads + 2 * s.kv_heads) * s.size + (s.size % 8 == 0 ? 8 : 3),
                k_at = s.heads * s.size, v_at = k_at + s.kv_heads * s.size;
    Held qkv = held(tokens * stride, 1), d_o = held(tokens * k_at, 2), o = result(tokens * k_at),
         log_sum = exact_result(tokens * s.heads);
    const auto raw = [&](Held& all, Index at) {
      return static_cast<unsigned char*>(all.raw()) + static_cast<std::size_t>(at) * bytes_of(element());
    };
    Numbers expected(static_cast<std::size_t>(tokens * k_at)),
        sums(static_cast<std::size_t>(tokens * s.heads));
    op_->attention_forward(s, raw(qkv, 0), raw(qkv, k_at), raw(qkv, v_at), stride, o.raw(), log_sum.raw());
    reference_->attention_forward(s, qkv.exact(), qkv.exact() + k_at, qkv.exact() + v_at, stride,
                                  expected.data(), sums.data());
    // Operands of the backward pass, the same for both sides.
    Held saved_o(element(), expected), saved_sum = exact(sums);
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
          const double p = 2 * worst * (static_cast<double>(s.size) + 4) * u + (depth + 16) * u,
                       rounded = GetParam().probability_rounding;
          sum_bounds[static_cast<std::size_t>(row * s.heads + h)] =
              p + 4 * u * std::abs(sums[static_cast<std::size_t>(row * s.heads + h)]);
          for (Index other = 0; other <= t; ++other) {
            const Index k0 = (b * s.sequence + other) * stride + k_at + kv * s.size, v0 = k0 - k_at + v_at;
            const double weight = probability[static_cast<std::size_t>(other)],
                         dscore = weight * (dp[static_cast<std::size_t>(other)] + product);
            // The scores' gradients carry p, and the roundings of dP, of the row's sum and of this sum.
            const double relative = p + rounded + (2 * depth + 16) * u +
                                    2 * u * std::abs(sums[static_cast<std::size_t>(row * s.heads + h)]);
            for (Index d = 0; d < s.size; ++d) {
              bounds[static_cast<std::size_t>(o0 + d)] += (2 * p + rounded) * weight * std::abs(qkv[v0 + d]);
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
TEST_P(BlockPrecision, Head) {
  if (!usable()) return;
  const Index vocabulary = 9001, part = 3000;  // two blocks
  const HeadShape s{7, width, vocabulary, part};
  for (Operators* const each : {op_.get(), reference_.get()}) each->reserve_head(s);
  const std::vector<std::int32_t> targets = {3000, 12000, 17, 3001, 9000, 5555, 12001};
  Held x = held(s.rows * width, 1), w = held(vocabulary * width, 2), dx = result(s.rows * width),
       dw = exact(vocabulary * width, 3);
  Held largest = exact_result(s.rows), sum = largest, target = largest;
  Numbers peaks(7), totals(7), logits(7), peak_bounds(7), total_bounds(7);
  op_->head_forward(s, x.raw(), w.raw(), targets.data(), largest.raw(), sum.raw(), target.raw());
  reference_->head_forward(s, x.exact(), w.exact(), targets.data(), peaks.data(), totals.data(),
                           logits.data());
  Numbers log_sums(7);
  for (std::size_t r = 0; r < 7; ++r) log_sums[r] = peaks[r] + std::log(totals[r]);
  Held saved = exact(log_sums);
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

TEST_P(KeptLogits, ChangeNothing) {
  if (!usable()) return;
  const HeadShape s{rows, width, 20011, 0};  // three blocks, of which one is kept
  op_->reserve_head(s);
  std::vector<std::int32_t> targets(static_cast<std::size_t>(rows));
  for (std::size_t r = 0; r < targets.size(); ++r) targets[r] = static_cast<std::int32_t>(r * 541);
  Held x = held(rows * width, 1), other = held(rows * width, 9), w = held(s.vocabulary * width, 2),
       largest = exact_result(rows), sum = largest, target = largest, log_sum = exact(rows, 3, 5, 6);
  const auto forward = [&](Held& in) {
    op_->head_forward(s, in.raw(), w.raw(), targets.data(), largest.raw(), sum.raw(), target.raw());
  };
  const auto backward = [&](Held& in) {
    Held dx = result(rows * width), dw = exact_result(s.vocabulary * width);
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

const Candidate blocks_of_host[] = {{"f32", Element::f32, host_operators, unsupported_on_host},
                                    {"bf16", Element::bf16, host_operators, unsupported_on_host}};
INSTANTIATE_TEST_SUITE_P(Host, BlockPrecision, testing::ValuesIn(blocks_of_host), name_of_test);
INSTANTIATE_TEST_SUITE_P(Host, KeptLogits, testing::ValuesIn(blocks_of_host), name_of_test);

}  // namespace

}  // namespace assay::device
