// verdicts.json, "assay.verdicts/1": everything in the judgement, keys in a fixed order, absent is null.
// reference_results/schema/verdicts.schema.json describes it.
#include <nlohmann/json.hpp>

#include "reports/render/present.h"
#include "reports/render/render.h"

namespace assay {
namespace render {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

/// A list even when it is empty (an empty ordered_json would be null).
template <typename Items, typename Convert>
Json list(const Items& items, Convert convert) {
  Json result = Json::array();
  for (const auto& item : items) result.push_back(convert(item));
  return result;
}

Json finding_json(const Finding& finding) {
  const FindingKind* kind = known_kind(finding.code);
  return {{"code", finding.code},
          {"severity", kind != nullptr ? Json(to_string(kind->severity)) : Json(nullptr)},
          {"title", kind != nullptr ? Json(kind->title) : Json(nullptr)},
          {"text", finding.text},
          {"action", kind != nullptr ? Json(kind->action) : Json(nullptr)}};
}

Json launch_json(const LaunchPoint& launch) {
  return {{"campaign", launch.campaign},
          {"start", launch.start},
          {"value", or_null(launch.value)},
          {"meets", launch.meets},
          {"trouble", or_null(launch.trouble)}};
}

Json device_json(const DeviceVerdict& device) {
  return {{"node", device.node},
          {"rank", device.rank},
          {"name", device.name},
          {"id", or_null(device.id)},
          {"median", or_null(device.median)},
          {"met", device.met},
          {"missed", device.missed},
          {"without_value", device.without_value},
          {"e_pass", device.e_pass},
          {"e_fail", device.e_fail},
          {"blamed", device.blamed},
          {"screened_out", device.screened_out},
          {"conceded", device.conceded}};
}

Json distribution_json(const std::optional<Distribution>& distribution) {
  if (!distribution) return nullptr;
  return {{"low", distribution->low},         {"high", distribution->high},
          {"counts", distribution->counts},   {"devices", distribution->devices},
          {"minimum", distribution->minimum}, {"p01", distribution->p01},
          {"p25", distribution->p25},         {"median", distribution->median},
          {"p75", distribution->p75},         {"p99", distribution->p99},
          {"maximum", distribution->maximum}};
}

Json part_json(const PartVerdict& part) {
  return {{"kind", to_string(part.kind)},
          {"case", or_null(part.case_label)},
          {"case_key", or_null(part.case_key)},
          {"verdict", to_string(part.verdict)},
          {"reason", part.reason},
          {"unit", or_null(part.unit)},
          {"required_text", part.required_text},
          {"measured_text", or_null(part.measured_text)},
          {"target", or_null(part.target)},
          {"limit", or_null(part.limit)},
          {"measured", or_null(part.measured)},
          {"distance", or_null(part.distance)},
          {"interval", {{"lower", or_null(part.interval.lower)}, {"upper", or_null(part.interval.upper)}}},
          {"met", part.met},
          {"missed", part.missed},
          {"without_value", part.without_value},
          {"e_pass", part.e_pass},
          {"e_fail", part.e_fail},
          {"decided_at", part.decided_at == 0 ? Json(nullptr) : Json(part.decided_at)},
          {"e_pass_after", part.e_pass_after},
          {"e_fail_after", part.e_fail_after},
          {"launches", list(part.launches, launch_json)},
          {"devices", part.devices},
          {"devices_conceded", part.devices_conceded},
          {"worst_devices", list(part.worst_devices, device_json)},
          {"distribution", distribution_json(part.distribution)},
          {"screening_resolution", or_null(part.screening_resolution)},
          {"screened_out", part.screened_out},
          {"repeat_command", or_null(part.repeat_command)}};
}

Json waiver_json(const std::optional<Waiver>& waiver) {
  if (!waiver) return nullptr;
  return {{"authority", waiver->authority},
          {"name", waiver->name},
          {"date", waiver->date},
          {"reason", waiver->reason},
          {"amendment", waiver->amendment}};
}

Json target_json(const TargetVerdict& target) {
  return {{"id", target.id},
          {"title", target.title},
          {"source", or_null(target.source)},
          {"level", assay::to_string(target.level)},
          {"weight", target.weight},
          {"fom", or_null(target.fom)},
          {"across", or_null(target.across_text)},
          {"where", or_null(target.where_text)},
          {"verdict", assay::to_string(target.verdict)},
          {"underlying", assay::to_string(target.underlying)},
          {"waiver", waiver_json(target.waiver)},
          {"reason", target.reason},
          {"parts", list(target.parts, part_json)},
          {"findings", list(target.findings, finding_json)}};
}

Json coverage_json(const ClauseCoverage& clause) {
  return {{"id", clause.id},
          {"title", clause.title},
          {"coverage", to_string(clause.coverage)},
          {"cases", clause.cases},
          {"note", or_null(clause.note)}};
}

Json figure_json(const FigureSummary& figure) {
  Json peak = nullptr;
  if (figure.peak) {
    peak = {{"value", figure.peak->value},
            {"basis", figure.peak->basis == PeakBasis::measured ? "measured" : "theoretical"},
            {"source", figure.peak->source}};
  }
  return {{"fom", figure.fom},
          {"unit", figure.unit},
          {"better", figure.better == Better::higher ? "higher" : "lower"},
          {"median", or_null(figure.median)},
          {"minimum", or_null(figure.minimum)},
          {"maximum", or_null(figure.maximum)},
          {"peak_share", or_null(figure.peak_share)},
          {"peak", peak}};
}

Json case_json(const CaseSummary& summary) {
  return {{"label", summary.label},
          {"key", summary.key},
          {"launches", summary.launches},
          {"completed", summary.completed},
          {"devices", summary.devices},
          {"check", summary.check},
          {"status", summary.status},
          {"figures", list(summary.figures, figure_json)},
          {"repeat_command", or_null(summary.repeat_command)}};
}

Json campaign_json(const RegisteredCampaign& campaign) {
  return {{"number", campaign.number},
          {"folder", campaign.folder},
          {"started", or_null(campaign.started)},
          {"headline", or_null(campaign.headline)},
          {"is_this", campaign.is_this},
          {"counted", campaign.counted},
          {"evidence_found", campaign.evidence_found}};
}

Json counts_json(const Judgement& judgement) {
  Json counts = Json::object();
  for (const Verdict verdict : verdicts_worst_first) {
    const auto found = judgement.counts.find(verdict);
    counts[assay::to_string(verdict)] = found == judgement.counts.end() ? 0 : found->second;
  }
  return counts;
}

}  // namespace
}  // namespace render

