// The decision over launches: by hand, by exact enumeration, and on simulated campaigns with a fixed seed.
#include "reports/judge/sequence.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace assay {
namespace {

/// xoshiro256++ (Blackman and Vigna 2019) seeded by splitmix64 (Steele, Lea, Flood 2014): the same campaigns
/// on every machine, whatever its standard library.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15ULL;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }
  bool happens(double chance) { return static_cast<double>(next() >> 11) * 0x1p-53 < chance; }

 private:
  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  std::uint64_t state_[4];
};

Grid grid_of(std::size_t launches, std::size_t devices) {
  Grid grid;
  grid.launches = launches;
  grid.devices = devices;
  grid.values.assign(launches * devices, 0);
  grid.cells.assign(launches * devices, Cell::value);
  grid.conceded.assign(devices, 0);
  return grid;
}

const Bounds above_one = bounds_of(true, 1, 0, DecisionRule::simple, 0);
constexpr double meets = 2, misses = 0.5;

struct Simulated {
  double pass = 0, fail = 0, undecided = 0;  // shares of campaigns
  double mean_launches = 0;                  // undecided ones count with all of theirs
  std::vector<double> decided_within;        // share of campaigns, by launches
};

Simulated simulate(double true_share, int campaigns, std::size_t max_launches) {
  Generator chance(20261122);
  EValues e_values(0.5);
  Simulated result;
  std::vector<int> decided(max_launches + 1, 0);
  Grid grid = grid_of(max_launches, 1);
  long long launches = 0;
  int pass = 0, fail = 0;
  for (int i = 0; i < campaigns; ++i) {
    for (double& value : grid.values) value = chance.happens(true_share) ? meets : misses;
    const Decision decision = decide(grid, above_one, {}, e_values, /*stop_when_decided=*/true);
    pass += decision.verdict == Verdict::pass;
    fail += decision.verdict == Verdict::fail;
    const std::size_t used =
        decision.decided_at > 0 ? static_cast<std::size_t>(decision.decided_at) : max_launches;
    if (decision.decided_at > 0) ++decided[used];
    launches += static_cast<long long>(used);
  }
  const double all = campaigns;
  result.pass = pass / all;
  result.fail = fail / all;
  result.undecided = 1 - result.pass - result.fail;
  result.mean_launches = static_cast<double>(launches) / all;
  double sum = 0;
  for (const int count : decided) result.decided_within.push_back((sum += count) / all);
  std::printf(
      "%d campaigns, true share %.5f: %.2f %% pass, %.2f %% fail, %.3f launches on average, %.2f %% decided "
      "within 8\n",
      campaigns, true_share, 100 * result.pass, 100 * result.fail, result.mean_launches,
      100 * result.decided_within[8]);
  return result;
}

/// The chance of a pass within `max` launches, by enumerating counts: no simulation.
double exact_pass_chance(double true_share, int max_launches) {
  std::vector<double> chance(static_cast<std::size_t>(max_launches) + 1,
                             0);  // by launches that met, undecided
  chance[0] = 1;
  double passed = 0;
  for (int n = 1; n <= max_launches; ++n) {
    for (int s = n; s >= 0; --s) {
      const auto at = static_cast<std::size_t>(s);
      chance[at] = (s < n ? chance[at] * (1 - true_share) : 0) + (s > 0 ? chance[at - 1] * true_share : 0);
    }
    for (int s = 0; s <= n; ++s) {
      const auto at = static_cast<std::size_t>(s);
      if (e_pass(s, n - s) >= 20) {
        passed += chance[at];
        chance[at] = 0;
      } else if (e_fail(s, n - s) >= 20) {
        chance[at] = 0;
      }
    }
  }
  return passed;
}

TEST(Simulation, AMachineExactlyAtItsTargetRarelyPasses) {
  const double exact = exact_pass_chance(0.5, 30);
  EXPECT_NEAR(exact, 0.0216, 0.00005);
  const Simulated simulated = simulate(0.5, 100000, 30);
  EXPECT_NEAR(simulated.pass, exact, 0.0015);
  EXPECT_NEAR(simulated.fail, exact, 0.0015);
}

TEST(Simulation, AGoodMachineIsDecidedInSevenLaunches) {
  const Simulated simulated = simulate(0.99865, 100000, 30);
  EXPECT_NEAR(simulated.mean_launches, 7.04, 0.01);
  EXPECT_GE(simulated.decided_within[8], 0.99);
  EXPECT_EQ(simulated.decided_within[6], 0);
  EXPECT_GT(simulated.pass, 0.9999);
}

TEST(Simulation, AMachineWithAMarginOfNineInTen) {
  const Simulated simulated = simulate(0.9, 100000, 30);
  EXPECT_NEAR(simulated.mean_launches, 10.7, 0.1);
  EXPECT_NEAR(simulated.pass, 0.996, 0.001);
}

TEST(Simulation, TwoThousandDevices) {
  constexpr std::size_t devices = 2000, max_launches = 30;
  Generator chance(2000);
  EValues e_values(0.5);
  Grid grid = grid_of(max_launches, devices);
  for (double& value : grid.values) value = chance.happens(0.99) ? meets : misses;
  Rules rules;
  rules.device_share = 0.99;
  const Decision decision = decide(grid, above_one, rules, e_values, true);
  EXPECT_EQ(decision.verdict, Verdict::pass);
  EXPECT_EQ(decision.allowed_to_miss, 20U);
  double launches = 0;  // that each device needed for itself, or until all was decided
  for (const DeviceTally& tally : decision.tallies) {
    launches += tally.passed_at > 0 ? tally.passed_at : decision.decided_at;
  }
  std::printf("2000 devices: %.2f launches each, fleet decided after %d\n", launches / devices,
              decision.decided_at);
  EXPECT_GE(launches / devices, 7);
  EXPECT_LE(launches / devices, 8);
}

