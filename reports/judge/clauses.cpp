#include "reports/judge/clauses.h"

#include <algorithm>
#include <map>
#include <set>

#include "reports/base/names.h"

namespace assay {

namespace {

constexpr std::size_t most_named = 8;

std::optional<double> number_of(const ParameterValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

// 8 and 8.0 are the same number; text and truth compare as they are.
bool same(const ParameterValue& a, const ParameterValue& b) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y) return *x == *y;
  return a == b;
}

std::string named(const std::vector<std::string>& nodes) {
  const std::size_t shown = std::min(nodes.size(), most_named);
  std::string text =
      join(std::vector<std::string>(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(shown)), ", ");
  if (nodes.size() > shown) text += " and " + std::to_string(nodes.size() - shown) + " more";
  return text;
}

// "8 on 3 nodes, 7 on n004"
std::string values_text(const std::map<std::string, std::vector<std::string>>& nodes_by_value) {
  std::vector<std::string> parts;
  for (const auto& [value, nodes] : nodes_by_value) {
    parts.push_back(value + " on " +
                    (nodes.size() > 1 ? std::to_string(nodes.size()) + " nodes" : nodes.front()));
  }
  return join(parts, ", ");
}

TargetVerdict clause_verdict(const std::string& id, const std::string& title, const std::string& source,
                             Level level, PartVerdict::Kind kind) {
  TargetVerdict verdict;
  verdict.id = id;
  verdict.title = title;
  verdict.source = source;
  verdict.level = level;
  verdict.parts.emplace_back();
  verdict.parts.back().kind = kind;
  return verdict;
}

void settle(TargetVerdict& verdict, Verdict what, const std::string& reason, const std::string& code) {
  verdict.verdict = verdict.underlying = verdict.parts.back().verdict = what;
  verdict.reason = verdict.parts.back().reason = reason;
  if (!code.empty()) verdict.findings.push_back({code, reason});
}

}  // namespace

TargetVerdict judge_inventory(const Context& context, const InventoryClause& clause) {
  TargetVerdict verdict =
      clause_verdict(clause.id, clause.title, clause.source, clause.level, PartVerdict::Kind::inventory);
  PartVerdict& part = verdict.parts.back();
  part.required_text = clause.fact + " " + clause.limit_text;
  if (clause.at_least) part.target = part.limit = clause.at_least;
  if (clause.at_most && !clause.at_least) part.target = part.limit = clause.at_most;

  std::map<std::string, const NodeFacts*> known;
  for (const NodeFacts& facts : context.input.data.nodes) known[facts.node] = &facts;
  std::vector<std::string> without, wrong, right;
  std::map<std::string, std::vector<std::string>> nodes_by_value;
  for (const std::string& node : context.nodes) {
    const auto facts = known.find(node);
    if (facts == known.end() || facts->second->facts.count(clause.fact) == 0) {
      without.push_back(node);
      continue;
    }
    const ParameterValue& value = facts->second->facts.at(clause.fact);
    const auto number = number_of(value);
    if ((clause.at_least || clause.at_most) && !number) {
      without.push_back(node);  // a text where a number was promised says nothing
      nodes_by_value["'" + to_string(value) + "'"].push_back(node);
      continue;
    }
    const double limit = clause.at_least.value_or(clause.at_most.value_or(0));
    nodes_by_value[clause.in_bytes ? format_distinct(*number, limit, "B") : to_string(value)].push_back(node);
    const bool meets = (!clause.equals || same(value, *clause.equals)) &&
                       (!clause.at_least || *number >= *clause.at_least) &&
                       (!clause.at_most || *number <= *clause.at_most);
    (meets ? right : wrong).push_back(node);
  }
  part.measured_text = nodes_by_value.empty() ? "unknown" : values_text(nodes_by_value);
  part.met = static_cast<int>(right.size());
  part.missed = static_cast<int>(wrong.size());
  part.without_value = static_cast<int>(without.size());

  if (context.nodes.empty()) {
    settle(verdict, Verdict::missing, "no node's facts are known", "ASY-3007");
  } else if (!wrong.empty()) {
    settle(verdict, Verdict::fail,
           clause.fact + " is " + part.measured_text + "; promised " + clause.limit_text + ", differing on " +
               named(wrong),
           "ASY-3008");
  } else if (!without.empty()) {
    settle(verdict, Verdict::missing, clause.fact + " is unknown on " + named(without), "ASY-3007");
  } else {
    settle(verdict, Verdict::pass, clause.fact + " is " + part.measured_text, "");
  }
  return verdict;
}

