// The loops for every vector width that this processor has: the exponential's error, and that all widths
// compute the same.
#include "suites/device/host/operators_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "suites/device/host/cpu.h"

namespace assay::device {

namespace {

using Index = std::int64_t;

template <typename E>
std::vector<const Kernels<E>*> every_width() {
  std::vector<const Kernels<E>*> found = {&plain_kernels<E>()};
#if defined(__x86_64__)
  if (cpu_features().fma) found.push_back(&avx2_kernels<E>());
  if (cpu_features().avx512) found.push_back(&avx512_kernels<E>());
#endif
  return found;
}

template <typename X>
std::vector<X> exponentials(const Kernels<X>& loops, const std::vector<X>& x) {
  std::vector<X> y(x.size());
  loops.exponential(static_cast<Index>(x.size()), x.data(), y.data());
  return y;
}

TEST(Kernels, TheWidestThatTheProcessorHasIsChosen) {
  const std::string expected = cpu_features().avx512 ? "AVX-512"
                               : cpu_features().fma  ? "AVX2"
                                                     : "baseline vectors";
  EXPECT_EQ(kernels<double>().vectors, expected);
  EXPECT_EQ(kernels<float>().vectors, expected);
  EXPECT_EQ(kernels<Bf16>().vectors, expected);
}

TEST(Kernels, ExponentialInF32IsWithinTwoUlp) {
  std::vector<float> x;
  // Every 1009th float whose exponential is neither 0 nor infinite.
  const auto bits_of = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  for (std::uint32_t bits = 0; bits < bits_of(88.8f); bits += 1009) x.push_back(std::bit_cast<float>(bits));
  for (std::uint32_t bits = bits_of(-0.0f); bits < bits_of(-104.0f); bits += 1009)
    x.push_back(std::bit_cast<float>(bits));
  for (const Kernels<float>* const loops : every_width<float>()) {
    const std::vector<float> y = exponentials(*loops, x);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = std::exp(static_cast<double>(x[i]));
      if (expected > static_cast<double>(std::numeric_limits<float>::max())) {
        EXPECT_TRUE(std::isinf(y[i])) << x[i];
        continue;
      }
      // The spacing of floats at the expected value; that of denormal ones is 2^-149.
      const double ulp = std::ldexp(1.0, std::max(std::ilogb(expected), -126) - 23);
      worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected) / ulp);
    }
    EXPECT_LT(worst, 2) << loops->vectors;
    EXPECT_GT(worst, 0.49) << "nothing was compared";
  }
}

TEST(Kernels, ExponentialInF64IsWithinTwoUlp) {
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> all(-745, 709.7), near(-1, 1);
  std::vector<double> x;
  for (int i = 0; i < 50'000; ++i) {
    x.push_back(all(generator));
    x.push_back(near(generator));
  }
  for (const Kernels<double>* const loops : every_width<double>()) {
    const std::vector<double> y = exponentials(*loops, x);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double expected = std::exp(static_cast<long double>(x[i]));
      const long double ulp = std::ldexp(1.0L, std::max(std::ilogb(expected), -1022) - 52);
      worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(y[i]) - expected) / ulp));
    }
    EXPECT_LT(worst, 2) << loops->vectors;
  }
}

template <typename X>
void expect_special_exponentials() {
  constexpr X infinity = std::numeric_limits<X>::infinity();
  for (const Kernels<X>* const loops : every_width<X>()) {
    const std::vector<X> y =
        exponentials(*loops, {0, -infinity, infinity, std::numeric_limits<X>::quiet_NaN(), X(-0.0),
                              std::numeric_limits<X>::lowest(), std::numeric_limits<X>::max()});
    EXPECT_EQ(y[0], 1) << loops->vectors;
    EXPECT_EQ(y[1], 0) << loops->vectors;
    EXPECT_EQ(y[2], infinity) << loops->vectors;
    EXPECT_TRUE(std::isnan(y[3])) << loops->vectors;
    EXPECT_EQ(y[4], 1) << loops->vectors;
    EXPECT_EQ(y[5], 0) << loops->vectors;
    EXPECT_EQ(y[6], infinity) << loops->vectors;
  }
}

TEST(Kernels, ExponentialOfZeroInfinityAndNan) {
  expect_special_exponentials<float>();
  expect_special_exponentials<double>();
}

