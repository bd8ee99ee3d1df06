#include "runners/isolate/isolation.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "runners/isolate/domains.h"
#include "runners/isolate/search.h"

namespace assay {

namespace {

/// What stops a search that is run again: an outcome is missing, or launches are.
struct Wanted {
  IsolationRound round;
};
struct UsedUp {
  std::string step;
};

void check(const std::vector<std::string>& nodes, const IsolationSettings& settings) {
  if (nodes.size() < 2)
    throw bad_input("a search needs at least two nodes (one has nothing to be compared with)", "name more");
  std::set<std::string> seen;
  for (const std::string& node : nodes) {
    if (!seen.insert(node).second)
      throw bad_input("node '" + node + "' is named twice (it would be compared with itself)",
                      "name it once");
  }
  const auto within = [](double value, double low, double high) { return value >= low && value <= high; };
  if (!within(settings.noise, 1e-4, 0.5))
    throw bad_input("the noise must be from 0.0001 to 0.5",
                    "give the spread from launch to launch, such as 0.03");
  if (!within(settings.noticeable, settings.noise, 10))
    throw bad_input("the slowness to be found must be from the noise to 10 (less drowns in it)",
                    "give such as 0.15");
  if (!within(settings.false_accusation, 1e-12, 0.5))
    throw bad_input("the chance of a false accusation must be from 1e-12 to 0.5", "give such as 0.001");
  if (settings.reference && !(*settings.reference > 0 && std::isfinite(*settings.reference)))
    throw bad_input("the reference must be a positive number", "give the value of a good group, or none");
}

std::string plural(std::size_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : word.ends_with("ch") ? "es" : "s");
}

std::string percent(double share) {
  std::ostringstream out;
  out.precision(3);
  out << 100 * share << " %";
  return out.str();
}

std::string shortened(const std::vector<std::string>& names) {
  if (names.size() <= 8) return join(names, ", ");
  return join({names.begin(), names.begin() + 4}, ", ") + " ... " + names.back() + " (" +
         plural(names.size(), "node") + ")";
}

}  // namespace

struct Isolation::Setup {
  std::vector<std::string> nodes;
  IsolationSettings settings;
  std::vector<Domain> domains;
  Budget budget;
};

Isolation::Isolation(std::vector<std::string> nodes, std::optional<Topology> topology,
                     IsolationSettings settings)
    : setup_(std::make_unique<Setup>()) {
  check(nodes, settings);
  setup_->domains = make_domains(nodes, topology);
  setup_->budget = make_budget(setup_->domains, settings);
  setup_->nodes = std::move(nodes);
  setup_->settings = settings;
  result_.budget = budget();
}

Isolation::~Isolation() = default;

std::optional<IsolationRound> Isolation::next() {
  if (rounds_.size() > outcomes_.size()) return rounds_.back();
  IsolationResult result;
  result.budget = budget();
  std::size_t asked = 0;
  const auto launch = [&](const IsolationRound& round, const std::string& step) {
    if (result.launches + round.size() > result.budget) throw UsedUp{step};
    if (asked == outcomes_.size()) throw Wanted{round};
    result.launches += round.size();
    result.rounds += 1;
    result.launches_by_step[step] += round.size();
    return outcomes_[asked++];
  };
  Search search(setup_->nodes, setup_->domains, setup_->settings, launch, result);
  try {
    search.run();
  } catch (const Wanted& wanted) {
    result_ = std::move(result);
    rounds_.push_back(wanted.round);
    return wanted.round;
  } catch (const UsedUp& end) {
    result.budget_used_up = true;
    result.notes.push_back(
        "the budget of launches was used up at the step '" + end.step +
        "': more is bad, or the noise is greater, than it was made for; exclude what is named "
        "and search again");
  }
  result_ = std::move(result);
  return std::nullopt;
}

void Isolation::tell(const std::vector<IsolationOutcome>& outcomes) {
  if (rounds_.size() == outcomes_.size())
    throw bad_input("no round is waiting for outcomes", "ask for the next one first");
  if (outcomes.size() != rounds_.back().size())
    throw bad_input("the round has " + plural(rounds_.back().size(), "group") + " and got " +
                        plural(outcomes.size(), "outcome"),
                    "tell one for each group, in order");
  for (const IsolationOutcome& outcome : outcomes) {
    if (setup_->settings.trouble == Trouble::slow && outcome.completed &&
        !(outcome.value > 0 && std::isfinite(outcome.value)))
      throw bad_input("the value of a completed launch is not a positive number", "tell it as not completed");
  }
  outcomes_.push_back(outcomes);
}

std::size_t Isolation::budget() const {
  return setup_->budget.total();
}

std::string Isolation::describe_budget() const {
  const Budget& budget = setup_->budget;
  const std::vector<Domain>& domains = setup_->domains;
  const bool pairs = domains.front().nodes.size() == 1;
  const auto switches = static_cast<std::size_t>(
      std::count_if(domains.begin(), domains.end(), [](const Domain& domain) { return domain.is_switch; }));
  std::ostringstream out;
  out << plural(setup_->nodes.size(), "node") << ": at most " << plural(budget.total(), "launch")
      << " (each group of nodes that is started counts, also those side by side)\n";
  if (pairs) {
    out << "  " << budget.screen << " of all pairs\n";
  } else {
    out << "  " << budget.screen << " to screen " << plural(domains.size(), "domain") << " ("
        << (switches > 0 ? plural(switches, "leaf switch") : "nodes in order, no switches known") << ")\n";
  }
  out << "  " << budget.doubt << " again where one does not decide\n";
  out << "  " << budget.inside << " to find and confirm two bad nodes" << (pairs ? "" : " or a switch");
  if (!pairs) out << ", or " << budget.across << " to find and confirm a bad trunk between two domains";
  out << "\n";
  if (setup_->settings.trouble == Trouble::slow)
    out << "  made for slowness of " << percent(setup_->settings.noticeable) << " or more at a noise of "
        << percent(setup_->settings.noise) << "\n";
  return out.str();
}

std::string describe(const IsolationResult& result) {
  std::ostringstream out;
  for (const IsolationFinding& finding : result.findings) {
    const std::string names = shortened(finding.names);
    switch (finding.kind) {
      case IsolationFinding::Kind::node:
        out << "node " << names;
        break;
      case IsolationFinding::Kind::leaf_switch:
        out << "switch " << names;
        break;
      case IsolationFinding::Kind::trunk:
        out << "trunk between " << names;
        break;
      case IsolationFinding::Kind::group:
        out << "what these nodes share: " << names;
        break;
      case IsolationFinding::Kind::links:
        out << "a pair among " << names
            << ": not by this search; run fabric/links with pattern=pairs on them";
        break;
      case IsolationFinding::Kind::not_confirmed:
        out << "not confirmed: " << names;
        break;
    }
    out << ": " << finding.reasoning << " ("
        << plural(static_cast<std::size_t>(finding.confirmations), "launch") << " to confirm";
    if (finding.factor != 1) {
      out.precision(3);
      out << ", time " << finding.factor << " of the healthy";
    }
    out << ")\n";
  }
  if (result.findings.empty()) out << "nothing found\n";
  for (const std::string& note : result.notes) out << "note: " << note << "\n";
  out << "search by groups: " << plural(result.launches, "launch") << " of at most " << result.budget
      << " in " << plural(result.rounds, "round");
  for (const auto& [step, count] : result.launches_by_step) out << ", " << step << " " << count;
  out << "\nsingle links between arbitrary nodes are not seen by it: that is the other search, the rounds of "
         "fabric/links\n";
  return out.str();
}

}  // namespace assay
