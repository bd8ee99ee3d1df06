// Each target with its clause, its evidence drawn and listed, and what to do about it.
#include <algorithm>

#include "reports/render/html_parts.h"
#include "reports/render/present.h"

namespace assay::render {
namespace {

constexpr std::size_t devices_shown_when_fine = 3;
constexpr std::size_t troubles_shown = 5;

void pair(HtmlWriter& html, Literal name, const std::string& text) {
  if (text.empty()) return;
  const auto group = html.element("div");
  html.leaf("dt", name.text);
  html.leaf("dd", typographic(text));
}

void write_numbers(HtmlWriter& html, const PartVerdict& part, const Judgement& judgement) {
  const auto list = html.element("dl", {{"class", "numbers"}});
  pair(html, "Required", part.required_text);
  const std::string limit = limit_text(part);
  pair(html, "Limit after tolerance", limit);
  pair(html, "Measured", measured_text(part));
  if (!is_timed(part)) return;
  pair(html, "Interval", interval_text(part));
  if (part.distance) pair(html, "Distance", distance_text(*part.distance));
  pair(html, "Launches met",
       launches_text(part) + (part.decided_at > 0 ? ", decided at " + std::to_string(part.decided_at) : ""));
  std::string devices = devices_text(part.devices);
  if (part.devices_conceded > 0) devices += ", " + thousands(part.devices_conceded) + " conceded";
  pair(html, "Behind it", devices);
  pair(html, "Evidence (E-values)",
       "pass " + e_value_text(part.e_pass) + ", fail " + e_value_text(part.e_fail) + "; needs " +
           e_value_text(e_value_needed(judgement)));
}

void write_troubles(HtmlWriter& html, const PartVerdict& part) {
  std::size_t shown = 0, troubles = 0;
  for (const LaunchPoint& launch : part.launches) troubles += launch.trouble.empty() ? 0 : 1;
  if (troubles == 0) return;
  const auto list = html.element("ul", {{"class", "troubles"}});
  for (const LaunchPoint& launch : part.launches) {
    if (launch.trouble.empty() || shown++ >= troubles_shown) continue;
    html.leaf("li", "Start " + std::to_string(launch.start) + ": " + launch.trouble);
  }
  if (troubles > troubles_shown)
    html.leaf("li", "and " + std::to_string(troubles - troubles_shown) + " more");
}

std::string remarks(const DeviceVerdict& device) {
  std::vector<std::string> words;
  if (device.conceded) words.emplace_back("conceded");
  if (device.blamed) words.emplace_back("fails by itself");
  if (device.screened_out) words.emplace_back("slow among siblings");
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// The worst devices: all that the judgement names where something is wrong, else those flagged and at least
/// three.
void write_devices(HtmlWriter& html, const PartVerdict& part) {
  if (part.worst_devices.empty() || part.devices < 2) return;
  std::size_t shown = part.worst_devices.size();
  if (part.verdict == Verdict::pass) {
    const auto flagged = std::count_if(
        part.worst_devices.begin(), part.worst_devices.end(),
        [](const DeviceVerdict& each) { return each.blamed || each.screened_out || each.conceded; });
    shown = std::min(shown, std::max(devices_shown_when_fine, static_cast<std::size_t>(flagged)));
  }
  html.leaf("h5", "Worst " + std::to_string(shown) + " of " + devices_text(part.devices));
  {
    const auto box = html.element(
        "div", {{"class", "scroll"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", "Worst devices"}});
    const auto table = html.element("table");
    write_head_row(html, {"Node", "Rank", "Device", "Median", "Met", "E pass", "E fail", "Remark"});
    const auto body = html.element("tbody");
    for (std::size_t i = 0; i < shown; ++i) {
      const DeviceVerdict& device = part.worst_devices[i];
      const auto row = html.element("tr");
      html.leaf("th", device.node, {{"scope", "row"}});
      html.leaf("td", std::to_string(device.rank), {{"class", "number"}});
      {
        const auto name = html.element("td", {{"class", "device"}});
        html.text(device.name);
        if (!device.id.empty()) html.leaf("span", device.id, {{"class", "case"}});
      }
      html.leaf("td", device.median ? value_text(*device.median, part.unit, {part.target, part.limit}) : "-",
                {{"class", "number"}});
      html.leaf("td",
                std::to_string(device.met) + "/" +
                    std::to_string(device.met + device.missed + device.without_value),
                {{"class", "number"}});
      html.leaf("td", e_value_text(device.e_pass), {{"class", "number"}});
      html.leaf("td", e_value_text(device.e_fail), {{"class", "number"}});
      html.leaf("td", remarks(device));
    }
  }
  if (!part.screening_resolution) return;
  html.leaf("p",
            "Screening among siblings flagged " +
                devices_text(part.screened_out == 0 ? 0 : part.screened_out) +
                (part.screened_out == 0 ? "none" : "") +
                "; it would have found a device slower than the fleet's median by " +
                value_text(*part.screening_resolution, "1") + " or more.",
            {{"class", "note"}});
}

void write_part(HtmlWriter& html, const PartVerdict& part, const Judgement& judgement, bool only) {
  const auto block = html.element("div", {{"class", "part"}});
  if (!part.case_label.empty() || !only) {
    const auto head = html.element("h4");
    html.leaf("span", part.case_label.empty() ? std::string(to_string(part.kind)) : part.case_label,
              {{"class", "label"}});
    if (!only) write_badge(html, part.verdict);
  }
  if (!only && !part.reason.empty()) html.leaf("p", sentence(part.reason));
  write_numbers(html, part, judgement);
  write_strip(html, part, bounds_text(judgement));
  write_troubles(html, part);
  write_fleet(html, part);
  write_devices(html, part);
  if (!part.repeat_command.empty()) {
    html.leaf("p", "Repeat this case:", {{"class", "note"}});
    const auto box = html.element("pre");
    html.leaf("code", part.repeat_command);
  }
}

void write_target(HtmlWriter& html, const TargetVerdict& target, const Judgement& judgement,
                  const std::string& id) {
  const auto article =
      html.element("article", {{"class", "target"}, {"id", id}, {"aria-labelledby", id + "-title"}});
  {
    const auto head = html.element("header");
    {
      const auto title = html.element("h3", {{"id", id + "-title"}});
      html.leaf("a", target.id, {{"href", "#" + id}, {"class", "clause"}});
      html.text(" ");
      html.leaf("span", target.title);
    }
    write_badge(html, target.verdict);
  }
  std::vector<std::string> about;
  if (!target.fom.empty()) about.push_back(target.fom);
  if (!target.across_text.empty()) about.push_back(target.across_text);
  if (!target.where_text.empty()) about.push_back("where " + target.where_text);
  if (target.level == Level::scored) about.push_back("weight " + number(target.weight));
  if (!target.source.empty()) about.push_back(target.source);
  std::string line = assay::to_string(target.level);
  for (const std::string& each : about) line += " · " + each;
  html.leaf("p", line, {{"class", "about"}});
  if (!target.reason.empty()) html.leaf("p", sentence(target.reason), {{"class", "reason"}});
  if (target.waiver) {
    const auto box = html.element("p", {{"class", "waiver"}});
    write_badge(html, target.underlying);
    html.text(" " + waiver_text(*target.waiver) + ".");
  }
  write_findings(html, target.findings);
  for (const PartVerdict& part : target.parts) write_part(html, part, judgement, target.parts.size() == 1);
}

}  // namespace

void write_targets(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids) {
  const auto section = html.element("section", {{"id", "targets"}});
  html.leaf("h2", "Targets");
  if (judgement.targets.empty()) html.leaf("p", "No target was judged.");
  for (const Level level : levels) {
    const auto of_level = [&](const TargetVerdict& target) { return target.level == level; };
    if (std::none_of(judgement.targets.begin(), judgement.targets.end(), of_level)) continue;
    const auto group = html.element("section");
    html.leaf("p",
              level == Level::mandatory ? "Mandatory"
              : level == Level::scored  ? "Scored"
                                        : "Reported only",
              {{"class", "level"}});
    for (std::size_t i = 0; i < judgement.targets.size(); ++i) {
      if (of_level(judgement.targets[i])) write_target(html, judgement.targets[i], judgement, ids[i]);
    }
  }
}

}  // namespace assay::render
