#include "suites/collectives/support/computation.h"

#include "suites/collectives/support/mixing.h"

namespace assay::bench {

namespace {

constexpr std::uint64_t multiplier = 0x5851f42d4c957f2dULL;  // 1 modulo 4, as a full period needs
constexpr std::uint64_t increment = 0x14057b7ef767814fULL;   // odd, likewise

}  // namespace

Computation::Computation(std::uint64_t seed) {
  for (std::size_t lane = 0; lane < lanes; ++lane) begin_[lane] = mixed(seed + lane);
  state_ = begin_;
}

void Computation::run(std::int64_t steps) {
  std::array<std::uint64_t, lanes> state = state_;
  for (std::int64_t step = 0; step < steps; ++step) {
    for (std::uint64_t& lane : state) lane = lane * multiplier + increment;
  }
  state_ = state;
  steps_ += static_cast<std::uint64_t>(steps);
}

bool Computation::right() const {
  // (factor, term): the steps of the bits of steps_ looked at so far; (a, c): as many steps as the bit stands
  // for.
  std::uint64_t factor = 1;
  std::uint64_t term = 0;
  std::uint64_t a = multiplier;
  std::uint64_t c = increment;
  for (std::uint64_t left = steps_; left > 0; left >>= 1) {
    if ((left & 1) != 0) {
      term = a * term + c;
      factor *= a;
    }
    c = a * c + c;
    a *= a;
  }
  bool same = true;
  for (std::size_t lane = 0; lane < lanes; ++lane)
    same = same && state_[lane] == begin_[lane] * factor + term;
  return same;
}

}  // namespace assay::bench
