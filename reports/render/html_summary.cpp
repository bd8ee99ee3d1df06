// The first screen: what the verdict is, of what, and what decides it.
#include "reports/render/html_parts.h"
#include "reports/render/present.h"

namespace assay::render {
namespace {

constexpr std::size_t most_rows = 8;

void fact(HtmlWriter& html, Literal name, const std::string& text) {
  if (text.empty()) return;
  const auto group = html.element("div");
  html.leaf("dt", name.text);
  html.leaf("dd", text);
}

void cell(HtmlWriter& html, const char* name, const std::string& text, const char* css_class = "number") {
  html.leaf("td", text, {{"role", "cell"}, {"class", css_class}, {"data-label", name}});
}

void write_row(HtmlWriter& html, const DecidingPart& row, const std::string& id) {
  const TargetVerdict& target = *row.target;
  const bool waived = target.verdict == Verdict::waived;
  const Verdict verdict = waived || row.part == nullptr ? target.verdict : row.part->verdict;
  const auto line = html.element("tr", {{"role", "row"}});
  {
    const auto head = html.element("th", {{"scope", "row"}, {"role", "rowheader"}});
    html.leaf("a", target.id, {{"href", "#" + id}, {"class", "clause"}});
    html.text(" ");
    html.leaf("span", target.title, {{"class", "what"}});
    if (row.part != nullptr && !row.part->case_label.empty())
      html.leaf("span", row.part->case_label, {{"class", "case"}});
  }
  {
    const auto verdict_cell = html.element("td", {{"role", "cell"}, {"data-label", "Verdict"}});
    write_badge(html, verdict);
  }
  const PartVerdict none;
  const PartVerdict& part = row.part != nullptr ? *row.part : none;
  cell(html, "Required", part.required_text.empty() ? "-" : typographic(part.required_text));
  cell(html, "Measured", measured_text(part));
  cell(html, "Interval", row.part != nullptr ? typographic(interval_text(part)) : "-");
  cell(html, "Distance", part.distance ? typographic(distance_text(*part.distance)) : "-");
}

void write_deciding(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids) {
  const std::vector<DecidingPart> rows = deciding_parts(judgement);
  const auto section = html.element("section", {{"class", "deciding"}, {"aria-labelledby", "decides"}});
  html.leaf("h2", has_trouble(judgement) || rows.empty() ? "What decides it" : "Closest to the limit",
            {{"id", "decides"}});
  if (rows.empty()) {
    html.leaf("p", "No mandatory clause was judged, so nothing is shown to be met.");
    return;
  }
  {
    const auto table = html.element("table", {{"role", "table"}, {"class", "stacking"}});
    {
      const auto head = html.element("thead", {{"role", "rowgroup"}});
      const auto line = html.element("tr", {{"role", "row"}});
      for (const char* name : {"Clause", "Verdict", "Required", "Measured", "Interval", "Distance"}) {
        html.leaf("th", name, {{"scope", "col"}, {"role", "columnheader"}});
      }
    }
    const auto body = html.element("tbody", {{"role", "rowgroup"}});
    for (std::size_t i = 0; i < rows.size() && i < most_rows; ++i) {
      const auto index = static_cast<std::size_t>(rows[i].target - judgement.targets.data());
      write_row(html, rows[i], ids[index]);
    }
  }
  const auto note = html.element("p", {{"class", "note"}});
  html.text("Interval: " + bounds_text(judgement) +
            ". Distance: from the limit after tolerance; positive is good.");
  if (rows.size() > most_rows) {
    html.text(" And " + std::to_string(rows.size() - most_rows) + " more ");
    html.leaf("a", "below", {{"href", "#targets"}});
    html.text(".");
  }
}

}  // namespace

void write_summary(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids) {
  {
    const auto header =
        html.element("header", {{"class", std::string("summary ") + assay::to_string(judgement.overall)}});
    html.leaf("p", judgement.system.empty() ? "System without a name" : judgement.system,
              {{"class", "system"}});
    {
      const auto line = html.element("p", {{"class", "when"}});
      html.leaf("span", judgement.campaign);
      html.text(" · ");
      html.leaf("span", "measured " + period_text(judgement.started, judgement.finished));
    }
    {
      const auto title = html.element("h1");
      html.leaf("span", symbol(judgement.overall), {{"class", "seal"}, {"aria-hidden", "true"}});
      html.leaf("span", judgement.headline);
    }
    {
      const auto list = html.element("ul", {{"class", "counts"}, {"aria-label", "Verdicts of all clauses"}});
      for (const Verdict verdict : verdicts_worst_first) {
        const auto found = judgement.counts.find(verdict);
        if (found == judgement.counts.end() || found->second == 0) continue;
        const auto item = html.element("li", {{"class", assay::to_string(verdict)}});
        html.leaf("span", symbol(verdict), {{"aria-hidden", "true"}});
        html.leaf("b", std::to_string(found->second));
        html.text(std::string(" ") + assay::to_string(verdict));
      }
    }
  }
  write_deciding(html, judgement, ids);
  const auto facts = html.element("dl", {{"class", "facts"}});
  fact(html, "Targets", judgement.targets_name);
  fact(html, "Plan", judgement.plan_name);
  fact(html, "Register", register_text(judgement));
  fact(html, "Decision", judgement.decision_text);
  fact(html, "Launches", judgement.stop_text);
}

}  // namespace assay::render
