// The number formats of operands and results.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace assay::device {

/// tf32 is stored as f32 with the last 13 bits zero; fp8 is e4m3 or e5m2 (Micikevicius et al., "FP8 Formats
/// for Deep Learning", 2022).
enum class Element { f64, f32, bf16, int8, int32, tf32, f16, fp8_e4m3, fp8_e5m2 };

constexpr std::size_t bytes_of(Element element) {
  switch (element) {
    case Element::f64:
      return 8;
    case Element::f32:
      return 4;
    case Element::bf16:
      return 2;
    case Element::int8:
      return 1;
    case Element::int32:
    case Element::tf32:
      return 4;
    case Element::f16:
      return 2;
    case Element::fp8_e4m3:
    case Element::fp8_e5m2:
      return 1;
  }
  return 0;
}

constexpr std::string_view name_of(Element element) {
  switch (element) {
    case Element::f64:
      return "f64";
    case Element::f32:
      return "f32";
    case Element::bf16:
      return "bf16";
    case Element::int8:
      return "int8";
    case Element::int32:
      return "int32";
    case Element::tf32:
      return "tf32";
    case Element::f16:
      return "f16";
    case Element::fp8_e4m3:
      return "fp8_e4m3";
    case Element::fp8_e5m2:
      return "fp8_e5m2";
  }
  return "";
}

/// What a matrix product of such operands is stored as: bf16 and f16 operands are accumulated in f32 and
/// stored as they are (as training does), fp8 as bf16, tf32 as f32; int8 operands are accumulated and stored
/// in int32, the others stay what they are.
constexpr Element product_of(Element operand) {
  switch (operand) {
    case Element::int8:
      return Element::int32;
    case Element::tf32:
      return Element::f32;
    case Element::fp8_e4m3:
    case Element::fp8_e5m2:
      return Element::bf16;
    default:
      return operand;
  }
}

/// What the second operand of a product is stored as: that of fp8_e5m2 is e4m3, since libraries multiply no
/// e5m2 by e5m2.
constexpr Element second_operand_of(Element operand) {
  return operand == Element::fp8_e5m2 ? Element::fp8_e4m3 : operand;
}

/// bfloat16: the upper half of an f32, eight significant bits. A value of its own, so that it is not mixed up
/// with an integer.
struct Bf16 {
  std::uint16_t bits = 0;
};

/// To the nearest, ties to even; NaN stays NaN.
constexpr Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return Bf16{static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return Bf16{static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

constexpr float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

/// IEEE binary16.
struct F16 {
  std::uint16_t bits = 0;
};
/// Four bits of exponent, three of mantissa: largest 448, no infinity.
struct Fp8E4m3 {
  std::uint8_t bits = 0;
};
/// Five bits of exponent, two of mantissa: largest 57344, with infinity.
struct Fp8E5m2 {
  std::uint8_t bits = 0;
};

namespace detail {

/// A number format of at most 16 bits. `beyond` is what is stored for all that rounds above `largest`.
struct SmallFormat {
  int exponent_bits, mantissa_bits, bias;
  std::uint32_t largest, beyond, nan;
  bool has_infinity;
};
inline constexpr SmallFormat f16_format = {5, 10, 15, 0x7bff, 0x7c00, 0x7e00, true};
inline constexpr SmallFormat e4m3_format = {4, 3, 7, 0x7e, 0x7e, 0x7f, false};
inline constexpr SmallFormat e5m2_format = {5, 2, 15, 0x7b, 0x7b, 0x7e, true};

/// To the nearest, ties to even.
constexpr std::uint32_t encode_small(float value, SmallFormat format) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const std::uint32_t sign = (bits >> 31) << (format.exponent_bits + format.mantissa_bits);
  if (magnitude > 0x7f800000u) return sign | format.nan;
  const int exponent = static_cast<int>(magnitude >> 23) - 127, lowest = 1 - format.bias;
  const std::uint32_t mantissa = (magnitude & 0x7fffffu) | (magnitude >= 0x800000u ? 0x800000u : 0u);
  const int shift = 23 - format.mantissa_bits + (exponent < lowest ? lowest - exponent : 0);
  if (shift > 25) return sign;
  const std::uint32_t rounded = (mantissa + (1u << (shift - 1)) - 1 + ((mantissa >> shift) & 1u)) >> shift;
  const std::uint32_t result =
      exponent < lowest ? rounded
                        : (static_cast<std::uint32_t>(exponent - lowest) << format.mantissa_bits) + rounded;
  return sign | (result > format.largest ? format.beyond : result);
}

constexpr float decode_small(std::uint32_t bits, SmallFormat format) {
  const int width = format.exponent_bits + format.mantissa_bits;
  const std::uint32_t sign = (bits >> width) << 31, magnitude = bits & ((1u << width) - 1);
  const std::uint32_t exponent = magnitude >> format.mantissa_bits;
  const std::uint32_t mantissa = magnitude & ((1u << format.mantissa_bits) - 1);
  if (format.has_infinity && exponent == (1u << format.exponent_bits) - 1)
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa != 0 ? 0x400000u : 0u));
  if (!format.has_infinity && magnitude == format.nan) return std::bit_cast<float>(sign | 0x7fc00000u);
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + static_cast<std::uint32_t>(127 - format.bias)) << 23) |
                                (mantissa << (23 - format.mantissa_bits)));
  const auto step =
      std::bit_cast<float>(static_cast<std::uint32_t>(127 + 1 - format.bias - format.mantissa_bits) << 23);
  const float value = static_cast<float>(mantissa) * step;
  return sign != 0 ? -value : value;
}

}  // namespace detail

// To the nearest, ties to even; NaN stays NaN. fp8 saturates: what is too large becomes the largest.
constexpr F16 to_f16(float value) {
  return F16{static_cast<std::uint16_t>(detail::encode_small(value, detail::f16_format))};
}
constexpr Fp8E4m3 to_e4m3(float value) {
  return Fp8E4m3{static_cast<std::uint8_t>(detail::encode_small(value, detail::e4m3_format))};
}
constexpr Fp8E5m2 to_e5m2(float value) {
  return Fp8E5m2{static_cast<std::uint8_t>(detail::encode_small(value, detail::e5m2_format))};
}
constexpr float to_float(F16 value) {
  return detail::decode_small(value.bits, detail::f16_format);
}
constexpr float to_float(Fp8E4m3 value) {
  return detail::decode_small(value.bits, detail::e4m3_format);
}
constexpr float to_float(Fp8E5m2 value) {
  return detail::decode_small(value.bits, detail::e5m2_format);
}

/// To the nearest number with ten bits of mantissa, ties to even; finite values only.
constexpr float round_to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0xfffu + ((bits >> 13) & 1u)) & ~std::uint32_t{0x1fff});
}

}  // namespace assay::device
