// The number formats of operands and results.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace assay::device {

enum class Element { f64, f32, bf16, int8, int32 };

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
      return 4;
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
  }
  return "";
}

/// What a matrix product of such operands is stored as: bf16 operands are accumulated in f32 and stored as
/// bf16 (as training does), int8 operands are accumulated and stored in int32, the others stay what they are.
constexpr Element product_of(Element operand) {
  return operand == Element::int8 ? Element::int32 : operand;
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

}  // namespace assay::device
