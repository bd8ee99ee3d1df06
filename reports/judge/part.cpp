#include "reports/judge/part.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace assay {

namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();
constexpr double noticeable_steal = 0.02;  // of the node's CPU time
constexpr double telling_p_value = 0.01;   // of a trend or of clustering: a warning, not a verdict

// Units of one dimension and scale: operations of integers ("OP/s") are judged like FLOP/s.
bool comparable(const std::string& recorded, const std::string& promised) {
  try {
    const Unit a = parse_unit(recorded), b = parse_unit(promised);
    return a.dimension == b.dimension && a.scale == b.scale;
  } catch (const Error&) {
    return false;  // a unit that this version does not know is another figure
  }
}

// One value a launch for all devices. A device without a value leaves the launch without one.
Grid aggregate(const Prepared& prepared, const Target& target) {
  const Grid& devices = prepared.observed.grid;
  const auto& denominators = prepared.observed.denominators;
  const bool spread = prepared.kind == PartVerdict::Kind::spread_at_most;
  Grid grid;
  grid.launches = devices.launches;
  grid.devices = 1;
  grid.values.assign(grid.launches, no_value);
  grid.cells.assign(grid.launches, Cell::absent);
  grid.conceded.assign(1, 0);
  std::vector<double> values;
  for (std::size_t l = 0; l < devices.launches; ++l) {
    values.clear();
    double numerator = 0, denominator = 0, common = no_value;
    Cell lack = Cell::value;
    for (std::size_t d = 0; d < devices.devices && lack == Cell::value; ++d) {
      const std::size_t at = devices.at(l, d);
      if (devices.cells[at] == Cell::away) continue;
      if (devices.cells[at] != Cell::value) {
        lack = devices.cells[at];
        break;
      }
      values.push_back(devices.values[at]);
      numerator += devices.values[at];
      if (!denominators.empty()) {
        denominator += denominators[at];
        common = denominators[at];
      }
    }
    if (lack == Cell::value && values.size() < (spread ? 2U : 1U)) lack = Cell::absent;
    grid.cells[l] = lack;
    if (lack != Cell::value) continue;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const double mean = numerator / static_cast<double>(values.size());
    double& value = grid.values[l];
    if (spread) {
      value = (*most - *least) / mean;
      continue;
    }
    switch (target.across) {
      case Across::worst:
      case Across::each_device:
      case Across::share_of_devices:
        value = prepared.kind == PartVerdict::Kind::at_least ? *least : *most;
        break;
      case Across::median:
        value = median_in_place(values);
        break;
      case Across::mean:
        value = mean;
        break;
      case Across::sum:
        value = numerator;
        if (!denominators.empty()) value /= prepared.observed.common_denominator ? common : denominator;
        break;
    }
  }
  return grid;
}

std::vector<double> valid_values(const Grid& grid, std::size_t device, std::size_t launches) {
  std::vector<double> values;
  for (std::size_t l = 0; l < launches; ++l) {
    if (grid.cells[grid.at(l, device)] == Cell::value) values.push_back(grid.values[grid.at(l, device)]);
  }
  return values;
}

// What to look at for a trend: one number a launch, the median over the devices.
std::vector<double> launch_medians(const Grid& grid) {
  std::vector<double> series, values;
  for (std::size_t l = 0; l < grid.launches; ++l) {
    values.clear();
    for (std::size_t d = 0; d < grid.devices; ++d) {
      if (grid.cells[grid.at(l, d)] == Cell::value) values.push_back(grid.values[grid.at(l, d)]);
    }
    if (!values.empty()) series.push_back(median_in_place(values));
  }
  return series;
}

std::string count_text(std::size_t count, std::size_t of, const char* what) {
  return std::to_string(count) + " of " + std::to_string(of) + " " + what;
}

