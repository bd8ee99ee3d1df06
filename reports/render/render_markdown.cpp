// summary.md: for a pull request or the summary of a job. GitHub's tables; everything from files is literal
// text.
#include "reports/render/escape.h"
#include "reports/render/present.h"
#include "reports/render/render.h"

namespace assay {
namespace render {
namespace {

std::string cell(const std::string& text) {
  return " " + escape_markdown(text) + " |";
}

std::string verdict_cell(Verdict verdict) {
  const std::string words = std::string(symbol(verdict)) + " " + assay::to_string(verdict);
  return verdict == Verdict::pass ? " " + words + " |" : " **" + words + "** |";
}

std::string row(const TargetVerdict& target, const PartVerdict* part) {
  std::string what = target.title;
  if (part != nullptr && !part->case_label.empty()) what += " (" + part->case_label + ")";
  std::string line = "|" + cell(target.id) + cell(what);
  line += part != nullptr ? cell(part->required_text) + cell(measured_text(*part)) +
                                cell(interval_text(*part)) + cell(launches_text(*part))
                          : " - | - | - | - |";
  const bool waived = target.verdict == Verdict::waived;
  return line + verdict_cell(part == nullptr || waived ? target.verdict : part->verdict) + "\n";
}

std::string table(const Judgement& judgement, Level level) {
  std::string rows;
  for (const TargetVerdict& target : judgement.targets) {
    if (target.level != level) continue;
    if (target.parts.empty()) rows += row(target, nullptr);
    for (const PartVerdict& part : target.parts) rows += row(target, &part);
  }
  if (rows.empty()) return {};
  const std::string word = assay::to_string(level);
  return "\n### " + std::string(1, static_cast<char>(word[0] - 'a' + 'A')) + word.substr(1) +
         "\n\n| Clause | What | Required | Measured | Interval | Launches met | Verdict |\n"
         "| --- | --- | --- | --- | --- | --- | --- |\n" +
         rows;
}

std::string finding_lines(const std::vector<Finding>& findings, const std::string& indent) {
  std::string text;
  for (const Finding& finding : findings) {
    const FindingKind* kind = known_kind(finding.code);
    text += indent + "- " + escape_markdown(finding.code) + ": " + escape_markdown(finding.text);
    if (kind != nullptr) text += " *Next:* " + escape_markdown(kind->action);
    text += "\n";
  }
  return text;
}

std::string reasons(const Judgement& judgement) {
  std::string text;
  for (const TargetVerdict& target : judgement.targets) {
    if (target.verdict == Verdict::pass && target.findings.empty()) continue;
    text += "- **" + escape_markdown(target.id) + "** " + escape_markdown(target.title) + ": " +
            escape_markdown(sentence(target.reason));
    if (target.waiver) text += " " + escape_markdown(waiver_text(*target.waiver));
    text += "\n" + finding_lines(target.findings, "  ");
  }
  text += finding_lines(judgement.findings, "");
  return text.empty() ? text : "\n### Reasons and what to do next\n\n" + text;
}

}  // namespace
}  // namespace render

std::string render_markdown(const Judgement& judgement) {
  using namespace render;
  std::string text =
      "## " + std::string(symbol(judgement.overall)) + " " + escape_markdown(judgement.headline) + "\n\n";
  text += escape_markdown(judgement.system) + ", campaign " + escape_markdown(judgement.campaign) + ", " +
          escape_markdown(period_text(judgement.started, judgement.finished)) + "\n\n";
  text += counts_text(judgement) + ". Intervals: " + escape_markdown(bounds_text(judgement)) + ".";
  if (const std::string place = register_text(judgement); !place.empty()) text += " This is " + place + ".";
  text += "\n";
  for (const Level level : levels) text += table(judgement, level);
  return text + reasons(judgement);
}

}  // namespace assay
