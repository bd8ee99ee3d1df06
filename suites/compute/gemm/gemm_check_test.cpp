#include "suites/compute/gemm/gemm_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "suites/compute/gemm/gemm.h"
#include "suites/compute/gemm/gemm_data.h"

namespace assay::bench {
namespace {

using device::Bf16;
using device::Element;

/// A product made here, by plain loops in the type that hardware would accumulate in.
struct Made {
  GemmCase gemm;
  std::vector<unsigned char> a, b, c;

  Made(Element element, std::int64_t m, std::int64_t n, std::int64_t k, std::uint64_t seed = 1)
      : gemm{element, m, n, k},
        a(static_cast<std::size_t>(m * k) * bytes_of(element)),
        b(static_cast<std::size_t>(k * n) * bytes_of(element)),
        c(static_cast<std::size_t>(m * n) * bytes_of(product_of(element))) {
    const int range = int8_range(k, 127);
    fill_uniform(a.data(), static_cast<std::size_t>(m * k), element, range, stream_key(seed, 0, 0, 0));
    fill_uniform(b.data(), static_cast<std::size_t>(k * n), element, range, stream_key(seed, 0, 0, 1));
    if (element == Element::f64)
      multiply<double>();
    else if (element == Element::int8)
      multiply<std::int32_t>();
    else
      multiply<float>();
  }

  template <typename Sum>
  void multiply() {
#pragma omp parallel for if (gemm.m * gemm.n * gemm.k > 10000000)
    for (std::int64_t i = 0; i < gemm.m; ++i) {
      std::vector<Sum> row(static_cast<std::size_t>(gemm.n), Sum{0});
      for (std::int64_t l = 0; l < gemm.k; ++l) {
        const auto left =
            static_cast<Sum>(element_at(a.data(), static_cast<std::size_t>(i * gemm.k + l), gemm.element));
        for (std::int64_t j = 0; j < gemm.n; ++j)
          row[static_cast<std::size_t>(j)] +=
              left *
              static_cast<Sum>(element_at(b.data(), static_cast<std::size_t>(l * gemm.n + j), gemm.element));
      }
      for (std::int64_t j = 0; j < gemm.n; ++j)
        set_element(c.data(), static_cast<std::size_t>(i * gemm.n + j), product_of(gemm.element),
                    static_cast<double>(row[static_cast<std::size_t>(j)]));
    }
  }