void warn_about_conditions(const Prepared& prepared, const std::string& label,
                           std::vector<Finding>& findings) {
  const auto& launches = prepared.observed.launches;
  const std::size_t all = launches.size();
  std::size_t throttled = 0, stolen = 0, loose = 0;
  double worst_steal = 0;
  for (const LaunchResults* launch : launches) {
    throttled += launch->throttled;
    stolen += launch->worst_steal_fraction > noticeable_steal;
    worst_steal = std::max(worst_steal, launch->worst_steal_fraction);
    loose += launch->status == LaunchStatus::completed && !launch->all_converged;
  }
  if (throttled > 0) {
    findings.push_back(
        {"ASY-3001", label + ": a device was throttled in " + count_text(throttled, all, "launches")});
  }
  if (stolen > 0) {
    findings.push_back({"ASY-3002", label + ": in " + count_text(stolen, all, "launches") +
                                        " a hypervisor took more than " + format_share(noticeable_steal, 0) +
                                        " of the CPU time (at most " + format_share(worst_steal, 1) + ")"});
  }
  if (loose > 0) {
    findings.push_back({"ASY-1013", label + ": in " + count_text(loose, all, "launches") +
                                        " the median's interval was still wide when time was up"});
  }
  const std::vector<double> series = launch_medians(prepared.grid);
  if (const double p = trend_p_value(series); p < telling_p_value) {
    findings.push_back(
        {"ASY-2003", label + ": the values " + (series.back() > series.front() ? "rise" : "fall") + " from " +
                         number_text(series.front(), series.back(), prepared.unit, prepared.as_share) +
                         " to " +
                         number_text(series.back(), series.front(), prepared.unit, prepared.as_share) +
                         " over the launches (Mann-Kendall test, p = " + format_value(p, "1", 2) + ")"});
  } else if (const double q = clustering_p_value(series); q < telling_p_value) {
    findings.push_back(
        {"ASY-2004", label +
                         ": neighbouring launches resemble each other (von Neumann's ratio of ranks, p = " +
                         format_value(q, "1", 2) + ")"});
  }
}

// Why a case without any usable record has none.
std::string absent_text(const CaseResults* results, const Target& target) {
  if (results == nullptr || results->launches.empty()) return "the case was never launched";
  for (auto launch = results->launches.rbegin(); launch != results->launches.rend(); ++launch) {
    if (launch->status == LaunchStatus::completed) continue;
    const char* status = launch->status == LaunchStatus::unsupported ? "unsupported"
                         : launch->status == LaunchStatus::timeout   ? "timeout"
                         : launch->status == LaunchStatus::failed    ? "failed"
                                                                     : "not run";
    return "no launch gave a value (" + std::string(status) +
           (launch->reason.empty() ? "" : ": " + launch->reason) + ")";
  }
  return "its records have no figure '" + target.fom + "'";
}

void add_points(const Prepared& prepared, std::optional<std::size_t> subject, PartVerdict& part) {
  const Grid& grid = prepared.grid;
  part.launches.reserve(grid.launches);
  for (std::size_t l = 0; l < grid.launches; ++l) {
    LaunchPoint point;
    point.campaign = prepared.observed.launches[l]->campaign;
    point.start = prepared.observed.launches[l]->start;
    const std::size_t device = subject.value_or(0);
    const std::size_t at = grid.at(l, device);
    if (grid.cells[at] == Cell::value) {
      point.value = grid.values[at];
      point.meets = prepared.bounds.meets(grid.values[at]);
    } else if (prepared.fleet) {
      point.trouble = prepared.observed.trouble(l, device);
    } else {
      std::size_t lacking = 0;
      for (std::size_t d = 0; d < prepared.observed.grid.devices; ++d) {
        const Cell cell = prepared.observed.grid.cells[prepared.observed.grid.at(l, d)];
        if (cell == Cell::value || cell == Cell::away) continue;
        if (lacking++ == 0) point.trouble = prepared.observed.trouble(l, d);
      }
      if (lacking > 1) point.trouble += " (and " + std::to_string(lacking - 1) + " more devices)";
    }
    part.launches.push_back(std::move(point));
  }
}

