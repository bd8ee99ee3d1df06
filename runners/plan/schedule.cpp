#include "runners/plan/schedule.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "reports/base/error.h"

namespace assay {
namespace {

constexpr double default_time_s = 2;
constexpr double shortest_time_s = 0.05;

std::vector<std::vector<std::string>> groups_of(const PlannedCase& planned,
                                                const std::vector<std::string>& nodes) {
  const Geometry& geometry = planned.identity.geometry;
  const auto here = std::to_string(nodes.size()) + (nodes.size() == 1 ? " node is" : " nodes are");
  switch (geometry.placement) {
    case Placement::fixed:
      if (geometry.nodes > static_cast<int>(nodes.size())) {
        throw bad_input("'" + planned.label + "' needs " + std::to_string(geometry.nodes) + " nodes, but " +
                            here + " available",
                        "list more hosts in a site file (--site), or plan fewer nodes", planned.where);
      }
      return {{nodes.begin(), nodes.begin() + geometry.nodes}};
    case Placement::all:
      return {nodes};
    case Placement::each: {
      std::vector<std::vector<std::string>> groups;
      for (const std::string& node : nodes) groups.push_back({node});
      return groups;
    }
    case Placement::pairs:
      break;
  }
  if (nodes.size() == 2) return {nodes};  // the only pair there is
  throw bad_input("nodes = \"pairs\" wants exactly 2 nodes in this version, but " + here + " available",
                  "give a site file with 2 hosts, or another geometry", planned.where);
}

/// Cases share a start when they have the same process groups, ranks and threads.
std::string shape_of(const ScheduledCase& one) {
  std::string text =
      std::to_string(one.geometry.ranks_per_node) + "x" + std::to_string(one.geometry.threads_per_rank);
  for (const auto& group : one.groups) {
    text += '|';
    for (const std::string& node : group) text += node + ",";
  }
  return text;
}

}  // namespace

int fewest_to_decide(double alpha, double share) {
  // With n of n good, E_pass = integral over p from `share` to 1 of p^n / share^n, over (1 - share): the
  // design's mixture, for share 1/2 equal to (2^(n+1) - 1) / (n + 1).
  for (int n = 1; n <= 10000; ++n) {
    const double e = (1 - std::pow(share, n + 1)) / ((n + 1) * (1 - share) * std::pow(share, n));
    if (e >= 1 / alpha) return n;
  }
  return 10000;
}

Schedule make_schedule(const Plan& plan, const Targets& targets, const Catalogue& catalogue,
                       const std::vector<std::string>& nodes) {
  Schedule schedule;
  std::vector<int> least(plan.cases.size(), 0);  // fewest launches that decide all targets of the case
  for (const Target& target : targets.targets) {
    const int fewest = fewest_to_decide(targets.alpha(), target.share);
    for (const std::size_t index : matching_cases(target, plan))
      least[index] = std::max(least[index], fewest);
    for (const auto* limit : {&target.at_least, &target.at_most}) {
      if (!*limit || (*limit)->kind != LimitKind::of_figure) continue;
      // The reference case of a ratio is needed as often as the case itself.
      for (std::size_t i = 0; i < plan.cases.size(); ++i) {
        if (plan.cases[i].identity.benchmark == (*limit)->benchmark) least[i] = std::max(least[i], fewest);
      }
    }
  }
  int launches = 0;     // that share the budget
  double stated_s = 0;  // of the others, whose time the plan states
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    const PlannedCase& planned = plan.cases[i];
    const BenchmarkSpec* spec = catalogue.find(planned.identity.benchmark);
    ScheduledCase one;
    one.index = i;
    one.groups = groups_of(planned, nodes);
    one.geometry = planned.identity.geometry;
    one.geometry.nodes = static_cast<int>(one.groups.front().size());
    one.needed = least[i] > 0;
    one.own_start = spec != nullptr && spec->own_start;
    one.limit_s = planned.time_limit_s;
    if (one.needed) {
      const int middle = (std::min(least[i], plan.max_launches) + plan.max_launches + 1) / 2;
      one.expected_launches = plan.stop == StopRule::fixed ? plan.max_launches : middle;
    }
    if (planned.time_s) {
      stated_s += *planned.time_s * one.expected_launches;
    } else {
      launches += one.expected_launches;
    }
    schedule.cases.push_back(std::move(one));
  }
  for (ScheduledCase& one : schedule.cases) {
    const double share_s = plan.budget_s > 0 ? (plan.budget_s - stated_s) / launches : default_time_s;
    one.time_s =
        plan.cases[one.index].time_s.value_or(std::max(shortest_time_s, std::min(share_s, one.limit_s / 2)));
    schedule.expected_s += one.time_s * one.expected_launches;
  }
  std::map<std::string, int> starts;
  for (const ScheduledCase& one : schedule.cases) {
    if (one.own_start) {
      schedule.expected_starts += one.expected_launches;
    } else {
      int& most = starts[shape_of(one)];
      most = std::max(most, one.expected_launches);
    }
  }
  for (const auto& [shape, count] : starts) schedule.expected_starts += count;
  return schedule;
}

std::vector<PlannedStart> starts_of_round(const Schedule& schedule, const std::set<std::size_t>& open,
                                          const std::set<std::size_t>& apart, int round) {
  std::vector<PlannedStart> shared, alone;
  std::map<std::string, std::size_t> by_shape;
  for (std::size_t i = 0; i < schedule.cases.size(); ++i) {
    const ScheduledCase& one = schedule.cases[i];
    if (!open.contains(one.index)) continue;
    if (one.own_start || apart.contains(one.index)) {
      alone.push_back({{i}, one.limit_s + startup_allowance_s});
      continue;
    }
    const auto [place, is_new] = by_shape.emplace(shape_of(one), shared.size());
    if (is_new) shared.push_back({{}, startup_allowance_s});
    PlannedStart& start = shared[place->second];
    start.cases.push_back(i);
    start.limit_s += one.limit_s;
  }
  for (PlannedStart& start : shared) {
    const auto by = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(round) % start.cases.size());
    std::rotate(start.cases.begin(), start.cases.begin() + by, start.cases.end());
  }
  shared.insert(shared.end(), alone.begin(), alone.end());
  return shared;
}

}  // namespace assay
