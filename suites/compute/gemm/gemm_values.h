// Every element of an operand, from its key and index alone. The GPU's compilers include this too, so host
// and device make the same bits.
#pragma once

#include <bit>
#include <cstdint>

#include "suites/device/element.h"

namespace assay::bench {

/// The index-th 64 random bits of a stream (the finalizer of SplitMix64 over key and index).
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  std::uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr float unit_f32(std::uint64_t bits) {
  return static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f;
}

/// What random bits become in each format. `range`: of the integers.
template <typename T>
struct UniformValue;
template <>
struct UniformValue<double> {
  static constexpr double of(std::uint64_t bits, int) {
    return static_cast<double>(bits >> 11) * 0x1p-52 - 1.0;
  }
};
template <>
struct UniformValue<float> {
  static constexpr float of(std::uint64_t bits, int) { return unit_f32(bits); }
};
template <>
struct UniformValue<device::Bf16> {
  static constexpr device::Bf16 of(std::uint64_t bits, int) { return device::to_bf16(unit_f32(bits)); }
};
template <>
struct UniformValue<device::F16> {
  static constexpr device::F16 of(std::uint64_t bits, int) { return device::to_f16(unit_f32(bits)); }
};
template <>
struct UniformValue<device::Fp8E4m3> {
  static constexpr device::Fp8E4m3 of(std::uint64_t bits, int) { return device::to_e4m3(unit_f32(bits)); }
};
template <>
struct UniformValue<device::Fp8E5m2> {
  static constexpr device::Fp8E5m2 of(std::uint64_t bits, int) { return device::to_e5m2(unit_f32(bits)); }
};
template <>
struct UniformValue<std::int8_t> {
  /// The upper half times the number of values: uniform but for one part in 2^24.
  static constexpr std::int8_t of(std::uint64_t bits, int range) {
    const auto values = static_cast<std::uint64_t>(2 * range + 1);
    return static_cast<std::int8_t>(static_cast<int>(((bits >> 32) * values) >> 32) - range);
  }
};
/// f32 numbers with the last 13 bits zero: what a tf32 product takes as they are.
struct Tf32 {
  float value = 0;
};
template <>
struct UniformValue<Tf32> {
  static constexpr Tf32 of(std::uint64_t bits, int) { return {device::round_to_tf32(unit_f32(bits))}; }
};

/// An element as a number to compute with.
constexpr double number(double value) {
  return value;
}
constexpr double number(float value) {
  return static_cast<double>(value);
}
constexpr double number(Tf32 value) {
  return static_cast<double>(value.value);
}
constexpr std::int64_t number(std::int8_t value) {
  return value;
}
constexpr std::int64_t number(std::int32_t value) {
  return value;
}
template <typename Small>
constexpr double number(Small value) {
  return static_cast<double>(device::to_float(value));
}

/// Mean square of the error of having rounded to this value: a third of the square of half the distance
/// between neighbours, which is 2^e u for 2^e <= |value| < 2^(e+1). Zero for types that are not rounded to
/// when stored.
template <typename T>
constexpr double storing_error_square(T) {
  return 0;
}
constexpr double storing_error_square(double power, double u) {
  return power * power * (u * u / 3);
}
constexpr double power_below(float value) {
  return static_cast<double>(std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0x7f800000u));
}
constexpr double storing_error_square(device::Bf16 value) {
  return storing_error_square(power_below(device::to_float(value)), 0x1p-8);
}
constexpr double storing_error_square(device::F16 value) {
  const double power = power_below(device::to_float(value));
  return storing_error_square(power < 0x1p-14 ? 0x1p-14 : power, 0x1p-11);  // subnormal: a fixed distance
}

}  // namespace assay::bench