TEST(Simulation, AFleetAtTheEdgeRarelyPasses) {
  // Ten of ten must pass and one sits exactly at its target: at most alpha of the fleets pass.
  Generator chance(7);
  EValues e_values(0.5);
  Grid grid = grid_of(30, 10);
  int passed = 0;
  constexpr int fleets = 5000;
  for (int i = 0; i < fleets; ++i) {
    for (std::size_t at = 0; at < grid.values.size(); ++at) {
      grid.values[at] = chance.happens(at % 10 == 0 ? 0.5 : 0.999) ? meets : misses;
    }
    passed += decide(grid, above_one, {}, e_values, true).verdict == Verdict::pass;
  }
  EXPECT_LE(passed, fleets * 0.05);
}

TEST(Sequence, StoppingEarlyGivesTheSameVerdict) {
  Generator chance(3);
  EValues e_values(0.5);
  Grid grid = grid_of(25, 3);
  for (int i = 0; i < 500; ++i) {
    for (std::size_t at = 0; at < grid.values.size(); ++at) {
      grid.values[at] = chance.happens(0.8) ? meets : misses;
      grid.cells[at] = chance.happens(0.95) ? Cell::value : Cell::absent;
    }
    const Decision whole = decide(grid, above_one, {}, e_values);
    const Decision early = decide(grid, above_one, {}, e_values, true);
    EXPECT_EQ(whole.verdict, early.verdict);
    EXPECT_EQ(whole.decided_at, early.decided_at);
    EXPECT_EQ(whole.e_pass, early.e_pass);
  }
}

TEST(Sequence, TheIntervalSaysWhatTheTestSays) {
  // pass <=> limit <= lower bound, fail <=> limit > upper bound, for every limit and with lost launches.
  Generator chance(11);
  for (const double share : {0.5, 0.8}) {
    Rules rules;
    rules.share = share;
    for (int n = 1; n <= 40; n += 3) {
      for (int lost = 0; lost <= 4; lost += 2) {
        std::vector<double> values;
        for (int i = 0; i < n; ++i) values.push_back(i + (chance.happens(0.5) ? 0.25 : 0));
        for (const bool at_least : {true, false}) {
          const Interval interval = interval_of(values, static_cast<std::size_t>(lost), at_least, rules);
          for (const double limit : values) {
            int met = 0;
            for (const double value : values) met += at_least ? value >= limit : value <= limit;
            const bool pass = e_pass(met, n - met + lost, share) >= 20;
            const bool fail = e_fail(met, n - met, share) >= 20;
            const auto& needed = at_least ? interval.lower : interval.upper;
            const auto& other = at_least ? interval.upper : interval.lower;
            EXPECT_EQ(pass, needed && (at_least ? limit <= *needed : limit >= *needed)) << n << " " << lost;
            EXPECT_EQ(fail, other && (at_least ? limit > *other : limit < *other)) << n << " " << lost;
          }
        }
      }
    }
  }
}

TEST(Sequence, BoundsOfTheDecisionRules) {
  const Bounds accept = bounds_of(true, 200, 0.05, DecisionRule::guarded_acceptance, 0.01);
  EXPECT_DOUBLE_EQ(accept.limit, 190);
  EXPECT_DOUBLE_EQ(accept.pass_limit, 191.9);
  EXPECT_DOUBLE_EQ(accept.fail_limit, 190);
  const Bounds reject = bounds_of(false, 200, 0.05, DecisionRule::guarded_rejection, 0.01);
  EXPECT_DOUBLE_EQ(reject.limit, 210);
  EXPECT_DOUBLE_EQ(reject.pass_limit, 210);
  EXPECT_DOUBLE_EQ(reject.fail_limit, 212.1);
  // What is not a number meets nothing.
  EXPECT_FALSE(accept.meets(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(reject.meets(std::numeric_limits<double>::quiet_NaN()));
}

TEST(Sequence, FixedFleets) {
  EValues e_values(0.5);
  Rules rules;
  rules.stop = StopRule::fixed;
  rules.max_launches = 10;
  Grid grid = grid_of(10, 4);
  for (double& value : grid.values) value = meets;
  EXPECT_EQ(decide(grid, above_one, rules, e_values).verdict, Verdict::pass);
  // One device misses each time: 2^-10 is below 0.05 / 4.
  for (std::size_t l = 0; l < 10; ++l) grid.values[grid.at(l, 2)] = misses;
  EXPECT_EQ(decide(grid, above_one, rules, e_values).verdict, Verdict::fail);
  // The same as one of four that may miss: the mean of the two smallest E_pass is about 2^11 / 11 / 2.
  rules.device_share = 0.75;
  EXPECT_EQ(decide(grid, above_one, rules, e_values).verdict, Verdict::pass);
  rules.max_launches = 11;
  EXPECT_EQ(decide(grid, above_one, rules, e_values).verdict, Verdict::inconclusive);
}

TEST(Sequence, NothingDecidesNothing) {
  EValues e_values(0.5);
  EXPECT_EQ(decide(grid_of(0, 1), above_one, {}, e_values).verdict, Verdict::inconclusive);
  EXPECT_EQ(decide(grid_of(9, 0), above_one, {}, e_values).verdict, Verdict::inconclusive);
  Grid all_conceded = grid_of(9, 2);
  all_conceded.conceded.assign(2, 1);
  EXPECT_EQ(decide(all_conceded, above_one, {}, e_values).verdict, Verdict::fail);
}

}  // namespace
}  // namespace assay
