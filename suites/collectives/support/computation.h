// What is computed while a non-blocking collective is under way: real, verified, and in registers, so that it
// takes from the communication nothing but the core.
#pragma once

#include <array>
#include <cstdint>

namespace assay::bench {

/// Eight linear congruences x <- a x + c modulo 2^64 side by side. Where they stand after k steps is known
/// without taking them: k steps are one congruence themselves, found by squaring.
class Computation {
 public:
  explicit Computation(std::uint64_t seed);

  void run(std::int64_t steps);
  /// Whether all steps so far were taken, and rightly.
  bool right() const;
  /// Spoils the state, for tests.
  void spoil() { state_[0] ^= 1; }

 private:
  static constexpr std::size_t lanes = 8;
  std::array<std::uint64_t, lanes> begin_;
  std::array<std::uint64_t, lanes> state_;
  std::uint64_t steps_ = 0;
};

}  // namespace assay::bench
