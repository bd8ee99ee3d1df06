// What AdamW multiplies by in one step, and how its moments are rounded: the same for the host and for GPUs.
// Pure.
#pragma once

#include <bit>
#include <cstdint>

#include "suites/device/element.h"
#include "suites/device/operators.h"

namespace assay::device {

/// Everything that does not depend on the element, worked out in f64.
struct AdamWFactors {
  double gradient = 1;             ///< multiplies gradients
  double keep1 = 0, take1 = 0;     ///< beta1, 1 - beta1
  double keep2 = 0, take2 = 0;     ///< beta2, 1 - beta2
  double rate = 0;                 ///< rate / (1 - beta1^step)
  double inverse_correction2 = 0;  ///< 1 / (1 - beta2^step)
  double epsilon = 0;
  double shrink = 1;           ///< 1 - rate * decay
  std::uint32_t rounding = 0;  ///< of narrow moments: the step's
};

/// `norm` is the square root of *squares_on_device (0: none); `step` is settings' own, or *step_on_device.
constexpr AdamWFactors adamw_factors(const AdamW& settings, const AdamWStep& step, double norm) {
  AdamWFactors factors;
  factors.gradient = settings.gradient_scale;
  if (norm != norm)
    factors.gradient = norm;  // NaN: it must show in every number
  else if (settings.clip > 0 && norm > settings.clip)
    factors.gradient *= settings.clip / norm;
  factors.keep1 = settings.beta1;
  factors.take1 = 1 - settings.beta1;
  factors.keep2 = settings.beta2;
  factors.take2 = 1 - settings.beta2;
  factors.rate = step.rate * step.first_correction;
  factors.inverse_correction2 = step.second_correction;
  factors.epsilon = settings.epsilon;
  factors.shrink = 1 - step.rate * settings.decay;
  factors.rounding = static_cast<std::uint32_t>(step.step);
  return factors;
}

// These two are compiled into loops of every vector width: they must never become functions of their own.

/// 32 bits that look random, for number `index` of a call in a step: multiplications and shifts that turn
/// each bit of the arguments into half of the result's (an avalanche, tested), no state.
[[gnu::always_inline]] constexpr std::uint32_t rounding_bits(std::int64_t index, std::uint32_t step) {
  const auto place = static_cast<std::uint64_t>(index);
  std::uint32_t bits =
      static_cast<std::uint32_t>(place) ^ static_cast<std::uint32_t>(place >> 32) * 0x9e3779b9u;
  bits ^= step * 0x85ebca6bu + 0x6a09e667u;
  bits = (bits ^ (bits >> 16)) * 0x7feb352du;
  bits = (bits ^ (bits >> 15)) * 0x846ca68bu;
  return bits ^ (bits >> 16);
}

/// To one of the two neighbours, the nearer the likelier, as 16 random bits decide: the mean over many is the
/// value itself. NaN stays NaN.
[[gnu::always_inline]] constexpr Bf16 to_bf16_by_chance(float value, std::uint32_t random16) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t chosen = (bits + (random16 & 0xffffu)) >> 16, quiet = (bits >> 16) | 0x40u;
  return Bf16{static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : chosen)};
}

}  // namespace assay::device
