#include "reports/judge/sequence.h"

#include <algorithm>

namespace assay {

Bounds bounds_of(bool at_least, double target, double tolerance, DecisionRule decision, double systematic) {
  Bounds bounds;
  bounds.at_least = at_least;
  bounds.target = target;
  const double sign = at_least ? 1 : -1;
  bounds.limit = target * (1 - sign * tolerance);
  bounds.pass_limit = bounds.limit;
  bounds.fail_limit = bounds.limit;
  if (decision == DecisionRule::guarded_acceptance) bounds.pass_limit *= 1 + sign * systematic;
  if (decision == DecisionRule::guarded_rejection) bounds.fail_limit *= 1 - sign * systematic;
  return bounds;
}

namespace {

void count_launch(const Grid& grid, std::size_t launch, const Bounds& bounds,
                  std::vector<DeviceTally>& tallies) {
  for (std::size_t d = 0; d < grid.devices; ++d) {
    const Cell cell = grid.cells[grid.at(launch, d)];
    if (cell == Cell::away || grid.conceded[d]) continue;
    DeviceTally& tally = tallies[d];
    if (cell != Cell::value) {
      ++tally.without;
      continue;
    }
    const double value = grid.values[grid.at(launch, d)];
    ++(bounds.meets(value) ? tally.met : tally.missed);
    if (bounds.misses(value)) ++tally.below;
  }
}

/// The decision of a fixed number of launches, taken once: the exact one-sided sign test for each device. A
/// pass needs every device to pass (intersection-union: no correction); a fail needs one device to fail at
/// alpha / M (Bonferroni). `at least x %` of the devices takes the means of E-values instead.
Verdict decide_fixed(const Grid& grid, const Rules& rules, const Decision& decision) {
  const std::size_t active = grid.devices - decision.conceded;
  bool all_pass = decision.conceded == 0;
  for (std::size_t d = 0; d < grid.devices; ++d) {
    if (grid.conceded[d]) continue;
    const DeviceTally& tally = decision.tallies[d];
    const int attempts = tally.valid() + tally.without;
    const auto to_pass = fewest_met(attempts, rules.alpha, rules.share, StopRule::fixed);
    if (!to_pass || tally.met < *to_pass) all_pass = false;
    const auto to_fail =
        fewest_missed(tally.valid(), rules.alpha / static_cast<double>(active), rules.share, StopRule::fixed);
    if (to_fail && tally.below >= *to_fail) return Verdict::fail;
  }
  return all_pass ? Verdict::pass : Verdict::inconclusive;
}

}  // namespace

Decision decide(const Grid& grid, const Bounds& bounds, const Rules& rules, EValues& e_values,
                bool stop_when_decided) {
  Decision decision;
  decision.tallies.resize(grid.devices);
  decision.conceded = static_cast<std::size_t>(
      std::count_if(grid.conceded.begin(), grid.conceded.end(), [](auto c) { return c; }));
  decision.allowed_to_miss =
      std::min(allowed_to_miss(grid.devices, rules.device_share), grid.devices > 0 ? grid.devices - 1 : 0);
  const bool fixed = rules.stop == StopRule::fixed;
  decision.judged_launches = fixed ? std::min(grid.launches, rules.max_launches) : grid.launches;
  if (grid.devices == 0) return decision;
  if (decision.conceded > decision.allowed_to_miss) {
    decision.too_many_conceded = true;
    decision.verdict = Verdict::fail;
  }

  const std::size_t active = grid.devices - decision.conceded;
  const std::size_t may_miss =
      decision.allowed_to_miss - std::min(decision.conceded, decision.allowed_to_miss);
  const std::size_t would_fail = grid.devices - decision.allowed_to_miss;  // M - k: the same with concessions
  const double threshold = 1 / rules.alpha * (1 - 1e-12);                  // rounding only
  // With this much from every other device, the k that may miss cannot keep the mean below the threshold.
  const double enough = threshold * static_cast<double>(may_miss + 1);
  std::vector<double> pass(active), fail(active);
  for (std::size_t launch = 0; launch < decision.judged_launches; ++launch) {
    count_launch(grid, launch, bounds, decision.tallies);
    std::size_t i = 0;
    for (std::size_t d = 0; d < grid.devices; ++d) {
      if (grid.conceded[d]) continue;
      DeviceTally& tally = decision.tallies[d];
      if (fixed || tally.e_pass < enough) {
        tally.e_pass = e_values.pass(tally.met, tally.missed + tally.without);
        if (tally.passed_at == 0 && tally.e_pass >= threshold) tally.passed_at = static_cast<int>(launch) + 1;
      }
      // With a guard band a value can count neither for a pass nor for a fail.
      tally.e_fail = e_values.fail(tally.valid() - tally.below, tally.below);
      pass[i] = tally.e_pass;
      fail[i] = tally.e_fail;
      ++i;
    }
    if (active == 0) break;
    const double e_pass = mean_of_smallest(pass, may_miss + 1);
    const double e_fail = mean_of_smallest(fail, would_fail);
    decision.e_pass_after.push_back(e_pass);
    decision.e_fail_after.push_back(e_fail);
    if (decision.decided_at > 0 || decision.too_many_conceded) continue;
    decision.e_pass = e_pass;
    decision.e_fail = e_fail;
    if (fixed) continue;
    if (e_fail >= threshold) {
      decision.verdict = Verdict::fail;
    } else if (e_pass >= threshold) {
      decision.verdict = Verdict::pass;
    }
    if (decision.verdict != Verdict::inconclusive) {
      decision.decided_at = static_cast<int>(launch) + 1;
      if (stop_when_decided) break;
    }
  }
  if (fixed && !decision.too_many_conceded && grid.launches >= rules.max_launches && rules.max_launches > 0) {
    if (decision.allowed_to_miss == 0) {
      decision.verdict = decide_fixed(grid, rules, decision);
    } else if (decision.e_fail >= threshold) {
      decision.verdict = Verdict::fail;
    } else if (decision.e_pass >= threshold) {
      decision.verdict = Verdict::pass;
    }
    if (decision.verdict != Verdict::inconclusive)
      decision.decided_at = static_cast<int>(decision.judged_launches);
  }
  return decision;
}

Interval interval_of(std::vector<double> values, std::size_t without, bool at_least, const Rules& rules) {
  std::sort(values.begin(), values.end());
  if (!at_least) std::reverse(values.begin(), values.end());  // worst first
  const auto valid = static_cast<int>(values.size()), lost = static_cast<int>(without);
  Interval interval;
  const auto towards_pass = interval_ranks(valid + lost, rules.alpha, rules.share, rules.stop).lower;
  const auto towards_fail = interval_ranks(valid, rules.alpha, rules.share, rules.stop).upper;
  std::optional<double> worse, better;
  if (towards_pass && *towards_pass > lost)
    worse = values[static_cast<std::size_t>(*towards_pass - lost - 1)];
  if (towards_fail) better = values[static_cast<std::size_t>(*towards_fail - 1)];
  interval.lower = at_least ? worse : better;
  interval.upper = at_least ? better : worse;
  return interval;
}

}  // namespace assay
