#include "reports/judge/judge.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "reports/base/names.h"
#include "reports/judge/clauses.h"
#include "reports/judge/fabric.h"
#include "reports/judge/part.h"

namespace assay {

namespace {

// Worse is larger. A waived clause stands beside the order: it neither passes nor fails.
int badness(Verdict verdict) {
  switch (verdict) {
    case Verdict::waived:
      return 0;
    case Verdict::pass:
      return 1;
    case Verdict::inconclusive:
      return 2;
    case Verdict::missing:
      return 3;
    case Verdict::fail:
      return 4;
    case Verdict::invalid:
      return 5;
  }
  return 5;
}

// The parts of one target share their evidence: what is found twice is told once.
void drop_repeated(std::vector<Finding>& findings) {
  std::set<std::pair<std::string, std::string>> told;
  std::erase_if(findings, [&](const Finding& finding) {
    return !told.insert({finding.code, finding.text}).second;
  });
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return finding_kind(a.code).severity > finding_kind(b.code).severity;
  });
}

// A target on links says which node or cable it was.
void name_slow_links(const JudgeInput& input, const PlannedCase& planned, TargetVerdict& verdict) {
  const CaseResults* results = input.data.find(planned.identity);
  if (planned.identity.benchmark != links_benchmark || results == nullptr) return;
  FabricBlame blame = blame_links(input.data, *results, input.catalogue, input.targets.continue_campaigns);
  for (Finding& finding : blame.findings) verdict.findings.push_back(std::move(finding));
  if (blame.first.empty()) return;
  for (PartVerdict& part : verdict.parts) {
    const bool of_this_case = part.case_key == planned.identity.key();
    if (of_this_case && part.verdict == Verdict::fail) part.reason += "; " + blame.first;
  }
}

TargetVerdict judge_target(Context& context, const Target& target) {
  const JudgeInput& input = context.input;
  TargetVerdict verdict;
  verdict.id = target.id;
  verdict.title = target.title;
  verdict.source = target.source;
  verdict.level = target.level;
  verdict.weight = target.weight;
  verdict.fom = target.benchmark + "." + target.fom;
  verdict.across_text = across_text(target);
  verdict.where_text = where_text(target, input.catalogue.find(target.benchmark));
  for (const std::size_t index : matching_cases(target, input.plan)) {
    const PlannedCase& planned = input.plan.cases[index];
    for (const auto& [kind, limit] : limits_of(target)) {
      verdict.parts.push_back(judge_part(context, target, kind, limit, planned, verdict.findings));
      const CaseResults* results = input.data.find(planned.identity);
      verdict.parts.back().repeat_command =
          repeat_command(input, results != nullptr ? results->identity : planned.identity);
    }
    name_slow_links(input, planned, verdict);
  }
  if (verdict.parts.empty()) {
    verdict.reason = "no case of the plan is about " + verdict.fom +
                     (verdict.where_text.empty() ? "" : " with " + verdict.where_text);
    verdict.findings.push_back({"ASY-5006", verdict.reason});
  } else {
    const auto worst = std::max_element(
        verdict.parts.begin(), verdict.parts.end(),
        [](const PartVerdict& a, const PartVerdict& b) { return badness(a.verdict) < badness(b.verdict); });
    verdict.verdict = worst->verdict;
    verdict.reason = worst->reason;
    if (verdict.parts.size() > 1) {
      const auto alike =
          std::count_if(verdict.parts.begin(), verdict.parts.end(),
                        [&](const PartVerdict& part) { return part.verdict == worst->verdict; });
      if (worst->verdict == Verdict::pass) {
        verdict.reason = "all " + std::to_string(verdict.parts.size()) + " limits are met; " +
                         worst->case_label + ": " + worst->reason;
      } else {
        verdict.reason = worst->case_label + ": " + worst->reason;
        if (alike > 1) verdict.reason += " (and " + std::to_string(alike - 1) + " more of its limits)";
      }
    }
  }
  verdict.underlying = verdict.verdict;
  drop_repeated(verdict.findings);
  return verdict;
}

