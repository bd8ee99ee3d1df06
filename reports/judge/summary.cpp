// What each case gave, whatever the targets say.
#include <algorithm>
#include <cmath>

#include "reports/judge/clauses.h"
#include "reports/judge/statistics.h"
#include "reports/record/words.h"

namespace assay {

namespace {

// A word for a shell: quoted when it holds more than letters that no shell cares about.
std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                          "_-+./:,=@%") == std::string::npos;
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

struct CheckCounts {
  std::size_t passed = 0, failed = 0, absent = 0;

  std::string text() const {
    const std::size_t all = passed + failed + absent;
    if (all == 0) return "-";
    if (failed > 0) return "fail (" + std::to_string(failed) + " of " + std::to_string(all) + ")";
    if (absent == all) return "absent";
    if (absent > 0) return "pass (absent in " + std::to_string(absent) + " of " + std::to_string(all) + ")";
    return "pass";
  }
};

FigureSummary summarise_figure(const Context& context, const CaseResults& results, std::size_t figure,
                               const std::vector<const LaunchResults*>& launches,
                               std::vector<double>& values) {
  const FigureOfMerit& fom = results.foms[figure];
  FigureSummary summary;
  summary.fom = fom.name;
  summary.unit = fom.unit;
  summary.better = fom.better;
  values.clear();
  for (const LaunchResults* launch : launches) {
    if (figure >= launch->values.size()) continue;
    const auto& given = launch->values[figure];
    for (std::size_t d = 0; d < given.size() && d < launch->states.size(); ++d) {
      const ValueState state = launch->states[d];
      if (state != ValueState::valid && state != ValueState::unchecked) continue;
      if (std::isfinite(given[d]) && given[d] > 0) values.push_back(given[d]);
    }
  }
  if (!values.empty()) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    summary.minimum = *least;
    summary.maximum = *most;
    summary.median = median_in_place(values);
  }
  // One peak speaks for a case only when its devices are of one kind.
  for (std::size_t d = 0; d < results.devices.size(); ++d) {
    if (d > 0 && results.devices[d].name == results.devices[0].name && summary.peak &&
        summary.peak->basis == PeakBasis::theoretical) {
      continue;
    }
    const auto peak = peak_of(context.input, results, figure, d);
    if (d == 0) {
      summary.peak = peak;
    } else if (!peak || !summary.peak || peak->value != summary.peak->value) {
      summary.peak.reset();
      break;
    }
  }
  if (summary.peak && summary.median && summary.peak->value > 0)
    summary.peak_share = *summary.median / summary.peak->value;
  return summary;
}

}  // namespace

std::string repeat_command(const JudgeInput& input, const CaseIdentity& identity) {
  const Geometry& geometry = identity.geometry;
  int nodes = std::max(geometry.nodes, 1);
  if (geometry.placement == Placement::each) nodes = 1;
  if (geometry.placement == Placement::pairs) nodes = 2;
  if (geometry.placement == Placement::all)
    nodes = std::max(nodes, static_cast<int>(input.data.nodes.size()));
  std::string command = "mpiexec -n " + std::to_string(nodes * std::max(geometry.ranks_per_node, 1)) + " " +
                        shell_word(input.worker) + " " + identity.benchmark;
  const auto add = [&](const std::string& name, const ParameterValue& value) {
    command += " --" + name + " " + shell_word(to_string(value));
  };
  if (const BenchmarkSpec* benchmark = input.catalogue.find(identity.benchmark)) {
    for (const ParameterSpec& spec : benchmark->parameters) {
      const auto found = identity.parameters.find(spec.name);
      if (found != identity.parameters.end()) add(spec.name, found->second);
    }
  } else {
    for (const auto& [name, value] : identity.parameters) add(name, value);
  }
  if (geometry.threads_per_rank > 0) add("threads", std::int64_t{geometry.threads_per_rank});
  return command;
}

CaseSummary summarise_case(const Context& context, const CaseIdentity& identity, const std::string& label) {
  const JudgeInput& input = context.input;
  CaseSummary summary;
  summary.label = label;
  summary.key = identity.key();
  const CaseResults* results = input.data.find(identity);
  summary.repeat_command = repeat_command(input, results != nullptr ? results->identity : identity);
  if (results == nullptr || results->launches.empty()) {
    summary.check = "-";
    summary.status = "never launched";
    return summary;
  }
  const auto launches = ordered_launches(*results, input.targets.continue_campaigns);
  summary.launches = static_cast<int>(launches.size());
  summary.devices = results->devices.size();
  CheckCounts checks;
  const LaunchResults* worst = nullptr;
  for (const LaunchResults* launch : launches) {
    if (launch->status == LaunchStatus::completed) {
      ++summary.completed;
    } else {
      worst = launch;  // the latest of them
    }
    for (const ValueState state : launch->states) {
      checks.passed += state == ValueState::valid;
      checks.failed += state == ValueState::wrong;
      checks.absent += state == ValueState::unchecked;
    }
  }
  summary.check = checks.text();
  if (const auto* disagreement = context.disagreement(*results))
    summary.check += "; " + std::to_string(disagreement->disbelieved.size()) + " with other bits";
  summary.status = "completed";
  if (worst != nullptr) {
    summary.status = std::string(word(worst->status)) + (worst->reason.empty() ? "" : ": " + worst->reason);
  } else if (launches.empty()) {
    summary.status = "never launched";
  }
  std::vector<double> values;
  for (std::size_t f = 0; f < results->foms.size(); ++f) {
    summary.figures.push_back(summarise_figure(context, *results, f, launches, values));
  }
  return summary;
}

}  // namespace assay