std::string render_json(const Judgement& judgement) {
  using namespace render;
  const Json document = {
      {"schema", "assay.verdicts/1"},
      {"campaign", judgement.campaign},
      {"system", or_null(judgement.system)},
      {"plan", {{"name", judgement.plan_name}, {"sha256", or_null(judgement.plan_sha256)}}},
      {"targets_file", {{"name", judgement.targets_name}, {"sha256", or_null(judgement.targets_sha256)}}},
      {"started", or_null(judgement.started)},
      {"finished", or_null(judgement.finished)},
      {"assay_version", judgement.assay_version},
      {"confidence", judgement.confidence},
      {"decision", or_null(judgement.decision_text)},
      {"stop", or_null(judgement.stop_text)},
      {"overall", to_string(judgement.overall)},
      {"headline", judgement.headline},
      {"exit_status", static_cast<int>(judgement.exit_status)},
      {"counts", counts_json(judgement)},
      {"targets", list(judgement.targets, target_json)},
      {"coverage", list(judgement.coverage, coverage_json)},
      {"cases", list(judgement.cases, case_json)},
      {"findings", list(judgement.findings, finding_json)},
      {"campaigns", list(judgement.campaigns, campaign_json)},
      {"machine", list(judgement.machine,
                       [](const auto& fact) {
                         return Json{{"name", fact.first}, {"text", fact.second}};
                       })},
      {"commands", judgement.commands}};
  // Bytes that are not UTF-8 become U+FFFD; numbers that are not finite become null.
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace assay