void apply_waivers(const Targets& targets, std::vector<TargetVerdict>& verdicts) {
  for (const Waiver& waiver : targets.waivers) {
    for (TargetVerdict& verdict : verdicts) {
      if (verdict.id != waiver.target) continue;
      verdict.waiver = waiver;
      verdict.verdict = Verdict::waived;
      verdict.findings.push_back({"ASY-2007", verdict.id + " was waived by " + waiver.name + " (" +
                                                  waiver.authority + ") on " + waiver.date + ": " +
                                                  waiver.reason + ", amendment " + waiver.amendment +
                                                  "; without it: " + to_string(verdict.underlying)});
    }
  }
}

std::string clauses_text(int count, int of) {
  return std::to_string(count) + " of " + std::to_string(of) + " mandatory clause" + (of == 1 ? "" : "s");
}

// Overall verdict, headline and exit status, of the mandatory clauses alone.
void conclude(Judgement& judgement) {
  std::map<Verdict, int> mandatory;
  int all = 0;
  Verdict worst = Verdict::waived;
  for (const TargetVerdict& verdict : judgement.targets) {
    ++judgement.counts[verdict.verdict];
    if (verdict.level != Level::mandatory) continue;
    ++all;
    ++mandatory[verdict.verdict];
    if (badness(verdict.verdict) > badness(worst)) worst = verdict.verdict;
  }
  const int waived = mandatory[Verdict::waived];
  const std::string waivers = std::to_string(waived) + (waived == 1 ? " waiver" : " waivers");
  judgement.overall = worst;
  judgement.exit_status = ExitStatus::undecided;
  if (all == 0) {
    judgement.overall = Verdict::missing;
    judgement.headline = "Undecided: the targets file has no mandatory clause";
    judgement.findings.push_back({"ASY-2013", "no clause is mandatory: nothing had to be proved"});
    return;
  }
  switch (worst) {
    case Verdict::waived:
      judgement.headline = "Undecided: every mandatory clause is waived (" + waivers + ")";
      judgement.findings.push_back(
          {"ASY-2013", "all " + std::to_string(all) + " mandatory clauses are waived"});
      break;
    case Verdict::pass:
      judgement.exit_status = ExitStatus::pass;
      judgement.headline =
          waived > 0 ? "Passes with " + waivers + ": " + clauses_text(mandatory[Verdict::pass], all) + " met"
                     : "Passes: " + clauses_text(all, all) + " met";
      break;
    case Verdict::fail:
      judgement.exit_status = ExitStatus::fail;
      judgement.headline = "Fails: " + clauses_text(mandatory[Verdict::fail], all);
      break;
    case Verdict::invalid:
      judgement.exit_status = ExitStatus::fail;
      judgement.headline = "Invalid: " + clauses_text(mandatory[Verdict::invalid], all);
      if (mandatory[Verdict::fail] > 0)
        judgement.headline += "; " + std::to_string(mandatory[Verdict::fail]) + " failed";
      break;
    case Verdict::missing:
    case Verdict::inconclusive: {
      std::vector<std::string> parts;
      if (mandatory[Verdict::missing] > 0)
        parts.push_back(std::to_string(mandatory[Verdict::missing]) + " missing");
      if (mandatory[Verdict::inconclusive] > 0) {
        parts.push_back(std::to_string(mandatory[Verdict::inconclusive]) + " inconclusive");
      }
      judgement.headline =
          "Undecided: " + clauses_text(mandatory[Verdict::missing] + mandatory[Verdict::inconclusive], all) +
          " (" + join(parts, ", ") + ")";
      break;
    }
  }
  const bool undecided_too = (worst == Verdict::fail || worst == Verdict::invalid) &&
                             mandatory[Verdict::missing] + mandatory[Verdict::inconclusive] > 0;
  if (undecided_too) {
    judgement.headline +=
        "; " + std::to_string(mandatory[Verdict::missing] + mandatory[Verdict::inconclusive]) + " undecided";
  }
  if (waived > 0 && worst != Verdict::pass && worst != Verdict::waived) judgement.headline += "; " + waivers;
}