TargetVerdict judge_document(const Context& context, const DocumentClause& clause) {
  TargetVerdict verdict =
      clause_verdict(clause.id, clause.title, clause.source, clause.level, PartVerdict::Kind::document);
  PartVerdict& part = verdict.parts.back();
  part.required_text = "confirmed by name and date" + (clause.file.empty() ? "" : ", file " + clause.file);
  if (clause.by.empty() || clause.date.empty()) {
    part.measured_text = "not confirmed";
    settle(verdict, Verdict::missing,
           std::string("not confirmed: ") + (clause.by.empty() ? "nobody is named" : "no date is given"),
           "ASY-5001");
    return verdict;
  }
  part.measured_text = "confirmed by " + clause.by + " on " + clause.date;
  if (!clause.file.empty()) {
    const auto found = context.input.document_hashes.find(clause.id);
    if (found == context.input.document_hashes.end() || found->second.empty()) {
      settle(verdict, Verdict::missing, "the file " + clause.file + " is not there", "ASY-5002");
      return verdict;
    }
    if (clause.sha256.empty()) {
      settle(
          verdict, Verdict::missing,
          "no hash says which version of " + clause.file + " was confirmed (this one: " + found->second + ")",
          "ASY-5001");
      return verdict;
    }
    if (found->second != clause.sha256) {
      settle(verdict, Verdict::invalid,
             clause.file + " is another file than the one confirmed: SHA-256 " + found->second +
                 ", confirmed " + clause.sha256,
             "ASY-5003");
      return verdict;
    }
  }
  settle(verdict, Verdict::pass, part.measured_text, "");
  return verdict;
}

ClauseCoverage coverage_of(const Context& context, const Target& target, const TargetVerdict& judged) {
  const JudgeInput& input = context.input;
  ClauseCoverage coverage;
  coverage.id = target.id;
  coverage.title = target.title;
  std::set<std::string> nodes;
  std::size_t nodes_in_group = 0, tested = 0, planned = 0, never_seen = 0;
  std::vector<std::string> untested;
  for (const std::size_t index : matching_cases(target, input.plan)) {
    const PlannedCase& one = input.plan.cases[index];
    coverage.cases.push_back(one.label);
    ++planned;
    const CaseResults* results = input.data.find(one.identity);
    const auto figure = results == nullptr ? std::nullopt : find_figure(*results, target.fom);
    bool any = false;
    if (figure) {
      for (const LaunchResults& launch : results->launches) {
        if (*figure >= launch.values.size()) continue;
        for (std::size_t d = 0; d < launch.states.size(); ++d) {
          const bool counts = launch.states[d] == ValueState::valid ||
                              (launch.states[d] == ValueState::unchecked && !target.check_required);
          if (!counts) continue;
          any = true;
          nodes.insert(results->devices[d].node);
        }
      }
      if (any) {
        const Expected expected = expected_devices(context, *results);
        never_seen += expected.never_seen.size();
        if (expected.one_group) {
          nodes_in_group =
              std::max(nodes_in_group, static_cast<std::size_t>(results->identity.geometry.nodes));
        }
      }
    }
    if (any) {
      ++tested;
    } else {
      untested.push_back(one.label);
    }
  }
  const std::size_t covered = std::max(nodes.size(), nodes_in_group), all = context.nodes.size();
  std::vector<std::string> notes;
  if (planned == 0) notes.push_back("no case of the plan tests it");
  if (!untested.empty()) notes.push_back("no valid value from " + named(untested));
  if (tested > 0 && covered < all) {
    notes.push_back("measured on " + std::to_string(covered) + " of " + std::to_string(all) + " nodes");
  }
  if (never_seen > 0) notes.push_back(std::to_string(never_seen) + " expected devices gave no value");
  for (const PartVerdict& part : judged.parts) {
    if (part.devices_conceded == 0) continue;
    notes.push_back(std::to_string(part.devices_conceded) + " devices conceded");
    break;
  }
  coverage.note = join(notes, "; ");
  coverage.coverage = tested == 0 ? Coverage::none : notes.empty() ? Coverage::full : Coverage::part;
  return coverage;
}

}  // namespace assay