  double at(std::size_t index) const {
    return element_at(c.data(), index, product_of(gemm.element));
  }
  void set(std::size_t index, double value) {
    set_element(c.data(), index, product_of(gemm.element), value);
  }
  ProductCheck check(std::uint64_t seed = 7) const {
    return check_product({gemm.element, gemm.m, gemm.n, gemm.k, a.data(), b.data(), c.data()}, seed);
  }
};

constexpr Element all_operands[] = {Element::f64, Element::f32, Element::bf16, Element::int8};

struct Shape {
  std::int64_t m, n, k;
};
constexpr Shape shapes[] = {{1, 1, 1},    {3, 5, 7},    {1, 64, 1},      {64, 1, 300}, {2, 1, 1},
                            {17, 1, 509}, {1, 300, 64}, {127, 129, 131}, {5, 700, 3},  {31, 2, 2}};

TEST(GemmCheck, RightProductsPassForEverySeed) {
  for (const Element element : all_operands)
    for (const Shape& shape : shapes)
      for (std::uint64_t seed = 0; seed < 25; ++seed) {
        const Made made(element, shape.m, shape.n, shape.k, seed);
        const ProductCheck check = made.check(seed * 3 + 1);
        EXPECT_TRUE(check.pass) << name_of(element) << " " << shape.m << "x" << shape.n << "x" << shape.k
                                << " seed " << seed << ": " << check.error << " > " << check.bound << " "
                                << check.test;
      }
}

TEST(GemmCheck, AWrongElementOfTheSizeOfCFailsAnywhere) {
  for (const Element element : all_operands)
    for (const Shape& shape : shapes) {
      Made made(element, shape.m, shape.n, shape.k);
      const auto elements = static_cast<std::uint64_t>(shape.m * shape.n);
      const double by = element == Element::int8 ? 1 : std::sqrt(static_cast<double>(shape.k)) / 3;
      for (std::uint64_t trial = 0; trial < 12; ++trial) {
        const std::size_t place = random_bits(99, trial) % elements;
        const double right = made.at(place);
        made.set(place, right + by);
        EXPECT_FALSE(made.check(trial).pass)
            << name_of(element) << " " << shape.m << "x" << shape.n << "x" << shape.k;
        made.set(place, right);
      }
      EXPECT_TRUE(made.check().pass);
    }
}

// What matters for the bounds is the length of a row (4096) and of a sum (4096), not the number of rows.
TEST(GemmCheck, At4096AWrongElementIsStillSeenByTheRowsAlone) {
  for (const Element element : all_operands) {
    Made made(element, 3, 4096, 4096);
    const ProductCheck right = made.check();
    EXPECT_TRUE(right.pass) << name_of(element) << ": " << right.error << " > " << right.bound;
    const double typical = std::sqrt(4096.0) / 3;  // 21.3
    const std::size_t place = 4096 + 1234;
    const double kept = made.at(place);
    made.set(place, element == Element::int8 ? kept + 1 : kept + typical);
    const ProductCheck wrong = made.check();
    EXPECT_FALSE(wrong.pass) << name_of(element);
    EXPECT_STREQ(wrong.test, "Freivalds");
    EXPECT_EQ(wrong.row, 1);
    if (element != Element::int8) {
      EXPECT_NEAR(wrong.error, typical, 0.35 * typical) << name_of(element);
      EXPECT_LT(wrong.bound, 0.5 * typical) << name_of(element);
    }
    // A faulty bit that flips the sign of a typical element doubles its error.
    made.set(place, element == Element::int8 ? -kept - 1 : kept >= 0 ? -typical : typical);
    EXPECT_FALSE(made.check().pass) << name_of(element);
  }
}

TEST(GemmCheck, NanInfinityAndAnUnwrittenElementFail) {
  for (const Element element : all_operands) {
    Made made(element, 20, 30, 40);
    const std::size_t place = 333;
    made.set(place, std::numeric_limits<double>::quiet_NaN());  // int32: the poison
    EXPECT_FALSE(made.check().pass) << name_of(element);
    if (element == Element::int8) continue;
    made.set(place, std::numeric_limits<double>::infinity());
    EXPECT_FALSE(made.check().pass) << name_of(element);
  }
}

TEST(GemmCheck, NothingComputedFails) {
  for (const Element element : all_operands) {
    Made made(element, 9, 8, 7);
    fill_poison(made.c.data(), 72, product_of(element));
    EXPECT_FALSE(made.check().pass) << name_of(element);
    for (std::size_t i = 0; i < 72; ++i) made.set(i, 0);
    EXPECT_FALSE(made.check().pass) << name_of(element);
  }
}

TEST(GemmCheck, LessPreciseArithmeticThanClaimedFails) {
  // f64 computed in f32, f32 computed from operands rounded to bf16: what "mixed precision" switches do.
  Made made(Element::f64, 64, 64, 256);
  for (std::size_t i = 0; i < 64 * 64; ++i) made.set(i, static_cast<float>(made.at(i)));
  EXPECT_FALSE(made.check().pass);

  Made rounded(Element::f32, 64, 64, 256);
  auto* a = reinterpret_cast<float*>(rounded.a.data());
  const std::vector<float> kept(a, a + 64 * 256);
  for (std::size_t i = 0; i < kept.size(); ++i) a[i] = device::to_float(device::to_bf16(a[i]));
  rounded.multiply<float>();
  std::copy(kept.begin(), kept.end(), a);
  EXPECT_FALSE(rounded.check().pass);
}

TEST(GemmCheck, NanIsTheWorst) {
  const ProductCheck nan{false, std::nan(""), 1, "a", 0}, wrong{false, 5, 1, "b", 0},
      right{true, 0.5, 1, "c", 0};
  EXPECT_STREQ(worse(nan, wrong).test, "a");
  EXPECT_STREQ(worse(wrong, nan).test, "a");
  EXPECT_STREQ(worse(right, wrong).test, "b");
}

TEST(GemmData, Bf16RoundsToNearestEven) {
  EXPECT_EQ(device::to_bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(device::to_bf16(1.0f + 0x1p-8f).bits, 0x3f80);      // a tie: to the even one
  EXPECT_EQ(device::to_bf16(1.0f + 3 * 0x1p-8f).bits, 0x3f82);  // a tie: to the even one
  EXPECT_EQ(device::to_bf16(1.0f + 0x1p-8f + 0x1p-20f).bits, 0x3f81);
  EXPECT_EQ(device::to_float(Bf16{0xc000}), -2.0f);
  EXPECT_TRUE(std::isnan(device::to_float(device::to_bf16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(GemmData, InputsAreUniformAndOfTheirOwn) {
  constexpr std::size_t count = 100'000;
  for (const Element element : {Element::f64, Element::f32, Element::bf16}) {
    std::vector<double> data(count);
    fill_uniform(data.data(), count, element, 0, stream_key(5, 1, 2, 0));
    double sum = 0, square = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double x = element_at(data.data(), i, element);
      ASSERT_GE(x, -1);
      ASSERT_LE(x, 1);
      sum += x;
      square += x * x;
    }
    EXPECT_NEAR(sum / count, 0, 0.01);           // standard error 0.0018
    EXPECT_NEAR(square / count, 1 / 3.0, 0.01);  // 0.0009
  }
  std::vector<std::int8_t> bytes(count);
  fill_uniform(bytes.data(), count, Element::int8, 100, stream_key(5, 1, 2, 0));
  EXPECT_EQ(*std::min_element(bytes.begin(), bytes.end()), -100);
  EXPECT_EQ(*std::max_element(bytes.begin(), bytes.end()), 100);

  const std::uint64_t key = stream_key(5, 1, 2, 0);
  for (const std::uint64_t other :
       {stream_key(6, 1, 2, 0), stream_key(5, 2, 2, 0), stream_key(5, 1, 3, 0), stream_key(5, 1, 2, 1)}) {
    EXPECT_NE(key, other);
    int same = 0;
    for (std::uint64_t i = 0; i < 1000; ++i) same += random_bits(key, i) == random_bits(other, i);
    EXPECT_EQ(same, 0);
  }
}

}  // namespace
}  // namespace assay::bench