TEST(Kernels, Bf16IsRoundedAsElsewhere) {
  std::vector<float> x = {0.0f,
                          -0.0f,
                          1.0f,
                          std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::max(),
                          std::bit_cast<float>(0x7f800001u),
                          std::bit_cast<float>(0x3f808000u),
                          std::bit_cast<float>(0x3f818000u),
                          std::bit_cast<float>(0x3f808001u)};
  for (std::uint32_t i = 1; i < 5000; ++i) x.push_back(std::bit_cast<float>(i * 858'993u));
  for (const Kernels<Bf16>* const loops : every_width<Bf16>()) {
    std::vector<Bf16> y(x.size());
    loops->round(static_cast<Index>(x.size()), x.data(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(y[i].bits, to_bf16(x[i]).bits) << loops->vectors << i;
  }
}

/// Everything that depends on the width of the vectors, in f64, one result after the other.
std::vector<double> everything(const Kernels<double>& loops) {
  std::mt19937_64 generator(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> results;
  const auto random = [&](Index count) {
    std::vector<double> numbers(static_cast<std::size_t>(count));
    for (double& number : numbers) number = uniform(generator);
    return numbers;
  };
  const auto keep = [&](const std::vector<double>& numbers) {
    results.insert(results.end(), numbers.begin(), numbers.end());
  };
  constexpr Index rows = 5, width = 53;
  std::vector<double> x = random(rows * 2 * width), dy = random(rows * width), gamma = random(width),
                      beta = random(width), y = random(rows * width), mean = random(rows),
                      deviation = random(rows), dx = random(rows * 2 * width);
  loops.layer_norm_forward(0, rows, width, x.data(), gamma.data(), beta.data(), y.data(), mean.data(),
                           deviation.data());
  keep(y), keep(mean), keep(deviation);
  loops.layer_norm_backward(0, rows, width, dy.data(), x.data(), gamma.data(), mean.data(), deviation.data(),
                            dx.data());
  loops.layer_norm_parameters(rows, width, 3, 41, dy.data(), x.data(), mean.data(), deviation.data(),
                              gamma.data(), beta.data());
  keep(dx), keep(gamma), keep(beta);
  loops.rms_norm_forward(0, rows, width, x.data(), gamma.data(), y.data(), deviation.data());
  keep(y);
  loops.rms_norm_backward(0, rows, width, dy.data(), x.data(), gamma.data(), deviation.data(), dx.data());
  loops.rms_norm_parameters(rows, width, 3, 41, dy.data(), x.data(), deviation.data(), gamma.data());
  keep(dx), keep(gamma);
  loops.gelu_forward(rows * width, x.data(), y.data());
  keep(y);
  loops.gelu_backward(rows * width, dy.data(), x.data(), y.data());
  keep(y);
  loops.swiglu_forward(0, rows, width, x.data(), y.data());
  keep(y);
  loops.swiglu_backward(0, rows, width, dy.data(), x.data(), dx.data());
  keep(dx);
  for (const AttentionShape& shape :
       {AttentionShape{1, 77, 2, 1, 19}, AttentionShape{2, 9, 4, 2, 8}, AttentionShape{1, 129, 1, 1, 33}}) {
    const Index tokens = shape.batch * shape.sequence,
                stride = (shape.heads + 2 * shape.kv_heads) * shape.size, k = shape.heads * shape.size,
                v = k + shape.kv_heads * shape.size;
    std::vector<double> qkv = random(tokens * stride), o = random(tokens * k), d_o = random(tokens * k),
                        sums = random(tokens * shape.heads), dqkv = random(tokens * stride);
    std::vector<double> scratch(static_cast<std::size_t>(
        std::max(loops.attention_scratch(shape, false), loops.attention_scratch(shape, true)) + 1));
    scratch.back() = 123;  // what lies behind the scratch is not touched
    for (Index head = 0; head < shape.batch * shape.kv_heads; ++head) {
      const Index sequence = head / shape.kv_heads, kv = head % shape.kv_heads;
      for (Index part = 0; part < 3; ++part)
        loops.attention_forward(shape, sequence, kv, part, 3, qkv.data(), qkv.data() + k, qkv.data() + v,
                                stride, o.data(), sums.data(), scratch.data());
      loops.attention_backward(shape, sequence, kv, d_o.data(), qkv.data(), qkv.data() + k, qkv.data() + v,
                               stride, o.data(), sums.data(), dqkv.data(), dqkv.data() + k, dqkv.data() + v,
                               scratch.data());
    }
    EXPECT_EQ(scratch.back(), 123) << loops.vectors;
    keep(o), keep(sums), keep(dqkv);
  }
  const std::vector<std::int32_t> targets = {0, 52, 60, 7, -1};
  std::vector<double> largest = random(rows), sum = random(rows), logit = random(rows);
  loops.head_scan(0, rows, width, x.data(), targets.data(), 0, true, largest.data(), sum.data(),
                  logit.data());
  loops.head_scan(0, rows, width, x.data() + rows * width, targets.data(), width, false, largest.data(),
                  sum.data(), logit.data());
  keep(largest), keep(sum), keep(logit);
  loops.head_gradient(0, rows, width, x.data(), targets.data(), 0, largest.data(), 0.5, y.data());
  keep(y);
  results.push_back(loops.sum_of_squares(rows * width, x.data()));
  AdamWFactors factors;
  factors.keep1 = 0.9, factors.take1 = 0.1, factors.keep2 = 0.95, factors.take2 = 0.05;
  factors.rate = 0.01, factors.inverse_correction2 = 1.5, factors.epsilon = 1e-8, factors.shrink = 0.99;
  std::vector<double> master = random(5001), m = random(5001), v = random(5001), g = random(5001);
  for (double& number : v) number = number * number;
  loops.adamw(0, 5001, factors, true, master.data(), m.data(), v.data(), g.data(), nullptr);
  keep(master), keep(m), keep(v), keep(g);
  return results;
}

TEST(Kernels, EveryVectorWidthComputesTheSame) {
  const std::vector<double> expected = everything(plain_kernels<double>());
  for (const Kernels<double>* const loops : every_width<double>()) {
    const std::vector<double> found = everything(*loops);
    ASSERT_EQ(found.size(), expected.size());
    // The order of sums differs, and whether a product is rounded before it is added.
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-11 * (1 + std::abs(expected[i])))
          << loops->vectors << " at " << i;
  }
}

}  // namespace

}  // namespace assay::device