void add_decision_findings(const Prepared& prepared, const Decision& decision, const PartVerdict& part,
                           const Context& context, std::vector<Finding>& findings) {
  const Plan& plan = context.input.plan;
  const std::string& label = part.case_label;
  if (part.verdict == Verdict::fail) findings.push_back({"ASY-2001", label + ": " + part.reason});
  if (part.verdict == Verdict::inconclusive) findings.push_back({"ASY-2002", label + ": " + part.reason});
  if (plan.stop == StopRule::fixed) {
    const auto wanted = static_cast<std::size_t>(plan.max_launches);
    if (prepared.grid.launches < wanted) {
      findings.push_back(
          {"ASY-2009", label + ": " + count_text(prepared.grid.launches, wanted, "launches were made")});
    } else if (prepared.grid.launches > wanted) {
      findings.push_back({"ASY-2010", label + ": the first " + std::to_string(wanted) + " of " +
                                          std::to_string(prepared.grid.launches) + " launches are judged"});
    }
    if (context.input.targets.inconclusive == OnInconclusive::extend &&
        part.verdict == Verdict::inconclusive) {
      findings.push_back(
          {"ASY-2011", label + ": a fixed test judges once, after " + std::to_string(wanted) + " launches"});
    }
  }
  if (decision.decided_at > 0 && part.measured) {
    const bool contradicts = part.verdict == Verdict::pass ? prepared.bounds.misses(*part.measured)
                                                           : prepared.bounds.meets(*part.measured);
    if (contradicts && !(prepared.fleet && part.verdict == Verdict::fail)) {
      findings.push_back(
          {"ASY-2008",
           label + ": decided after " + std::to_string(decision.decided_at) +
               " launches, but the median of all " + std::to_string(decision.judged_launches) + " is " +
               number_text(*part.measured, prepared.bounds.limit, prepared.unit, prepared.as_share)});
    }
  }
  if (const std::string lost = lost_launches_text(part); !lost.empty() && part.verdict != Verdict::missing) {
    findings.push_back({"ASY-1008", label + ": " + lost});
  }
}

}  // namespace

std::vector<std::pair<PartVerdict::Kind, const Limit*>> limits_of(const Target& target) {
  std::vector<std::pair<PartVerdict::Kind, const Limit*>> limits;
  if (target.at_least) limits.emplace_back(PartVerdict::Kind::at_least, &*target.at_least);
  if (target.at_most) limits.emplace_back(PartVerdict::Kind::at_most, &*target.at_most);
  if (target.spread_at_most) limits.emplace_back(PartVerdict::Kind::spread_at_most, nullptr);
  return limits;
}

std::optional<Prepared> prepare(const Context& context, const Target& target, PartVerdict::Kind kind,
                                const Limit* limit, const PlannedCase& planned) {
  const JudgeInput& input = context.input;
  const CaseResults* results = input.data.find(planned.identity);
  if (results == nullptr || results->launches.empty()) return std::nullopt;
  const auto figure = find_figure(*results, target.fom);
  if (!figure || !comparable(results->foms[*figure].unit, target.unit)) return std::nullopt;

  std::optional<Reference> reference;
  if (limit != nullptr && limit->kind == LimitKind::of_figure) {
    if (const auto index = reference_case(target, *limit, planned.identity, input.plan)) {
      const CaseResults* other = input.data.find(input.plan.cases[*index].identity);
      if (other != nullptr) {
        if (const auto other_figure = find_figure(*other, limit->fom))
          reference = Reference{other, *other_figure};
      }
    }
  }

  Prepared prepared;
  prepared.kind = kind;
  prepared.limit = limit;
  prepared.better = target.better;
  prepared.observed = observe(context, target, limit, *results, *figure, reference);
  const bool spread = kind == PartVerdict::Kind::spread_at_most;
  prepared.fleet =
      !spread && (target.across == Across::each_device || target.across == Across::share_of_devices);
  prepared.unit = spread ? "1" : prepared.observed.unit;
  // A figure without unit is told in the words of its target: "2 %" of lost time, or a factor of "1.5".
  const bool in_percent =
      limit != nullptr && prepared.observed.unit == "1" && limit->text.find('%') != std::string::npos;
  prepared.as_share = spread || prepared.observed.as_share || in_percent;
  if (prepared.fleet) {
    prepared.grid = prepared.observed.grid;
  } else {
    prepared.grid = aggregate(prepared, target);
    // From here on the devices are only described, each by its own share.
    auto& devices = prepared.observed.grid;
    for (std::size_t i = 0; i < prepared.observed.denominators.size(); ++i) {
      if (devices.cells[i] == Cell::value) devices.values[i] /= prepared.observed.denominators[i];
    }
  }
  if (spread) {
    // A spread is a ratio of figures of one launch: what the instrument adds to all of them cancels, and the
    // tolerance is that of the figure itself.
    prepared.bounds = bounds_of(false, *target.spread_at_most, 0, DecisionRule::simple, 0);
  } else {
    prepared.bounds =
        bounds_of(kind == PartVerdict::Kind::at_least, limit->value * prepared.observed.limit_scale,
                  target.tolerance, input.targets.decision, input.targets.systematic);
  }
  prepared.rules.alpha = input.targets.alpha();
  prepared.rules.share = target.share;
  prepared.rules.device_share =
      prepared.fleet && target.across == Across::share_of_devices ? target.device_share : 1;
  prepared.rules.stop = input.plan.stop;
  prepared.rules.max_launches = static_cast<std::size_t>(std::max(input.plan.max_launches, 0));
  return prepared;
}

