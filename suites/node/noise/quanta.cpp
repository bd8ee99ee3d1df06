#include "suites/node/noise/quanta.h"

#include <algorithm>
#include <numeric>

namespace assay::bench {

namespace {

constexpr std::uint64_t multiplier = 6364136223846793005u;
constexpr std::uint64_t increment = 1442695040888963407u;
constexpr double disturbed_from = 1.01;

}  // namespace

std::uint64_t spin(std::uint64_t x, std::uint64_t rounds) {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    x = x * multiplier + increment;
    asm volatile("" : "+r"(x));  // each step is done: the compiler may not find a shorter way
  }
  return x;
}

Jump jump_of(std::uint64_t rounds) {
  Jump all, power{multiplier, increment};
  for (; rounds > 0; rounds >>= 1) {
    if ((rounds & 1) != 0) all = {power.factor * all.factor, power.factor * all.term + power.term};
    power = {power.factor * power.factor, power.factor * power.term + power.term};
  }
  return all;
}

CoreNoise noise_of(const std::vector<double>& seconds) {
  CoreNoise noise;
  const auto [fastest, longest] = std::minmax_element(seconds.begin(), seconds.end());
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  noise.fastest_s = *fastest;
  noise.longest_interruption_s = *longest - *fastest;
  // Quanta that are all alike lose nothing, however their sum is rounded.
  noise.lost = std::max(0.0, 1 - static_cast<double>(seconds.size()) * *fastest / total);
  const double limit = disturbed_from * *fastest;
  noise.disturbed = static_cast<std::uint64_t>(
      std::count_if(seconds.begin(), seconds.end(), [&](double one) { return one > limit; }));
  return noise;
}

NoiseSummary summarize(const std::vector<CoreNoise>& cores) {
  NoiseSummary all;
  double slowest_s = 0;
  for (std::size_t core = 0; core < cores.size(); ++core) {
    const CoreNoise& one = cores[core];
    if (core == 0 || one.lost > all.worst_lost) {
      all.worst_lost = one.lost;
      all.worst_core = core;
    }
    if (core == 0 || one.longest_interruption_s > all.longest_interruption_s) {
      all.longest_interruption_s = one.longest_interruption_s;
      all.longest_core = core;
    }
    if (core == 0 || one.fastest_s > slowest_s) {
      slowest_s = one.fastest_s;
      all.slowest_core = core;
    }
    all.fastest_s = core == 0 ? one.fastest_s : std::min(all.fastest_s, one.fastest_s);
    all.mean_lost += one.lost / static_cast<double>(cores.size());
    all.disturbed += one.disturbed;
  }
  if (all.fastest_s > 0) all.core_spread = slowest_s / all.fastest_s - 1;
  return all;
}

}  // namespace assay::bench
