// Within domains: screening, halving, nodes or their switch; and all pairs of few nodes.
#include <algorithm>
#include <utility>

#include "reports/base/names.h"
#include "runners/isolate/search.h"

namespace assay {

namespace {

std::string some_of(const std::string& domain, std::size_t count) {
  return std::to_string(count) + (count == 1 ? " node of " : " nodes of ") + domain;
}

}  // namespace

Search::Set Search::screen() {
  step_ = "screen";
  std::vector<Probe> probes;
  for (const Domain& domain : domains_) probes.push_back({"screen " + domain.name, domain.nodes, {}, {}});
  decide_among_themselves(probes, screen_repeats(domains_, settings_.trouble));
  Set bad;
  for (std::size_t d = 0; d < domains_.size(); ++d)
    (probes[d].state == Probe::State::bad ? bad : healthy_).push_back(d);
  everything_is_bad(probes);
  return bad;
}

void Search::inside(const Set& bad) {
  good_.clear();  // groups filled up from another domain are of another shape
  controls_.clear();
  std::vector<Part> parts, singles;
  for (const std::size_t domain : bad) parts.push_back({domain, domains_[domain].nodes, 0});
  for (std::size_t depth = 1; !parts.empty(); ++depth) {
    std::vector<Part> next = halve(parts, depth == 1);
    parts.clear();
    if (depth == 2) {
      for (const std::size_t domain : bad) {
        if (is_whole(domain, next))
          std::erase_if(next, [&](const Part& part) { return part.domain == domain; });
      }
    }
    for (Part& part : next) (part.nodes.size() == 1 ? singles : parts).push_back(std::move(part));
    // A node that stood alone early waits, unless all four quarters are still needed.
    if (depth == 1) {
      for (Part& part : singles) parts.push_back(std::move(part));
      singles.clear();
    }
  }
  confirm_nodes(singles);
}

/// The bad halves of `parts`; single nodes are passed on.
std::vector<Search::Part> Search::halve(std::vector<Part>& parts, bool first) {
  step_ = "halve";
  std::vector<Part> halves, next;
  std::vector<std::size_t> of;  // which part each half is of
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Set& all = parts[p].nodes;
    if (all.size() == 1) {
      next.push_back(parts[p]);
      continue;
    }
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    halves.push_back({parts[p].domain, Set(all.begin(), middle), parts[p].depth + 1});
    halves.push_back({parts[p].domain, Set(middle, all.end()), parts[p].depth + 1});
    of.insert(of.end(), 2, p);
  }
  std::vector<Probe> probes;
  for (const Part& half : halves) {
    const std::string purpose = some_of(domains_[half.domain].name, half.nodes.size());
    probes.push_back({"halve: " + purpose, half.nodes, {}, {}, usual_size_});
  }
  if (first && evidence_.slowness()) {  // what the same shape takes without a suspect
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t domain = healthy_[i * healthy_.size() / 4];
      const Set& all = domains_[domain].nodes;
      const Set half(all.begin(), all.begin() + static_cast<std::ptrdiff_t>((all.size() + 1) / 2));
      Probe control{"control with " + domains_[domain].name, half, {}, {domain}, usual_size_};
      if (healthy_.size() == 1) control.avoid.clear();
      controls_.push_back(std::move(control));
    }
    strengthen_reference();
  }
  decide(probes, true);
  for (std::size_t i = 0; i < probes.size(); i += 2) {
    bool any = false;
    for (const std::size_t k : {i, i + 1}) {
      if (probes[k].state != Probe::State::bad) continue;
      next.push_back(halves[k]);
      any = true;
    }
    if (!any) nothing_in_the_halves(parts[of[i]], next);
  }
  return next;
}

/// Both halves are good and the whole was bad: chance, or a pair that is parted by halving.
void Search::nothing_in_the_halves(const Part& part, std::vector<Part>& next) {
  const std::string& name = domains_[part.domain].name;
  std::vector<Probe> again{{"again: " + some_of(name, part.nodes.size()), part.nodes, {}, {}, usual_size_}};
  if (!confirm(again)) {
    note(name + " looked bad and did not when launched again");
    return;
  }
  const Probe whole = again.front();
  step_ = "halve";
  std::vector<Probe> halves;
  const auto middle = part.nodes.begin() + static_cast<std::ptrdiff_t>(part.nodes.size() / 2);
  for (const Set& nodes : {Set(part.nodes.begin(), middle), Set(middle, part.nodes.end())})
    halves.push_back({"again: " + some_of(name, nodes.size()), nodes, {}, {}, usual_size_});
  decide(halves);
  bool any = false;
  for (const Probe& half : halves) {
    if (half.state != Probe::State::bad) continue;
    next.push_back({part.domain, half.nodes, part.depth + 1});
    any = true;
  }
  if (!any)
    report(IsolationFinding::Kind::links, names(part.nodes), whole,
           "these nodes of " + name + " are bad together, and each half of them is good with other nodes");
}

