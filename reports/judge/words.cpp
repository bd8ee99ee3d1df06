// The sentences of a verdict.
#include <algorithm>
#include <cmath>
#include <map>

#include "reports/base/names.h"
#include "reports/judge/part.h"

namespace assay {

namespace {

std::string e_text(double value) {
  return format_value(value, "1", value >= 1000 ? 2 : 3);
}

std::string limit_text(const Prepared& prepared, double limit, std::optional<double> beside) {
  return number_text(limit, beside.value_or(limit), prepared.unit, prepared.as_share);
}

std::string guard_text(const Prepared& prepared, double limit, double shift) {
  if (shift == 0) return {};
  return " (" + number_text(prepared.bounds.limit, limit, prepared.unit, prepared.as_share) +
         " moved by the instrument's uncertainty)";
}

// "5 %", "99.5 %": as people write it.
std::string plain_percent(double share) {
  return to_string(ParameterValue(100 * share)) + " %";
}

std::string launches_text(int count) {
  return std::to_string(count) + (count == 1 ? " launch" : " launches");
}

}  // namespace

std::string number_text(double value, double other, const std::string& unit, bool as_share) {
  if (!as_share) return format_distinct(value, other, unit);
  for (int decimals = 2; decimals < 14; ++decimals) {
    std::string text = format_share(value, decimals);
    if (value == other || text != format_share(other, decimals)) return text;
  }
  return format_share(value, 17);
}

std::string required_text(const Prepared& prepared, const Target& target) {
  const bool spread = prepared.kind == PartVerdict::Kind::spread_at_most;
  if (spread) return "spread <= " + plain_percent(target.spread_at_most.value_or(0));
  const Limit& limit = *prepared.limit;
  std::string text = prepared.kind == PartVerdict::Kind::at_least ? ">= " : "<= ";
  if (!limit.text.empty()) {
    text += limit.text;
  } else if (limit.kind == LimitKind::absolute) {
    text += format_value(limit.value, target.unit);
  } else {
    text += format_share(limit.value) + " of " +
            (limit.kind == LimitKind::of_peak ? "peak" : limit.benchmark + "." + limit.fom);
  }
  std::vector<std::string> remarks;
  if (limit.kind == LimitKind::of_figure && !target.of_where.empty()) {
    for (const auto& [name, values] : target.of_where) {
      std::vector<std::string> texts;
      for (const ParameterValue& value : values) texts.push_back(to_string(value));
      remarks.push_back("with " + name + " = " + join(texts, " or "));
    }
  }
  if (limit.kind == LimitKind::of_peak && prepared.observed.one_peak) {
    const Peak& peak = *prepared.observed.one_peak;
    remarks.push_back(format_value(peak.value, target.unit) + ", " +
                      (peak.basis == PeakBasis::theoretical ? "theoretical" : "measured"));
  }
  if (target.tolerance > 0) remarks.push_back("tolerance " + plain_percent(target.tolerance));
  if (target.share != 0.5) {
    remarks.push_back("in " + plain_percent(target.share) + " of launches");
  }
  if (!remarks.empty()) text += " (" + join(remarks, "; ") + ")";
  return text;
}

std::string lost_launches_text(const PartVerdict& part) {
  if (part.without_value == 0) return {};
  std::map<std::string, int> reasons;
  for (const LaunchPoint& point : part.launches) {
    if (!point.value && !point.trouble.empty()) ++reasons[point.trouble];
  }
  std::string text = std::to_string(part.without_value) + " of " +
                     launches_text(part.met + part.missed + part.without_value) + " gave no valid value";
  if (!reasons.empty()) {
    const auto most = std::max_element(reasons.begin(), reasons.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    text += " (" + most->first + (reasons.size() > 1 ? ", and other reasons" : "") + ")";
  }
  return text;
}

int launches_allowed(const Plan& plan, const Targets& targets) {
  const bool extends = plan.stop == StopRule::decided && targets.inconclusive == OnInconclusive::extend;
  return plan.max_launches + (extends ? targets.extend_launches : 0);
}

std::string reason_text(const Prepared& prepared, const Decision& decision, const PartVerdict& part,
                        const Plan& plan, const Targets& targets, std::optional<std::size_t> subject) {
  const Bounds& bounds = prepared.bounds;
  const std::size_t devices = prepared.grid.devices;
  const bool fleet = prepared.fleet && devices > 1;
  const std::string reach = bounds.at_least ? "reach " : "stay within ";
  const std::string miss = bounds.at_least ? "stay below " : "exceed ";
  const int launches = part.met + part.missed + part.without_value;
  const std::string needed = e_text(1 / prepared.rules.alpha);

  if (decision.too_many_conceded) {
    return std::to_string(decision.conceded) + " of " + std::to_string(devices) +
           " devices were conceded, and the target allows " + std::to_string(decision.allowed_to_miss) +
           " to miss it";
  }

  const std::string median =
      prepared.kind == PartVerdict::Kind::spread_at_most ? "median spread " : "median ";
  std::string about =
      part.measured ? median + number_text(*part.measured, bounds.limit, prepared.unit, prepared.as_share)
                    : "no valid value";
  if (fleet && subject) {
    const DeviceIdentity& device = prepared.observed.device(*subject);
    about = (decision.allowed_to_miss > 0 ? "worst device that counts, " : "worst device, ") +
            device_text(device) + (device.name.empty() ? "" : " (" + device.name + ")") + ": " + about;
  }
  const std::string lost = lost_launches_text(part);
  const std::string with_lost = lost.empty() ? "" : "; " + lost;

  if (decision.verdict == Verdict::pass) {
    const std::string limit = limit_text(prepared, bounds.pass_limit, part.measured) +
                              guard_text(prepared, bounds.pass_limit, bounds.pass_limit - bounds.limit);
    std::string who;
    if (!fleet) {
      who = std::to_string(part.met) + " of " + launches_text(launches) + " " + reach + limit;
    } else if (decision.allowed_to_miss == 0) {
      who = "each of " + std::to_string(devices) + " devices is shown to " + reach + limit;
    } else {
      who = "at least " + std::to_string(devices - decision.allowed_to_miss) + " of " +
            std::to_string(devices) + " devices are shown to " + reach + limit;
    }
    return about + "; " + who + with_lost;
  }
  if (decision.verdict == Verdict::fail) {
    const std::string limit = limit_text(prepared, bounds.fail_limit, part.measured) +
                              guard_text(prepared, bounds.fail_limit, bounds.fail_limit - bounds.limit);
    std::string who;
    if (!fleet) {
      who = std::to_string(part.missed) + " of " + launches_text(launches) + " " + miss + limit;
    } else {
      who = "more than the " + std::to_string(decision.allowed_to_miss) + " of " + std::to_string(devices) +
            " devices that may miss it are shown to " + miss + limit;
      if (decision.allowed_to_miss == 0) {
        who = "not every one of " + std::to_string(devices) + " devices reaches " + limit;
        if (!bounds.at_least)
          who = "not every one of " + std::to_string(devices) + " devices stays within " + limit;
      }
    }
    return about + "; " + who + with_lost;
  }
  // Undecided: how far, and whether more launches would come.
  std::string text = about + "; " + std::to_string(part.met) + " of " + launches_text(launches) + " " +
                     reach + limit_text(prepared, bounds.pass_limit, part.measured) + with_lost;
  const int made = static_cast<int>(prepared.grid.launches);
  if (plan.stop == StopRule::fixed) {
    const int wanted = plan.max_launches;
    text += made < wanted ? "; " + std::to_string(made) + " of the " + std::to_string(wanted) +
                                " launches of the fixed test were made"
                          : "; the sign test on " + launches_text(wanted) + " decides neither way";
  } else {
    const int allowed = launches_allowed(plan, targets);
    const auto here = std::count_if(prepared.observed.launches.begin(), prepared.observed.launches.end(),
                                    [](const LaunchResults* launch) { return launch->campaign == 0; });
    text += "; not decided after " + launches_text(made);
    if (here < allowed) {
      text += ", this campaign may make " + std::to_string(allowed - static_cast<int>(here)) + " more";
    } else {
      text += ", all that the plan allows";
    }
    text += " (E " + e_text(part.e_pass) + " for a pass, " + e_text(part.e_fail) + " for a fail, " + needed +
            " decides)";
  }
  return text;
}

std::string across_text(const Target& target) {
  switch (target.across) {
    case Across::each_device:
      return "each device";
    case Across::share_of_devices:
      return "at least " + plain_percent(target.device_share) + " of devices";
    case Across::worst:
      return "worst device";
    case Across::median:
      return "median of devices";
    case Across::mean:
      return "mean of devices";
    case Across::sum:
      return "sum of devices";
  }
  return {};
}

std::string where_text(const Target& target, const BenchmarkSpec* benchmark) {
  std::vector<std::string> conditions;
  for (const auto& [name, values] : target.where) {
    const ParameterSpec* spec = benchmark == nullptr ? nullptr : benchmark->find_parameter(name);
    std::vector<std::string> texts;
    for (const ParameterValue& value : values) texts.push_back(value_text(spec, value));
    conditions.push_back(name + " = " + join(texts, " or "));
  }
  return join(conditions, ", ");
}

}  // namespace assay
