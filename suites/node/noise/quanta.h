// node/noise: the work of one quantum, its right result, and what a core's durations say. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace assay::bench {

/// One quantum: `rounds` steps of x -> a x + c modulo 2^64 (Knuth's MMIX generator). Each needs the one
/// before, so it takes the same number of cycles every time, and no memory.
std::uint64_t spin(std::uint64_t x, std::uint64_t rounds);

/// The same by the closed form of `rounds` steps at once: x -> a^n x + c (a^n - 1) / (a - 1), by repeated
/// squaring.
struct Jump {
  std::uint64_t factor = 1;
  std::uint64_t term = 0;
  std::uint64_t operator()(std::uint64_t x) const { return factor * x + term; }
};
Jump jump_of(std::uint64_t rounds);

/// What one core lost. Its fastest quantum counts as undisturbed.
struct CoreNoise {
  double fastest_s = 0;
  double longest_interruption_s = 0;  ///< longest quantum minus the fastest
  double lost = 0;                    ///< 1 - quanta * fastest / time
  std::uint64_t disturbed = 0;        ///< quanta that took more than 1 % longer than the fastest
};

/// Of at least one quantum.
CoreNoise noise_of(const std::vector<double>& seconds);

/// Over all cores of a rank.
struct NoiseSummary {
  double worst_lost = 0;
  std::size_t worst_core = 0;  ///< index of the core that lost most
  double mean_lost = 0;
  double longest_interruption_s = 0;
  std::size_t longest_core = 0;
  double core_spread = 0;  ///< slowest core's fastest quantum over the fastest core's, minus 1
  std::size_t slowest_core = 0;
  double fastest_s = 0;
  std::uint64_t disturbed = 0;
};

NoiseSummary summarize(const std::vector<CoreNoise>& cores);

}  // namespace assay::bench