std::string decision_text(const Targets& targets) {
  std::string text;
  switch (targets.decision) {
    case DecisionRule::simple:
      text = "simple acceptance (the doubt is shared)";
      break;
    case DecisionRule::guarded_acceptance:
      text = "guarded acceptance (the supplier proves)";
      break;
    case DecisionRule::guarded_rejection:
      text = "guarded rejection (the purchaser proves)";
      break;
  }
  if (targets.systematic > 0) text += ", instrument uncertainty " + format_share(targets.systematic, 1);
  return text;
}

std::string stop_text(const Plan& plan, const Targets& targets) {
  const std::string max =
      std::to_string(plan.max_launches) + (plan.max_launches == 1 ? " launch" : " launches");
  if (plan.stop == StopRule::fixed) return "exactly " + max + ", judged once";
  std::string text = "until decided, at most " + max;
  if (targets.inconclusive == OnInconclusive::extend) {
    text += ", extended by " + std::to_string(targets.extend_launches);
  }
  return text;
}

void find_about_campaign(const JudgeInput& input, Judgement& judgement) {
  if (input.plan.cases.empty()) judgement.findings.push_back({"ASY-4011", "the plan has no case"});
  if (input.data.cases().empty())
    judgement.findings.push_back({"ASY-4011", "the campaign has no evidence of any case"});
  bool earlier = false;
  for (const CaseResults& results : input.data.cases()) {
    if (input.plan.find(results.identity) == nullptr) {
      judgement.findings.push_back({"ASY-5004", results.identity.key()});
    }
    for (const LaunchResults& launch : results.launches) earlier = earlier || launch.campaign < 0;
  }
  if (earlier && input.targets.continue_campaigns) {
    judgement.findings.push_back(
        {"ASY-2012", "launches of earlier campaigns under this targets file count first"});
  }
  if (!input.targets.continue_campaigns) {
    judgement.findings.push_back(
        {"ASY-2014", "earlier and later campaigns under this targets file are not part of it"});
  }
  for (const auto& [node, reason] : input.data.conceded_nodes()) {
    judgement.findings.push_back({"ASY-4012", node + (reason.empty() ? "" : ": " + reason)});
  }
  for (const std::string& note : input.data.notes) judgement.findings.push_back({"ASY-4006", note});
}

// What fingerprints say, of cases that no target told it of; and which of them could not be compared.
void find_in_fingerprints(const Context& context, Judgement& judgement) {
  for (const auto& [results, comparison] : context.fingerprints) {
    const PlannedCase* planned = context.input.plan.find(results->identity);
    const BenchmarkSpec* benchmark = context.input.catalogue.find(results->identity.benchmark);
    const std::string label =
        (planned != nullptr ? planned->label : case_label(benchmark, results->identity)) + ": ";
    const bool told =
        std::any_of(judgement.targets.begin(), judgement.targets.end(), [&](const auto& target) {
          return std::any_of(target.findings.begin(), target.findings.end(), [&](const Finding& finding) {
            return finding.code == "ASY-1016" && finding.text.starts_with(label);
          });
        });
    const std::size_t kept = told ? 0 : std::min<std::size_t>(comparison.sentences.size(), 4);
    for (std::size_t i = 0; i < kept; ++i) {
      const std::size_t more = i + 1 == kept ? comparison.sentences.size() - kept : 0;
      judgement.findings.push_back(
          {"ASY-1016", label + comparison.sentences[i] +
                           (more > 0 ? " (and " + std::to_string(more) + " more)" : std::string())});
    }
    for (const std::string& note : comparison.notes) judgement.findings.push_back({"ASY-1017", label + note});
  }
}

}  // namespace

