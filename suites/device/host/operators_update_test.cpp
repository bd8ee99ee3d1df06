// What follows a backward pass, with what the device's memory says: the loss, the gradients' norm, clipping,
// AdamW with the step's rate there, and moments in bf16. Against formulas written out here, in f64.
#include <gmock/gmock.h>

#include <bit>

#include "suites/device/adamw_factors.h"
#include "suites/device/checksum.h"
#include "suites/device/host/operators_precision.h"

namespace assay::device {

namespace {

constexpr Index count = 4099;

TEST_P(UpdatePrecision, LossIsTheSumOverRows) {
  if (!usable()) return;
  const Index some = 517;
  Held largest = exact(some, 1, -9, 9), sum = exact(some, 2, 1, 1000), target = exact(some, 3, -9, 9),
       log_sum = exact_result(some);
  Numbers expected(static_cast<std::size_t>(some)), bounds = expected;
  double loss = 3.5, sizes = 3.5;
  for (Index r = 0; r < some; ++r) {
    const auto i = static_cast<std::size_t>(r);
    expected[i] = largest[r] + std::log(sum[r]);
    bounds[i] = 4 * u * (std::abs(largest[r]) + std::log(sum[r]) + 1);
    loss += expected[i] - target[r];
    sizes += bounds[i] / u;
  }
  double found = 3.5;
  op_->head_loss(some, largest.raw(), sum.raw(), target.raw(), log_sum.raw(), &found);
  expect_within("log_sum", log_sum, expected, bounds, true);
  const double bound = (u + 1e-13) * sizes;
  EXPECT_NEAR(found, loss, bound);
  // One row that is missing, or twice there, would be seen.
  for (Index r = 0; r < some; ++r)
    EXPECT_GT(std::abs(expected[static_cast<std::size_t>(r)] - target[r]), bound);
  // In place, added to what is there.
  op_->head_loss(some, largest.raw(), sum.raw(), target.raw(), largest.raw(), &found);
  EXPECT_NEAR(found, 2 * loss - 3.5, 2 * bound);
  expect_within("log_sum in place", largest, expected, bounds, true);
}

TEST_P(UpdatePrecision, ChecksumsTellPlacesAndBits) {
  if (!usable()) return;
  // 7 rows of 41 numbers of a tensor whose rows have 100, beginning at element 13.
  const HeldElements held{5, 13, 7, 41, 100};
  Held values = this->held(held.rows * held.columns, 3);
  const auto bits_of = [&](Index i) -> std::uint64_t {
    if (element() == Element::f64) return std::bit_cast<std::uint64_t>(values[i]);
    return std::bit_cast<std::uint32_t>(static_cast<float>(values[i]));
  };
  std::uint64_t expected = 99;
  for (Index row = 0; row < held.rows; ++row)
    for (Index column = 0; column < held.columns; ++column) {
      const auto place = static_cast<std::uint64_t>(13 + 100 * row + column);
      expected += mixed((mixed(6) + golden * place) ^ bits_of(row * held.columns + column));
    }
  std::uint64_t sum = 99;
  op_->add_checksum(held, values.raw(), &sum);
  EXPECT_EQ(sum, expected);
  for (const HeldElements& other : {HeldElements{4, 13, 7, 41, 100}, HeldElements{5, 12, 7, 41, 100},
                                    HeldElements{5, 13, 7, 41, 99}, HeldElements{5, 13, 7, 40, 100}}) {
    sum = 99;
    op_->add_checksum(other, values.raw(), &sum);
    EXPECT_NE(sum, expected);
  }
  static_cast<unsigned char*>(values.raw())[150 * bytes_of(element())] ^= 1;
  sum = 99;
  op_->add_checksum(held, values.raw(), &sum);
  EXPECT_NE(sum, expected);
}

TEST_P(UpdatePrecision, SquaresAreAddedAndNaNStays) {
  if (!usable()) return;
  for (const Index some : {Index{1}, Index{5}, count}) {
    Held x = exact(some, 1);
    double expected = 0;
    for (Index i = 0; i < some; ++i) expected += x[i] * x[i];
    double sum = 0.25;
    op_->add_squares(some, x.raw(), &sum);
    EXPECT_NEAR(sum, 0.25 + expected, 1e-13 * (1 + expected)) << some;
    EXPECT_NEAR(op_->sum_of_squares(some, x.raw()), expected, 1e-13 * (1 + expected)) << some;
    EXPECT_GT(x[some / 2] * x[some / 2], 2e-13 * (1 + expected)) << "one number less would not be seen";
  }
  Held broken = exact([] {
    Numbers numbers(static_cast<std::size_t>(count), 0.5);
    numbers[77] = std::numeric_limits<double>::quiet_NaN();
    return numbers;
  }());
  double sum = 0;
  op_->add_squares(count, broken.raw(), &sum);
  EXPECT_TRUE(std::isnan(sum));
}

/// AdamW's formulas on these numbers, in f64.
struct Formula {
  Numbers master, first, second;
  Formula(const Held& w, const Held& m, const Held& v, const Held& g, const AdamW& settings,
          const AdamWStep& step, double factor) {
    for (Index i = 0; i < w.count(); ++i) {
      const double slope = factor * settings.gradient_scale * g[i];
      first.push_back(settings.beta1 * m[i] + (1 - settings.beta1) * slope);
      second.push_back(settings.beta2 * v[i] + (1 - settings.beta2) * slope * slope);
      master.push_back(
          w[i] - step.rate * (first.back() * step.first_correction /
                                  (std::sqrt(second.back() * step.second_correction) + settings.epsilon) +
                              settings.decay * w[i]));
    }
  }
};

TEST_P(UpdatePrecision, AdamWReadsStepAndNormFromTheDevice) {
  if (!usable()) return;
  const AdamWStep step{0.02, 1 / (1 - std::pow(0.9, 4)), 1 / (1 - std::pow(0.95, 4)), 4};
  const double squares = 6.25;
  AdamW settings;
  settings.rate = 77;  // not looked at
  settings.step = 1;
  settings.decay = 0.1;
  settings.gradient_scale = 0.5;
  settings.step_on_device = &step;
  settings.squares_on_device = &squares;
  settings.clear = false;
  for (const double clip : {0.0, 1.0, 2.5, 3.0}) {
    const double factor = clip == 1 ? 1 / 2.5 : 1;
    settings.clip = clip;
    Held w = exact(count, 1), m = exact(count, 2), v = exact(count, 3, 0.01, 1), g = exact(count, 4),
         weights = result(count);
    const Numbers g0 = g.read();
    const Formula expected(w, m, v, g, settings, step, factor);
    op_->adamw(count, settings, w.raw(), m.raw(), v.raw(), g.raw(), weights.raw());
    Numbers w_bounds(g0.size()), m_bounds = w_bounds, v_bounds = w_bounds;
    for (Index n = 0; n < count; ++n) {
      const auto i = static_cast<std::size_t>(n);
      const double first = 0.9 * std::abs(m[n]) + 0.1 * factor * 0.5 * std::abs(g[n]);
      m_bounds[i] = 6 * u * first;
      v_bounds[i] = 8 * u * expected.second[i];
      w_bounds[i] = u * (3 * std::abs(w[n]) + 0.02 * 20 * first * step.first_correction /
                                                  std::sqrt(expected.second[i] * step.second_correction));
    }
    expect_within("first moment", m, expected.first, m_bounds, true);
    expect_within("second moment", v, expected.second, v_bounds, true);
    expect_within("master weights", w, expected.master, w_bounds, true);
    if (element() == Element::bf16) expect_within("weights", weights, expected.master, w_bounds);
    EXPECT_EQ(g.read(), g0);
    // Unclipped, or with the call's own rate, it would be seen.
    Held w2 = exact(count, 1), m2 = exact(count, 2), v2 = exact(count, 3, 0.01, 1);
    const Numbers other = Formula(w2, m2, v2, g, settings, step, clip == 1 ? 1 : 0.4).first;
    EXPECT_GT(outside(m.read(), other, m_bounds, 0), g0.size() / 2);
  }
}

TEST_P(UpdatePrecision, ANormThatIsNaNMakesEveryNumberNaN) {
  if (!usable()) return;
  const double squares = std::numeric_limits<double>::quiet_NaN();
  for (const double clip : {0.0, 1.0})
    for (const bool narrow : {false, true}) {
      AdamW settings;
      settings.rate = 0.01;
      settings.squares_on_device = &squares;
      settings.clip = clip;
      settings.narrow_moments = narrow;
      Held w = exact(count, 1), m = narrow ? Held(Element::bf16, count) : exact_result(count), v = m,
           g = exact(count, 4), weights = result(count);
      op_->adamw(count, settings, w.raw(), m.raw(), v.raw(), g.raw(), weights.raw());
      for (const Held* const held : {&w, &m, &v})
        for (const double number : held->read()) ASSERT_TRUE(std::isnan(number));
      if (element() == Element::bf16) {
        for (const double number : weights.read()) ASSERT_TRUE(std::isnan(number));
      }
    }
}

/// |value - exact| is below one place of bf16 (2^-7 of the power of two below it).
std::size_t beyond_a_neighbour(const Numbers& found, const Numbers& exact_ones) {
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double place = std::ldexp(1.0, std::ilogb(exact_ones[i]) - 7);
    if (!(std::abs(found[i] - exact_ones[i]) < place * (1 + 1e-4))) ++beyond;
  }
  return beyond;
}

TEST_P(UpdatePrecision, NarrowMomentsAreRoundedByChance) {
  if (!usable()) return;
  AdamW settings;
  settings.rate = 0.01;
  settings.beta2 = 0.999;
  settings.step = 5;
  settings.narrow_moments = true;
  Held w = exact(count, 1), m(Element::bf16, random_numbers(count, 2)),
       v(Element::bf16, random_numbers(count, 3, 0.01, 1)), g = exact(count, 4), weights = result(count);
  const AdamWStep step = step_of(settings);
  const Formula expected(w, m, v, g, settings, step, 1);
  const Numbers m0 = m.read(), v0 = v.read();
  const Held w0 = w, g0 = g;
  op_->adamw(count, settings, w.raw(), m.raw(), v.raw(), g.raw(), weights.raw());
  // Stored as one of the two neighbours, and the weights move by what was not rounded.
  EXPECT_EQ(beyond_a_neighbour(m.read(), expected.first), 0u);
  EXPECT_EQ(beyond_a_neighbour(v.read(), expected.second), 0u);
  Numbers planted = v.read();
  planted[33] *= 1 + 0x1p-6;
  EXPECT_EQ(beyond_a_neighbour(planted, expected.second), 1u);
  Numbers w_bounds(expected.master.size());
  for (Index n = 0; n < count; ++n) {
    const auto i = static_cast<std::size_t>(n);
    const double first = 0.9 * std::abs(m0[i]) + 0.1 * std::abs(g0[n]);
    w_bounds[i] = u * (3 * std::abs(w0[n]) + 0.01 * 20 * first * step.first_correction /
                                                 std::sqrt(expected.second[i] * step.second_correction));
  }
  expect_within("master weights", w, expected.master, w_bounds, true);
  // A second moment that moves by a thousandth (to the nearest, most would stay where they are): the errors'
  // mean, in places of the last bit, is that of many coins.
  double errors = 0, moved = 0;
  const Numbers found = v.read();
  for (std::size_t i = 0; i < found.size(); ++i) {
    errors += (found[i] - expected.second[i]) / std::ldexp(1.0, std::ilogb(expected.second[i]) - 7);
    moved += found[i] != v0[i] ? 1.0 : 0.0;
  }
  EXPECT_LT(std::abs(errors) / count, 5 * 0.5 / std::sqrt(count));
  EXPECT_GT(moved / count, 0.02);
  EXPECT_LT(moved / count, 0.5);
  // The same step has the same bits, another one has others.
  const auto again = [&](std::int64_t number) {
    Held w1 = w0, m1(Element::bf16, m0), v1(Element::bf16, v0), g1 = g0, weights1 = result(count);
    const AdamWStep same_rate{step.rate, step.first_correction, step.second_correction, number};
    AdamW there = settings;
    there.step_on_device = &same_rate;
    op_->adamw(count, there, w1.raw(), m1.raw(), v1.raw(), g1.raw(), weights1.raw());
    return v1.read();
  };
  EXPECT_EQ(again(5), found);
  EXPECT_NE(again(6), found);
}

TEST(NarrowMoments, DecayThoughEachStepIsLessThanTheirLastPlace) {
  const auto op = host_operators(Element::f32, 2);
  Held w(Element::f32, count), m(Element::bf16, count),
      v(Element::bf16, Numbers(static_cast<std::size_t>(count), 0.75)), g(Element::f32, count);
  AdamW settings;
  settings.beta2 = 0.999;
  settings.narrow_moments = true;
  for (settings.step = 1; settings.step <= 1000; ++settings.step)
    op->adamw(count, settings, w.raw(), m.raw(), v.raw(), g.raw(), nullptr);
  double mean = 0;
  for (const double number : v.read()) mean += number / count;
  EXPECT_NEAR(mean, 0.75 * std::pow(0.999, 1000), 0.003);
  // To the nearest it would stand still.
  EXPECT_EQ(to_bf16(0.999f * 0.75f).bits, to_bf16(0.75f).bits);
}

TEST(NarrowMoments, ChanceIsFairAndKnowsNoNeighbours) {
  // A place and the next, a step and the next: half of the bits differ, and each value comes as often.
  double flips = 0;
  std::vector<int> of_16(16);
  constexpr int places = 20000;
  for (int i = 0; i < places; ++i) {
    const std::uint32_t bits = rounding_bits(i, 7);
    flips += std::popcount(bits ^ rounding_bits(i + 1, 7)) + std::popcount(bits ^ rounding_bits(i, 8));
    ++of_16[bits >> 28];
    ++of_16[bits >> 12 & 15];
  }
  EXPECT_NEAR(flips / places / 2, 16, 0.2);
  for (const int times : of_16) EXPECT_NEAR(times, 2.0 * places / 16, 250);  // five deviations
  EXPECT_NE(rounding_bits(std::int64_t{1} << 32, 0), rounding_bits(0, 0));

  EXPECT_EQ(to_float(to_bf16_by_chance(1.5f, 0xffff)), 1.5f);  // what bf16 has stays
  EXPECT_EQ(to_float(to_bf16_by_chance(1 + 0x1p-8f, 0x7fff)), 1.0f);
  EXPECT_EQ(to_float(to_bf16_by_chance(1 + 0x1p-8f, 0x8000)), 1 + 0x1p-7f);
  EXPECT_EQ(to_float(to_bf16_by_chance(-1 - 0x1p-8f, 0x8000)), -1 - 0x1p-7f);
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_float(to_bf16_by_chance(infinite, 0xffff)), infinite);
  EXPECT_TRUE(std::isnan(to_float(to_bf16_by_chance(std::numeric_limits<float>::quiet_NaN(), 0xffff))));
}

const Candidate host_candidates[] = {{"f64", Element::f64, host_operators, unsupported_on_host},
                                     {"f32", Element::f32, host_operators, unsupported_on_host},
                                     {"bf16", Element::bf16, host_operators, unsupported_on_host}};
INSTANTIATE_TEST_SUITE_P(Host, UpdatePrecision, testing::ValuesIn(host_candidates), name_of_test);

}  // namespace

}  // namespace assay::device
