#include "suites/device/element.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay::device {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

// Values of the formats' definitions: IEEE 754 binary16, and the FP8 paper's table 1.
TEST(Element, HalfPrecisionIsTheStandards) {
  EXPECT_EQ(to_f16(1.0f).bits, 0x3c00);
  EXPECT_EQ(to_f16(-2.0f).bits, 0xc000);
  EXPECT_EQ(to_f16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(to_f16(65519.0f).bits, 0x7bff);  // below half way to what would be the next
  EXPECT_EQ(to_f16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(to_f16(0x1p-24f).bits, 0x0001);  // the smallest
  EXPECT_EQ(to_f16(0x1p-25f).bits, 0x0000);  // half of it: to even
  EXPECT_EQ(to_f16(0x1.8p-25f).bits, 0x0001);
  EXPECT_EQ(to_f16(0x1p-14f).bits, 0x0400);
  EXPECT_EQ(to_f16(1.0f + 0x1p-11f).bits, 0x3c00);             // a tie, to even
  EXPECT_EQ(to_f16(1.0f + 0x1p-10f + 0x1p-11f).bits, 0x3c02);  // a tie, to even
  EXPECT_EQ(to_f16(infinity).bits, 0x7c00);
  EXPECT_TRUE(std::isnan(to_float(to_f16(nan))));
}

TEST(Element, E4m3IsThePapers) {
  EXPECT_EQ(to_e4m3(1.0f).bits, 0x38);
  EXPECT_EQ(to_e4m3(448.0f).bits, 0x7e);
  EXPECT_EQ(to_e4m3(1e6f).bits, 0x7e);  // saturates
  EXPECT_EQ(to_e4m3(-1e6f).bits, 0xfe);
  EXPECT_EQ(to_e4m3(0x1p-6f).bits, 0x08);
  EXPECT_EQ(to_e4m3(0x1p-9f).bits, 0x01);
  EXPECT_EQ(to_e4m3(0x1p-10f).bits, 0x00);
  EXPECT_EQ(to_float(Fp8E4m3{0x7e}), 448.0f);
  EXPECT_EQ(to_float(Fp8E4m3{0x07}), 7 * 0x1p-9f);
  EXPECT_TRUE(std::isnan(to_float(Fp8E4m3{0x7f})));
  EXPECT_TRUE(std::isnan(to_float(to_e4m3(nan))));
}

TEST(Element, E5m2IsThePapers) {
  EXPECT_EQ(to_e5m2(1.0f).bits, 0x3c);
  EXPECT_EQ(to_e5m2(57344.0f).bits, 0x7b);
  EXPECT_EQ(to_e5m2(1e9f).bits, 0x7b);
  EXPECT_EQ(to_e5m2(0x1p-16f).bits, 0x01);
  EXPECT_EQ(to_float(Fp8E5m2{0x7b}), 57344.0f);
  EXPECT_EQ(to_float(Fp8E5m2{0x7c}), infinity);
  EXPECT_TRUE(std::isnan(to_float(Fp8E5m2{0x7e})));
}

TEST(Element, EveryShortNumberComesBackAsItWas) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const F16 value{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(to_float(value))) {
      ASSERT_EQ(to_f16(to_float(value)).bits, bits);
    }
  }
  for (unsigned bits = 0; bits < 0x100; ++bits) {
    const Fp8E4m3 e4m3{static_cast<std::uint8_t>(bits)};
    if (!std::isnan(to_float(e4m3))) {
      ASSERT_EQ(to_e4m3(to_float(e4m3)).bits, bits);
    }
    const Fp8E5m2 e5m2{static_cast<std::uint8_t>(bits)};
    if (std::isfinite(to_float(e5m2))) {
      ASSERT_EQ(to_e5m2(to_float(e5m2)).bits, bits);
    }
  }
}

TEST(Element, Tf32KeepsTenBits) {
  EXPECT_EQ(round_to_tf32(1.0f), 1.0f);
  EXPECT_EQ(round_to_tf32(1.0f + 0x1p-10f), 1.0f + 0x1p-10f);
  EXPECT_EQ(round_to_tf32(1.0f + 0x1p-11f), 1.0f);  // a tie, to even
  EXPECT_EQ(round_to_tf32(-1.0f - 0x1.8p-11f), -1.0f - 0x1p-10f);
}

}  // namespace
}  // namespace assay::device
