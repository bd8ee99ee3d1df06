// Between domains: all of them are good, and the whole may not be.
#include <algorithm>
#include <array>
#include <utility>

#include "runners/isolate/search.h"

namespace assay {

namespace {

using Set = std::vector<std::size_t>;
using Quarters = std::array<Set, 4>;
/// The three ways to pair four quarters: any two domains are together in at least one group.
constexpr std::array<std::array<int, 4>, 3> pairings{{{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}}};

Quarters quarter(const Set& set) {
  Quarters quarters;
  for (std::size_t i = 0; i < set.size(); ++i) quarters[i % 4].push_back(set[i]);
  return quarters;
}

Set joined(const Set& a, const Set& b) {
  Set both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

}  // namespace

Probe Search::crossing(const Set& domains, const Set& avoid) const {
  std::string purpose = "across: ";
  if (domains.size() <= 2) {
    for (const std::size_t domain : domains)
      purpose += (domain == domains.front() ? "" : ", ") + domains_[domain].name;
  } else {
    purpose += std::to_string(domains.size()) + " domains";
  }
  return {purpose, {}, domains, avoid, 0, reach_};
}

/// The first level: sets of domains that hold a fault.
std::vector<Search::Set> Search::split_once() {
  Set all(domains_.size());
  for (std::size_t d = 0; d < all.size(); ++d) all[d] = d;
  const Quarters quarters = quarter(all);
  std::vector<Probe> probes;
  std::vector<std::pair<int, int>> edges;
  for (const auto& pairing : pairings) {
    for (const int side : {0, 2}) {
      const int a = pairing[side], b = pairing[side + 1];
      const Set set = joined(quarters[a], quarters[b]);
      if (set.size() < 2) continue;
      probes.push_back(crossing(set, all));
      probes.back().fill_domains = set.size();
      edges.emplace_back(a, b);
    }
  }
  decide_among_themselves(probes, evidence_.slowness() ? 2 : 1);
  controls_.clear();
  for (const Probe& probe : probes) {
    if (probe.state == Probe::State::good && controls_.size() < 2) controls_.push_back(probe);
  }
  if (everything_is_bad(probes)) return {};
  std::vector<std::pair<int, int>> bad;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (probes[i].state == Probe::State::bad) bad.push_back(edges[i]);
  }
  // Every group with one quarter in it: the fault is within that quarter.
  if (bad.size() == 3) {
    for (int q = 0; q < 4; ++q) {
      if (std::all_of(bad.begin(), bad.end(), [&](const auto& e) { return e.first == q || e.second == q; }))
        return {quarters[q]};
    }
  }
  std::vector<Set> sets;
  for (const auto& [a, b] : bad) sets.push_back(joined(quarters[a], quarters[b]));
  return sets;
}

void Search::across() {
  step_ = "across";
  std::vector<Set> queue;
  if (domains_.size() == 2) {
    if (evidence_.slowness()) {
      note("between two domains there is no other boundary to compare with: it was not probed");
      return;
    }
    queue.push_back({0, 1});
  } else {
    queue = split_once();
  }
  std::vector<Set> named;
  while (!queue.empty()) {
    Set set = queue.back();
    queue.pop_back();
    std::sort(set.begin(), set.end());
    const bool explained = std::any_of(named.begin(), named.end(), [&](const Set& one) {
      return std::includes(set.begin(), set.end(), one.begin(), one.end());
    });
    if (explained) {
      if (result_.notes.empty())
        note("other groups with the same domains were bad: search again when it is mended");
    } else if (set.size() <= 2) {
      for (Set& one : name_crossing(set)) named.push_back(std::move(one));
    } else {
      descend(set, queue);
    }
  }
}

/// `set` is bad with healthy company: puts the part of it that is into the queue.
void Search::descend(Set set, std::vector<Set>& queue) {
  step_ = "across";
  const Quarters quarters = quarter(set);
  std::vector<Probe> again{crossing(set, set)};
  for (const bool once_more : {false, true}) {
    if (once_more && !confirm(again)) {
      note("groups across domains looked bad and did not when launched again");
      return;
    }
    step_ = "across";
    for (const auto& pairing : pairings) {
      std::vector<Probe> probes;
      for (const int side : {0, 2}) {
        const Set part = joined(quarters[pairing[side]], quarters[pairing[side + 1]]);
        if (!part.empty()) probes.push_back(crossing(part, set));
      }
      decide(probes);
      bool any = false;
      for (const Probe& probe : probes) {
        if (probe.state != Probe::State::bad) continue;
        queue.push_back(probe.domains);
        any = true;
      }
      if (any) return;
    }
  }
  Set nodes;
  for (const std::size_t domain : set)
    nodes.insert(nodes.end(), domains_[domain].nodes.begin(), domains_[domain].nodes.end());
  report(IsolationFinding::Kind::links, names(nodes), again.front(),
         "these domains are bad together, and no two quarters of them are");
}

/// Two domains that are bad together, or one that is bad with any other.
std::vector<Search::Set> Search::name_crossing(const Set& set) {
  step_ = "across";
  std::vector<Set> named;
  std::vector<Probe> apart;
  if (set.size() == 2 && domains_.size() > 2) {
    for (const std::size_t domain : set) apart.push_back(crossing({domain}, set));
    decide(apart);
  }
  std::vector<Probe> suspects;
  if (set.size() == 1) suspects.push_back(crossing(set, set));
  for (const Probe& one : apart) {
    if (one.state == Probe::State::bad) suspects.push_back(crossing(one.domains, set));
  }
  if (suspects.empty()) suspects.push_back(crossing(set, set));
  for (Probe& suspect : suspects) suspect.purpose.replace(0, 6, "confirm");
  // One after the other: side by side they would take each other's company, which must be all new each time.
  for (Probe& suspect : suspects) {
    std::vector<Probe> one{suspect};
    confirm(one);
    suspect = one.front();
  }
  for (const Probe& suspect : suspects) {
    const Domain& first = domains_[suspect.domains.front()];
    const Domain& last = domains_[suspect.domains.back()];
    if (suspect.state == Probe::State::bad) named.push_back(suspect.domains);
    if (suspect.state != Probe::State::bad) {
      report(IsolationFinding::Kind::not_confirmed,
             suspect.domains.size() == 1 ? std::vector<std::string>{first.name}
                                         : std::vector<std::string>{first.name, last.name},
             suspect, "suspected by probing across, and launches of its own did not show it");
    } else if (suspect.domains.size() == 1) {
      const std::string why = "good within itself, bad with any other domain: its links upward";
      report(first.is_switch ? IsolationFinding::Kind::leaf_switch : IsolationFinding::Kind::group,
             first.is_switch ? std::vector<std::string>{first.name} : names(first.nodes), suspect, why);
    } else if (first.is_switch && last.is_switch) {
      report(IsolationFinding::Kind::trunk, {first.name, last.name}, suspect,
             domains_.size() == 2 ? "both are good within themselves and bad together"
                                  : "bad together; each of them is good within itself and with all others");
    } else {
      report(IsolationFinding::Kind::links, names(joined(first.nodes, last.nodes)), suspect,
             first.name + " and " + last.name + " are bad together, and good with all others");
    }
  }
  return named;
}

}  // namespace assay
