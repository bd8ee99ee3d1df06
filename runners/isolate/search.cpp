#include "runners/isolate/search.h"

#include <algorithm>

#include "reports/base/names.h"

namespace assay {

Search::Search(const std::vector<std::string>& nodes, const std::vector<Domain>& domains,
               const IsolationSettings& settings, Launch launch, IsolationResult& result)
    : nodes_(nodes),
      domains_(domains),
      settings_(settings),
      launch_(std::move(launch)),
      result_(result),
      evidence_(settings),
      usual_size_(usual_size(domains)),
      reach_(std::max<std::size_t>(2, (domains.size() + 1) / 2)) {}

void Search::run() {
  if (domains_.front().nodes.size() == 1) {
    all_pairs();
  } else {
    const Set bad = screen();
    if (!bad.empty() && !healthy_.empty()) inside(bad);
    const bool found = std::any_of(result_.findings.begin(), result_.findings.end(), [](const auto& finding) {
      return finding.kind != IsolationFinding::Kind::not_confirmed;
    });
    if (found) {
      note(
          "boundaries between domains were not probed, as faults within them were found; exclude these and "
          "search again if the whole is still in trouble");
    } else if (!healthy_.empty()) {
      across();
    }
  }
  result_.noise = evidence_.noise();
}

std::vector<std::string> Search::names(const Set& nodes) const {
  std::vector<std::string> all;
  for (const std::size_t node : nodes) all.push_back(nodes_[node]);
  return all;
}

/// One launch of each, in as many rounds of disjoint groups as it takes.
void Search::launch_each(const std::vector<Probe*>& probes) {
  std::vector<Probe*> waiting = probes;
  while (!waiting.empty()) {
    IsolationRound round;
    std::vector<Probe*> going, later;
    std::vector<char> used(nodes_.size(), 0);
    for (Probe* probe : waiting) {
      IsolationGroup group;
      if (build(*probe, used, round.empty(), group)) {
        round.push_back(std::move(group));
        going.push_back(probe);
      } else {
        later.push_back(probe);
      }
    }
    const std::vector<IsolationOutcome> outcomes = launch_(round, step_);
    for (std::size_t i = 0; i < going.size(); ++i) going[i]->launches.push_back(outcomes[i]);
    waiting = std::move(later);
  }
}

/// False: not in this round. The first of a round is always built, with fewer to fill it up if need be.
bool Search::build(const Probe& probe, std::vector<char>& used, bool first, IsolationGroup& group) {
  const std::size_t turn = turn_;
  std::vector<char> mine = used;
  group.purpose = probe.purpose;
  const auto take = [&](std::size_t node) {
    if (mine[node]) return false;
    mine[node] = 1;
    group.nodes.push_back(node);
    return true;
  };
  for (const std::size_t node : probe.nodes) {
    if (!take(node)) return false;
  }
  if (probe.fill_nodes > 0) fill_with_nodes(probe, mine, group);
  const std::size_t wanted = std::max(probe.fill_nodes, probe.nodes.size() + (probe.fill_nodes > 0 ? 1 : 0));
  if (!first && probe.fill_nodes > 0 && group.nodes.size() < wanted) return false;

  if (probe.fill_domains > 0) {
    const std::size_t each = std::max<std::size_t>(1, usual_size_ / probe.fill_domains);
    const auto is_free = [&](std::size_t domain) {
      return std::none_of(domains_[domain].nodes.begin(), domains_[domain].nodes.end(),
                          [&](std::size_t node) { return used[node] != 0; });
    };
    Set chosen = probe.domains;
    for (const std::size_t domain : chosen) {
      if (!is_free(domain)) return false;
    }
    // The next launch of the same suspicion is filled up with others: a fault among these cannot be in both.
    Set others;
    for (const std::size_t domain : healthy_) {
      const auto in = [&](const Set& set) { return std::find(set.begin(), set.end(), domain) != set.end(); };
      if (!in(chosen) && !in(probe.avoid)) others.push_back(domain);
    }
    const std::size_t lacking = probe.fill_domains - std::min(chosen.size(), probe.fill_domains);
    for (std::size_t i = 0; i < others.size() && chosen.size() < probe.fill_domains; ++i) {
      const std::size_t domain = others[(i + lacking * probe.launches.size()) % others.size()];
      if (is_free(domain)) chosen.push_back(domain);
    }
    if (!first && chosen.size() < probe.fill_domains) return false;
    for (const std::size_t domain : chosen) {
      const Set& all = domains_[domain].nodes;
      for (std::size_t i = 0; i < std::min(each, all.size()); ++i) take(all[(i + each * turn) % all.size()]);
    }
  }
  ++turn_;
  used = std::move(mine);
  std::sort(group.nodes.begin(), group.nodes.end());
  return true;
}

/// From one healthy domain that nobody uses in this round; else from what is left of several.
void Search::fill_with_nodes(const Probe& probe, std::vector<char>& used, IsolationGroup& group) {
  const std::size_t had = probe.nodes.size();
  const std::size_t need = probe.fill_nodes > had ? probe.fill_nodes - had : 1;
  for (const bool whole : {true, false}) {
    for (std::size_t i = 0; i < healthy_.size() && group.nodes.size() < had + need; ++i) {
      const std::size_t domain = healthy_[(i + turn_) % healthy_.size()];
      if (std::find(probe.avoid.begin(), probe.avoid.end(), domain) != probe.avoid.end()) continue;
      const Set& all = domains_[domain].nodes;
      const auto busy = static_cast<std::size_t>(
          std::count_if(all.begin(), all.end(), [&](std::size_t node) { return used[node] != 0; }));
      if (whole && (busy > 0 || all.size() < need)) continue;
      for (std::size_t k = 0; k < all.size() && group.nodes.size() < had + need; ++k) {
        const std::size_t node = all[(k + turn_) % all.size()];
        if (used[node]) continue;
        used[node] = 1;
        group.nodes.push_back(node);
      }
    }
  }
}

Reference Search::healthy() const {
  return Evidence::centre(good_);
}

/// A weak reference makes everything doubtful: the controls are launched again.
void Search::strengthen_reference() {
  if (!evidence_.slowness() || controls_.empty() || healthy().worth >= 6) return;
  std::vector<Probe*> all;
  for (Probe& control : controls_) all.push_back(&control);
  launch_each(all);
  for (const Probe& control : controls_) {
    if (control.launches.back().completed) good_.push_back(evidence_.logarithm(control.launches.back()));
  }
}

void Search::judge(Probe& probe, const Reference& reference, double good, double bad) {
  if (evidence_.slowness() && reference.worth <= 0) return;
  const double ratio = evidence_.of(probe.launches, reference);
  if (ratio >= bad) probe.state = Probe::State::bad;
  if (ratio <= good) {
    probe.state = Probe::State::good;
    if (evidence_.slowness()) {
      for (const IsolationOutcome& launch : probe.launches) {
        if (launch.completed) good_.push_back(evidence_.logarithm(launch));
      }
    }
  }
}

/// Against the healthy groups known. `one_of_two_is_bad`: probes come in twos, and what is known of the other
/// settles the one in doubt.
void Search::decide(std::vector<Probe>& probes, bool one_of_two_is_bad) {
  for (std::size_t i = 0; i < most_tries; ++i) {
    std::vector<Probe*> open;
    for (Probe& probe : probes) {
      if (probe.state == Probe::State::open) open.push_back(&probe);
    }
    if (open.empty()) return;
    if (i > 0) strengthen_reference();
    launch_each(open);
    const Reference reference = healthy();
    for (Probe* probe : open) judge(*probe, reference, -decided, decided);
    for (std::size_t k = 0; one_of_two_is_bad && k < probes.size(); ++k) {
      if (probes[k].state != Probe::State::open) continue;
      const Probe::State other = probes[k ^ 1].state;
      if (other == Probe::State::good) judge(probes[k], reference, -decided, 0.5);
      if (other == Probe::State::bad) judge(probes[k], reference, -1.5, decided);
    }
  }
  const Reference reference = healthy();
  for (Probe& probe : probes) {
    if (probe.state == Probe::State::open)
      probe.state = evidence_.of(probe.launches, reference) > 0 ? Probe::State::bad : Probe::State::good;
  }
}

/// Against each other: groups of one shape of which most, or the fastest, are healthy. Leaves in good_ what
/// the good ones gave.
void Search::decide_among_themselves(std::vector<Probe>& probes, std::size_t repeats) {
  std::vector<Probe*> open;
  for (Probe& probe : probes) open.push_back(&probe);
  for (std::size_t i = 0; i + 1 < repeats; ++i) launch_each(open);
  Reference reference;
  for (std::size_t i = 0; i < most_tries && !open.empty(); ++i) {
    launch_each(open);
    if (evidence_.slowness()) {
      std::vector<double> means;
      for (const Probe& probe : probes) {
        double sum = 0, count = 0;
        for (const IsolationOutcome& launch : probe.launches) {
          if (!launch.completed) continue;
          sum += evidence_.logarithm(launch);
          ++count;
        }
        if (count > 0) means.push_back(sum / count);
      }
      reference = evidence_.fast_ones(means);
      reference.worth *= static_cast<double>(repeats);
      if (repeats == 1) evidence_.learn_noise(means);
      if (settings_.reference) reference = {evidence_.logarithm({true, *settings_.reference}), 1e9};
    }
    open.clear();
    for (Probe& probe : probes) {
      probe.state = Probe::State::open;  // the reference moved
      judge(probe, reference, evidence_.slowness() ? screened_good : -decided, screened_bad);
      if (probe.state == Probe::State::open) open.push_back(&probe);
    }
  }
  good_.clear();
  for (Probe& probe : probes) {
    if (probe.state == Probe::State::open)
      probe.state = evidence_.of(probe.launches, reference) > 0 ? Probe::State::bad : Probe::State::good;
    if (probe.state == Probe::State::bad || !evidence_.slowness()) continue;
    for (const IsolationOutcome& launch : probe.launches) {
      if (launch.completed) good_.push_back(evidence_.logarithm(launch));
    }
  }
}

/// Launches each anew until it is confirmed or cleared. True when any was confirmed; the states say which.
bool Search::confirm(std::vector<Probe>& suspects) {
  step_ = "confirm";
  for (Probe& suspect : suspects) {
    suspect.launches.clear();
    suspect.state = Probe::State::open;
  }
  if (!suspects.empty()) strengthen_reference();
  const Reference reference = healthy();  // fixed: what is launched now must not move it
  for (std::size_t i = 0; i < most_tries; ++i) {
    std::vector<Probe*> open;
    for (Probe& suspect : suspects) {
      const double ratio = evidence_.of(suspect.launches, reference);
      if (suspect.state != Probe::State::open) continue;
      if (ratio <= -decided) suspect.state = Probe::State::good;
      if (ratio >= evidence_.enough()) suspect.state = Probe::State::bad;
      if (suspect.state == Probe::State::open) open.push_back(&suspect);
    }
    if (open.empty()) break;
    if (result_.launches + open.size() > result_.budget) {
      result_.budget_used_up = true;
      note("the budget of launches was used up while confirming: exclude what is named and search again");
      break;
    }
    launch_each(open);
  }
  bool any = false;
  for (Probe& suspect : suspects) {
    const bool sure = evidence_.of(suspect.launches, reference) >= evidence_.enough();
    suspect.state = sure ? Probe::State::bad : Probe::State::good;
    any = any || sure;
  }
  return any;
}

bool Search::everything_is_bad(const std::vector<Probe>& probes) {
  if (std::any_of(probes.begin(), probes.end(),
                  [](const Probe& probe) { return probe.state == Probe::State::good; }))
    return false;
  note("all of the " + std::to_string(probes.size()) +
       " groups are bad: there is nothing good to compare with, so nobody is named; look for what they share "
       "(software, file system, power, the top of the fabric)");
  return true;
}

void Search::report(IsolationFinding::Kind kind, std::vector<std::string> names, const Probe& probe,
                    const std::string& reasoning) {
  IsolationFinding finding;
  finding.kind = kind;
  finding.names = std::move(names);
  const Reference reference = healthy();
  finding.factor = evidence_.factor(probe.launches, reference);
  finding.confirmations = static_cast<int>(probe.launches.size());
  finding.log_evidence = evidence_.of(probe.launches, reference);
  finding.reasoning = reasoning;
  result_.findings.push_back(std::move(finding));
}

}  // namespace assay
