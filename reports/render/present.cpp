#include "reports/render/present.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "reports/record/unit.h"

namespace assay::render {
namespace {

std::string formatted(const char* format, auto... values) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

/// A share in per cent that reads differently from `other` when it differs.
std::string share_text(double share, std::optional<double> other) {
  constexpr int most_decimals = 15;
  for (int decimals = 2; decimals < most_decimals; ++decimals) {
    const std::string text = format_share(share, decimals);
    if (!other || *other == share || text != format_share(*other, decimals)) return text;
  }
  return format_share(share, most_decimals);
}

/// "702.1 TFLOP/s" as "702.1" and "TFLOP/s".
std::pair<std::string, std::string> number_and_unit(const std::string& text) {
  const auto space = text.rfind(' ');
  if (space == std::string::npos) return {text, ""};
  return {text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

int badness(Verdict verdict) {
  return static_cast<int>(std::find(verdicts_worst_first.begin(), verdicts_worst_first.end(), verdict) -
                          verdicts_worst_first.begin());
}

std::string_view symbol(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "✓";
    case Verdict::fail:
      return "✕";
    case Verdict::inconclusive:
      return "?";
    case Verdict::invalid:
      return "!";
    case Verdict::missing:
      return "–";
    case Verdict::waived:
      return "§";
  }
  return "?";
}

std::string_view meaning(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "The evidence shows that the limit is met.";
    case Verdict::fail:
      return "The evidence shows that the limit is not met.";
    case Verdict::inconclusive:
      return "There are values, but too few or too scattered to decide either way.";
    case Verdict::invalid:
      return "There are values, but they prove nothing: a check failed, a rate is beyond what is possible, "
             "or the "
             "work took another path than the case names.";
    case Verdict::missing:
      return "There is no valid value at all.";
    case Verdict::waived:
      return "The purchaser waived the clause; the verdict beneath is shown beside it.";
  }
  return "";
}

std::string_view to_string(PartVerdict::Kind kind) {
  switch (kind) {
    case PartVerdict::Kind::at_least:
      return "at_least";
    case PartVerdict::Kind::at_most:
      return "at_most";
    case PartVerdict::Kind::spread_at_most:
      return "spread_at_most";
    case PartVerdict::Kind::inventory:
      return "inventory";
    case PartVerdict::Kind::document:
      return "document";
  }
  return "";
}

std::string_view to_string(Coverage coverage) {
  switch (coverage) {
    case Coverage::full:
      return "full";
    case Coverage::part:
      return "part";
    case Coverage::none:
      return "none";
  }
  return "";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "";
}

std::string value_text(double value, std::string_view unit,
                       const std::vector<std::optional<double>>& others) {
  const bool is_share = unit == "1";
  std::string text = is_share ? share_text(value, std::nullopt) : format_value(value, unit);
  for (const auto& other : others) {
    if (!other || *other == value) continue;
    const std::string distinct = is_share ? share_text(value, other) : format_distinct(value, *other, unit);
    if (distinct.size() > text.size()) text = distinct;  // more digits serve every comparison
  }
  return text;
}

std::string distance_text(double distance) {
  if (!std::isfinite(distance)) return "-";
  const double percent = 100 * distance;
  int decimals = std::abs(percent) >= 10 ? 1 : 2;
  while (decimals < 12 && percent != 0 && std::abs(percent) < 0.5 * std::pow(10, -decimals)) ++decimals;
  return formatted("%+.*f %%", decimals, percent);
}

bool is_timed(const PartVerdict& part) {
  return part.kind != PartVerdict::Kind::inventory && part.kind != PartVerdict::Kind::document;
}

std::string measured_text(const PartVerdict& part) {
  if (!is_timed(part) || !part.measured) return part.measured_text.empty() ? "-" : part.measured_text;
  return value_text(*part.measured, part.unit, {part.target, part.limit});
}

std::string limit_text(const PartVerdict& part) {
  if (!is_timed(part) || !part.limit || (part.target && *part.target == *part.limit)) return {};
  return value_text(*part.limit, part.unit, {part.target});
}

std::string interval_text(const PartVerdict& part) {
  if (!is_timed(part)) return "-";
  const auto bound = [&](double value) { return value_text(value, part.unit, {part.target, part.limit}); };
  const auto& [lower, upper] = part.interval;
  if (!lower && !upper) return "insufficient";
  if (!upper) return ">= " + bound(*lower);
  if (!lower) return "<= " + bound(*upper);
  const auto [low_number, low_unit] = number_and_unit(bound(*lower));
  const auto [high_number, high_unit] = number_and_unit(bound(*upper));
  if (low_unit == high_unit) return low_number + " to " + bound(*upper);
  return bound(*lower) + " to " + bound(*upper);
}

std::string met_text(const PartVerdict& part) {
  return std::to_string(part.met) + "/" + std::to_string(part.met + part.missed + part.without_value);
}

std::string launches_text(const PartVerdict& part) {
  if (!is_timed(part)) return "-";
  std::string text = met_text(part);
  if (part.without_value > 0) text += " (" + std::to_string(part.without_value) + " without value)";
  return text;
}

std::string thousands(std::size_t count) {
  std::string text = std::to_string(count);
  for (std::size_t place = 3; place < text.size(); place += 4) text.insert(text.size() - place, 1, ',');
  return text;
}

std::string devices_text(std::size_t devices) {
  if (devices == 0) return {};
  return thousands(devices) + (devices == 1 ? " device" : " devices");
}

std::string e_value_text(double e_value) {
  if (!std::isfinite(e_value)) return e_value > 0 ? "over 1e+300" : "-";
  return e_value >= 1000 ? formatted("%.2e", e_value) : formatted("%.3g", e_value);
}

std::string bounds_text(const Judgement& judgement) {
  return "two one-sided " + formatted("%.4g", 100 * judgement.confidence) + " % bounds";
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return {};
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

double e_value_needed(const Judgement& judgement) {
  return 1 / (1 - judgement.confidence);
}

std::string time_text(const std::string& utc) {
  const bool is_time = utc.size() >= 17 && utc[4] == '-' && utc[7] == '-' && utc[10] == 'T' &&
                       utc[13] == ':' && utc.back() == 'Z';
  return is_time ? utc.substr(0, 10) + " " + utc.substr(11, 5) + " UTC" : utc;
}

std::string period_text(const std::string& started, const std::string& finished) {
  if (started.empty()) return "at an unknown time";
  std::string from = time_text(started);
  if (finished.empty()) return from;
  const std::string to = time_text(finished);
  if (from == started || to == finished) return from + " to " + to;
  constexpr std::size_t date = 10, zone = 4;
  const bool same_day = from.compare(0, date, to, 0, date) == 0;
  return from.substr(0, from.size() - zone) + " to " + (same_day ? to.substr(date + 1) : to);
}

std::string register_text(const Judgement& judgement) {
  const auto here = std::find_if(judgement.campaigns.begin(), judgement.campaigns.end(),
                                 [](const RegisteredCampaign& campaign) { return campaign.is_this; });
  if (here == judgement.campaigns.end()) return {};
  return "campaign " + std::to_string(here->number) + " of " + std::to_string(judgement.campaigns.size()) +
         " under these targets";
}

std::string counts_text(const Judgement& judgement) {
  std::string text;
  for (const Verdict verdict : verdicts_worst_first) {
    const auto found = judgement.counts.find(verdict);
    if (found == judgement.counts.end() || found->second == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(found->second) + " " + assay::to_string(verdict);
  }
  return text.empty() ? "no target" : text;
}

std::string sentence(const std::string& text) {
  const bool ended = text.empty() || std::string_view(".!?:").find(text.back()) != std::string_view::npos;
  return ended ? text : text + ".";
}

const FindingKind* known_kind(std::string_view code) {
  for (const FindingKind& kind : finding_kinds()) {
    if (kind.code == code) return &kind;
  }
  return nullptr;
}

std::string waiver_text(const Waiver& waiver) {
  return "waived by " + waiver.name + " (" + waiver.authority + "), " + waiver.date + ": " + waiver.reason +
         "; amendment " + waiver.amendment;
}

bool has_trouble(const Judgement& judgement) {
  return std::any_of(judgement.targets.begin(), judgement.targets.end(), [](const TargetVerdict& target) {
    return target.level == Level::mandatory && badness(target.verdict) < badness(Verdict::waived);
  });
}

std::vector<DecidingPart> deciding_parts(const Judgement& judgement) {
  const bool trouble = has_trouble(judgement);
  std::vector<DecidingPart> rows;
  for (const TargetVerdict& target : judgement.targets) {
    if (target.level != Level::mandatory) continue;
    if (trouble && badness(target.verdict) >= badness(Verdict::waived)) continue;
    const std::size_t before = rows.size();
    for (const PartVerdict& part : target.parts) {
      if (!trouble || part.verdict != Verdict::pass) rows.push_back({&target, &part});
    }
    if (rows.size() == before) rows.push_back({&target, nullptr});
  }
  const auto verdict_of = [](const DecidingPart& row) {
    if (row.target->verdict == Verdict::waived || row.part == nullptr) return row.target->verdict;
    return row.part->verdict;
  };
  const auto distance_of = [&](const DecidingPart& row) {
    const bool known = row.part != nullptr && row.part->distance && std::isfinite(*row.part->distance);
    // Without a figure: first among troubles, last among passes.
    return known ? *row.part->distance : (trouble ? -1 : 1) * std::numeric_limits<double>::infinity();
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const DecidingPart& a, const DecidingPart& b) {
    const int worse_a = badness(verdict_of(a)), worse_b = badness(verdict_of(b));
    return worse_a != worse_b ? worse_a < worse_b : distance_of(a) < distance_of(b);
  });
  return rows;
}

}  // namespace assay::render