PartVerdict judge_part(Context& context, const Target& target, PartVerdict::Kind kind, const Limit* limit,
                       const PlannedCase& planned, std::vector<Finding>& findings) {
  PartVerdict part;
  part.kind = kind;
  part.case_label = planned.label;
  part.case_key = planned.identity.key();
  part.unit = target.unit;
  auto prepared = prepare(context, target, kind, limit, planned);
  if (!prepared) {
    const CaseResults* results = context.input.data.find(planned.identity);
    part.reason = absent_text(results, target);
    Prepared nothing;
    nothing.kind = kind;
    nothing.limit = limit;
    nothing.unit = target.unit;
    part.required_text = required_text(nothing, target);
    const bool launched = results != nullptr && !results->launches.empty();
    part.without_value = launched ? static_cast<int>(results->launches.size()) : 0;
    const bool unsupported = launched && results->launches.back().status == LaunchStatus::unsupported;
    findings.push_back({unsupported ? "ASY-4010"
                        : launched  ? "ASY-1007"
                                    : "ASY-4011",
                        planned.label + ": " + part.reason});
    return part;
  }

  Observations& observed = prepared->observed;
  if (limit != nullptr && limit->kind == LimitKind::of_peak && observed.measured_peak &&
      target.level == Level::mandatory) {
    observed.problems.add("ASY-1010", planned.label +
                                          ": the peak was measured by a probe, which may have found too "
                                          "little: a mandatory clause cannot rest on it");
  }
  const Decision decision =
      decide(prepared->grid, prepared->bounds, prepared->rules, context.e_values(target.share));

  part.unit = prepared->unit;
  part.required_text = required_text(*prepared, target);
  part.target = prepared->bounds.target;
  part.limit = prepared->bounds.limit;
  part.devices = observed.grid.devices;
  part.e_pass = decision.e_pass;
  part.e_fail = decision.e_fail;
  part.decided_at = decision.decided_at;
  part.e_pass_after = decision.e_pass_after;
  part.e_fail_after = decision.e_fail_after;
  part.devices_conceded = static_cast<std::size_t>(
      std::count_if(observed.grid.conceded.begin(), observed.grid.conceded.end(), [](auto c) { return c; }));

  const Fleet fleet = rank_fleet(*prepared, decision);
  std::optional<std::size_t> subject;  // whose numbers the part shows
  if (!prepared->fleet) {
    subject = 0;
  } else if (!fleet.worst_first.empty()) {
    // `at least x %` allows the k worst to miss: the next one decides.
    const std::size_t allowed =
        decision.allowed_to_miss - std::min(decision.allowed_to_miss, decision.conceded);
    subject = fleet.worst_first[std::min(allowed, fleet.worst_first.size() - 1)];
  }
  if (subject) {
    const DeviceTally& tally = decision.tallies[*subject];
    part.met = tally.met;
    part.missed = tally.missed;
    part.without_value = tally.without;
    const std::vector<double> values = valid_values(prepared->grid, *subject, decision.judged_launches);
    if (!values.empty()) part.measured = median_of(values);
    part.interval = interval_of(values, static_cast<std::size_t>(tally.without), prepared->bounds.at_least,
                                prepared->rules);
    add_points(*prepared, subject, part);
  }
  if (part.measured && *part.limit != 0) {
    part.distance = (*part.measured - *part.limit) / *part.limit * (prepared->bounds.at_least ? 1 : -1);
  }
  describe_fleet(*prepared, decision, fleet, part, findings);

  const bool lone_spread = kind == PartVerdict::Kind::spread_at_most && observed.grid.devices < 2;
  if (observed.problems.invalid()) {
    part.verdict = Verdict::invalid;
    part.reason = observed.problems.invalid_text();
  } else if (lone_spread) {
    part.verdict = Verdict::missing;
    part.reason =
        "a spread needs at least two devices, and the case has " + std::to_string(observed.grid.devices);
    findings.push_back({"ASY-1014", planned.label + ": " + part.reason});
  } else if (decision.too_many_conceded) {
    part.verdict = Verdict::fail;
    part.reason = reason_text(*prepared, decision, part, context.input.plan, context.input.targets, subject);
  } else if (std::none_of(prepared->grid.cells.begin(), prepared->grid.cells.end(),
                          [](Cell cell) { return cell == Cell::value; })) {
    part.verdict = Verdict::missing;
    part.reason = "no launch gave a valid value";
    const auto told = std::find_if(part.launches.rbegin(), part.launches.rend(),
                                   [](const LaunchPoint& point) { return !point.trouble.empty(); });
    if (told != part.launches.rend()) part.reason += " (" + told->trouble + ")";
    const bool unsupported =
        !observed.launches.empty() && observed.launches.back()->status == LaunchStatus::unsupported;
    findings.push_back({unsupported ? "ASY-4010" : "ASY-1007", planned.label + ": " + part.reason});
  } else {
    part.verdict = decision.verdict;
    part.reason = reason_text(*prepared, decision, part, context.input.plan, context.input.targets, subject);
  }
  for (const DeviceIdentity& device : observed.never_seen) {
    if (context.input.data.conceded_nodes().count(device.node) > 0) continue;
    observed.problems.add("ASY-1012", planned.label + ": " + device_text(device));
  }
  for (Finding& finding : observed.problems.findings()) {
    if (finding.code == "ASY-1016") finding.text = planned.label + ": " + finding.text;
    findings.push_back(std::move(finding));
  }
  if (part.verdict != Verdict::missing && part.verdict != Verdict::invalid) {
    add_decision_findings(*prepared, decision, part, context, findings);
  }
  if (kind != PartVerdict::Kind::spread_at_most) warn_about_conditions(*prepared, planned.label, findings);
  return part;
}