/// All four quarters of a domain are bad: its switch, unless single nodes of it are good.
bool Search::is_whole(std::size_t domain, const std::vector<Part>& parts) {
  std::vector<Probe> spots;
  for (const Part& part : parts) {
    if (part.domain != domain) continue;
    const std::size_t node = part.nodes[part.nodes.size() / 2];
    spots.push_back({"spot " + nodes_[node], {node}, {}, {}, usual_size_});
  }
  if (spots.size() < 4) return false;
  step_ = "halve";
  decide(spots);
  if (std::any_of(spots.begin(), spots.end(), [](const Probe& p) { return p.state == Probe::State::good; }))
    return false;
  // Were the switch good and two nodes bad, two of the four spots would be good: the weaker two must
  // convince.
  step_ = "confirm";
  const Reference reference = healthy();
  double weakest = 0;
  Launches all;
  for (std::size_t i = 0;; ++i) {
    std::vector<std::pair<double, Probe*>> order;
    for (Probe& spot : spots) order.emplace_back(evidence_.of(spot.launches, reference), &spot);
    std::sort(order.begin(), order.end());
    weakest = order[0].first + order[1].first;
    if (weakest >= evidence_.enough() || i == most_tries) break;
    launch_each({order[0].second, order[1].second});
  }
  if (weakest < evidence_.enough()) return false;
  for (const Probe& spot : spots) all.insert(all.end(), spot.launches.begin(), spot.launches.end());
  Probe together;
  together.launches = all;
  const Domain& whole = domains_[domain];
  const std::string why = " single nodes of different quarters are bad with other healthy nodes";
  if (whole.is_switch) {
    report(IsolationFinding::Kind::leaf_switch, {whole.name}, together, std::to_string(spots.size()) + why);
  } else {
    report(IsolationFinding::Kind::group, names(whole.nodes), together,
           std::to_string(spots.size()) + why + ": look for what " + whole.name + " share");
  }
  result_.findings.back().log_evidence = weakest;
  return true;
}

void Search::confirm_nodes(const std::vector<Part>& singles) {
  std::vector<Probe> suspects;
  for (const Part& part : singles) {
    if (suspects.size() == most_suspects) break;
    suspects.push_back({"confirm " + nodes_[part.nodes[0]], part.nodes, {}, {}, usual_size_});
  }
  if (singles.size() > suspects.size())
    note(std::to_string(singles.size() - suspects.size()) +
         " more nodes are suspected and were not confirmed: exclude those named and search again");
  confirm(suspects);
  for (const Probe& suspect : suspects) {
    const bool sure = suspect.state == Probe::State::bad;
    report(sure ? IsolationFinding::Kind::node : IsolationFinding::Kind::not_confirmed, names(suspect.nodes),
           suspect,
           sure ? "bad in launches of its own, each with other healthy nodes"
                : "suspected by halving, and launches of its own did not show it");
  }
}

/// Few nodes: a node is good when it is in a good pair. Of two nodes each is launched alone.
void Search::all_pairs() {
  step_ = "pairs";
  const std::size_t count = nodes_.size();
  const bool alone = count == 2;
  std::vector<Probe> probes;
  if (alone) {
    for (std::size_t i = 0; i < 2; ++i) probes.push_back({"alone: " + nodes_[i], {i}, {}, {}});
  } else {
    for (std::size_t sum = 0; sum < count; ++sum) {  // pairs of one sum modulo n are disjoint
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t j = (sum + count - i) % count;
        if (i < j) probes.push_back({"pair " + nodes_[i] + ", " + nodes_[j], {i, j}, {}, {}});
      }
    }
  }
  decide_among_themselves(probes, screen_repeats(domains_, settings_.trouble));
  if (everything_is_bad(probes)) return;
  std::vector<char> is_good(count, 0);
  for (const Probe& probe : probes) {
    for (const std::size_t node : probe.nodes) is_good[node] |= probe.state == Probe::State::good ? 1 : 0;
  }
  std::vector<Part> suspects;
  for (std::size_t i = 0; i < count; ++i) {
    if (is_good[i]) {
      healthy_.push_back(i);
    } else {
      suspects.push_back({i, {i}, 0});
    }
  }
  usual_size_ = alone ? 0 : 2;
  confirm_nodes(suspects);
  std::vector<Probe> links;
  for (const Probe& probe : probes) {
    if (!alone && probe.state == Probe::State::bad && is_good[probe.nodes[0]] && is_good[probe.nodes[1]])
      links.push_back({"confirm " + probe.purpose, probe.nodes, {}, {}});
  }
  if (alone && suspects.empty() && evidence_.slowness())
    note("with two nodes there is no other pair to compare their link with");
  if (alone && suspects.empty() && !evidence_.slowness())
    links.push_back({"confirm the pair", {0, 1}, {}, {}});
  if (links.size() > most_suspects) links.resize(most_suspects);
  confirm(links);
  for (const Probe& link : links) {
    if (link.state == Probe::State::bad)
      report(IsolationFinding::Kind::links, names(link.nodes), link,
             "the pair is bad, and both of its nodes are good otherwise");
  }
}

}  // namespace assay