Judgement judge(const JudgeInput& input) {
  Context context(input);
  Judgement judgement;
  judgement.plan_name = input.plan.name;
  judgement.plan_sha256 = input.plan.sha256;
  judgement.targets_name = input.targets.name;
  judgement.targets_sha256 = input.targets.sha256;
  judgement.assay_version = ASSAY_VERSION;
  judgement.confidence = input.targets.confidence;
  judgement.decision_text = decision_text(input.targets);
  judgement.stop_text = stop_text(input.plan, input.targets);

  for (const Target& target : input.targets.targets) {
    judgement.targets.push_back(judge_target(context, target));
    judgement.coverage.push_back(coverage_of(context, target, judgement.targets.back()));
  }
  for (const InventoryClause& clause : input.targets.inventory) {
    judgement.targets.push_back(judge_inventory(context, clause));
    const PartVerdict& part = judgement.targets.back().parts.back();
    ClauseCoverage coverage{clause.id, clause.title, Coverage::full, {}, ""};
    if (part.met + part.missed == 0) {
      coverage.coverage = Coverage::none;
      coverage.note = "the fact is known on no node";
    } else if (part.without_value > 0) {
      coverage.coverage = Coverage::part;
      coverage.note = "the fact is unknown on " + std::to_string(part.without_value) + " of " +
                      std::to_string(context.nodes.size()) + " nodes";
    }
    judgement.coverage.push_back(coverage);
  }
  for (const DocumentClause& clause : input.targets.documents) {
    judgement.targets.push_back(judge_document(context, clause));
    const bool confirmed = judgement.targets.back().verdict == Verdict::pass;
    judgement.coverage.push_back({clause.id,
                                  clause.title,
                                  confirmed ? Coverage::full : Coverage::none,
                                  {},
                                  confirmed ? "a person confirms it, no case" : "not confirmed"});
  }
  apply_waivers(input.targets, judgement.targets);
  for (const PlannedCase& planned : input.plan.cases) {
    judgement.cases.push_back(summarise_case(context, planned.identity, planned.label));
  }
  for (const CaseResults& results : input.data.cases()) {
    if (input.plan.find(results.identity) != nullptr) continue;
    judgement.cases.push_back(
        summarise_case(context, results.identity,
                       case_label(input.catalogue.find(results.identity.benchmark), results.identity)));
  }
  find_about_campaign(input, judgement);
  find_in_fingerprints(context, judgement);
  conclude(judgement);
  return judgement;
}

std::vector<bool> settled(const JudgeInput& input) {
  Context context(input);
  const std::size_t cases = input.plan.cases.size();
  std::vector<bool> needed(cases, false);  // by a target that is not decided
  std::vector<int> attempts(cases, 0);     // of this campaign
  for (std::size_t i = 0; i < cases; ++i) {
    if (const CaseResults* results = input.data.find(input.plan.cases[i].identity)) {
      attempts[i] = static_cast<int>(ordered_launches(*results, false).size());
    }
  }
  const int allowed = launches_allowed(input.plan, input.targets);
  for (const Target& target : input.targets.targets) {
    for (const std::size_t index : matching_cases(target, input.plan)) {
      for (const auto& [kind, limit] : limits_of(target)) {
        std::optional<std::size_t> partner;
        if (limit != nullptr && limit->kind == LimitKind::of_figure) {
          partner = reference_case(target, *limit, input.plan.cases[index].identity, input.plan);
        }
        // Nothing to find out for cases that will be launched anyway, or no more.
        const auto open = [&](std::size_t i) {
          return !needed[i] && attempts[i] > 0 && attempts[i] < allowed;
        };
        if (!open(index) && !(partner && open(*partner))) continue;
        if (part_is_closed(context, target, kind, limit, input.plan.cases[index])) continue;
        needed[index] = true;
        if (partner) needed[*partner] = true;  // a ratio needs both in one start
      }
    }
  }
  std::vector<bool> result(cases, false);
  for (std::size_t i = 0; i < cases; ++i) {
    // Every campaign launches each case once, even when earlier campaigns decided it: it shows its own
    // evidence.
    result[i] = attempts[i] >= allowed || (attempts[i] > 0 && !needed[i]);
  }
  return result;
}

}  // namespace assay