bool part_is_closed(Context& context, const Target& target, PartVerdict::Kind kind, const Limit* limit,
                    const PlannedCase& planned) {
  const CaseResults* results = context.input.data.find(planned.identity);
  if (results == nullptr || results->launches.empty()) return false;
  const Plan& plan = context.input.plan;
  if (plan.stop == StopRule::fixed) {
    return static_cast<int>(ordered_launches(*results, context.input.targets.continue_campaigns).size()) >=
           plan.max_launches;
  }
  // "Not here, for this reason" stays so however often it is asked.
  const bool all_unsupported =
      std::all_of(results->launches.begin(), results->launches.end(),
                  [](const LaunchResults& launch) { return launch.status == LaunchStatus::unsupported; });
  const auto prepared = prepare(context, target, kind, limit, planned);
  if (!prepared) return all_unsupported;
  if (all_unsupported && !prepared->observed.any_value()) return true;
  if (prepared->observed.problems.invalid()) return true;
  if (kind == PartVerdict::Kind::spread_at_most && prepared->observed.grid.devices < 2) return true;
  const Decision decision =
      decide(prepared->grid, prepared->bounds, prepared->rules, context.e_values(target.share),
             /*stop_when_decided=*/true);
  return decision.verdict != Verdict::inconclusive;
}

}  // namespace assay
