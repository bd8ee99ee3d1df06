// What stands behind the verdicts: clauses and their tests, cases, campaigns, machine, commands, how to read
// it.
#include <set>

#include "reports/render/html_parts.h"
#include "reports/render/present.h"

namespace assay::render {
namespace {

constexpr std::size_t cases_named = 6;  // of one clause; the others are counted

HtmlWriter::Element scrolling(HtmlWriter& html, const char* name) {
  return html.element("div",
                      {{"class", "scroll"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", name}});
}

void write_coverage(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids) {
  if (judgement.coverage.empty()) return;
  const auto section = html.element("section", {{"id", "clauses"}});
  html.leaf("h2", "Clauses and their tests");
  const auto box = scrolling(html, "Clauses and their tests");
  const auto table = html.element("table");
  write_head_row(html, {"Clause", "Tested", "By"});
  const auto body = html.element("tbody");
  for (const ClauseCoverage& clause : judgement.coverage) {
    const auto row = html.element("tr");
    {
      const auto head = html.element("th", {{"scope", "row"}});
      std::size_t index = 0;
      while (index < judgement.targets.size() && judgement.targets[index].id != clause.id) ++index;
      if (index < judgement.targets.size()) {
        html.leaf("a", clause.id, {{"href", "#" + ids[index]}, {"class", "clause"}});
      } else {
        html.leaf("span", clause.id, {{"class", "clause"}});
      }
      html.text(" " + clause.title);
    }
    const char* word = clause.coverage == Coverage::full   ? "● fully"
                       : clause.coverage == Coverage::part ? "◐ partly"
                                                           : "○ not at all";
    html.leaf("td", word, {{"class", "nowrap"}});
    const auto cell = html.element("td");
    for (std::size_t i = 0; i < clause.cases.size() && i < cases_named; ++i)
      html.leaf("span", clause.cases[i], {{"class", "case"}});
    if (clause.cases.size() > cases_named)
      html.leaf("span", "and " + std::to_string(clause.cases.size() - cases_named) + " more",
                {{"class", "case"}});
    if (!clause.note.empty()) html.leaf("span", clause.note);
  }
}

void write_figure_cells(HtmlWriter& html, const FigureSummary* figure) {
  if (figure == nullptr) {
    for (int i = 0; i < 4; ++i) html.leaf("td", "-");
    return;
  }
  const auto show = [&](const std::optional<double>& value) {
    return value ? value_text(*value, figure->unit) : std::string("-");
  };
  html.leaf("td", figure->fom.substr(figure->fom.rfind('.') + 1));
  html.leaf("td", show(figure->median), {{"class", "number"}});
  html.leaf("td", figure->minimum ? show(figure->minimum) + " to " + show(figure->maximum) : "-",
            {{"class", "number"}});
  std::string share = "-";
  if (figure->peak_share) {
    share = value_text(*figure->peak_share, "1");
    if (figure->peak && figure->peak->basis == PeakBasis::measured) share += " (measured peak)";
  }
  html.leaf("td", share, {{"class", "number"}});
}

void write_cases(HtmlWriter& html, const Judgement& judgement) {
  if (judgement.cases.empty()) return;
  const auto section = html.element("section", {{"id", "cases"}});
  html.leaf("h2", "Cases");
  const auto box = scrolling(html, "Cases");
  const auto table = html.element("table");
  write_head_row(html,
                 {"Case", "Launches", "Devices", "Check", "Figure", "Median", "Range", "Of peak", "Status"});
  const auto body = html.element("tbody");
  for (const CaseSummary& summary : judgement.cases) {
    const std::size_t lines = std::max<std::size_t>(1, summary.figures.size());
    for (std::size_t i = 0; i < lines; ++i) {
      const auto row = html.element("tr");
      if (i == 0) {
        html.leaf("th", summary.label, {{"scope", "row"}});
        html.leaf("td", std::to_string(summary.completed) + "/" + std::to_string(summary.launches),
                  {{"class", "number"}});
        html.leaf("td", thousands(summary.devices), {{"class", "number"}});
        html.leaf("td", summary.check);
      } else {
        html.leaf("td", "", {{"colspan", "4"}});
      }
      write_figure_cells(html, summary.figures.empty() ? nullptr : &summary.figures[i]);
      html.leaf("td", i == 0 ? summary.status : "");
    }
  }
}

void write_register(HtmlWriter& html, const Judgement& judgement) {
  if (judgement.campaigns.empty()) return;
  const auto section = html.element("section", {{"id", "campaigns"}});
  html.leaf("h2", "Campaigns under these targets");
  html.leaf("p", "Every campaign of this system under this targets file is numbered, whatever came of it.");
  const auto box = scrolling(html, "Campaigns");
  const auto table = html.element("table");
  write_head_row(html, {"No.", "Folder", "Started", "Launches counted here", "Headline"});
  const auto body = html.element("tbody");
  for (const RegisteredCampaign& campaign : judgement.campaigns) {
    const auto row = html.element("tr");
    html.leaf("th", std::to_string(campaign.number), {{"scope", "row"}});
    html.leaf("td", campaign.folder + (campaign.is_this ? " (this one)" : ""));
    html.leaf("td", time_text(campaign.started), {{"class", "nowrap"}});
    html.leaf("td", !campaign.evidence_found ? "evidence not found" : campaign.counted ? "yes" : "no");
    html.leaf("td", campaign.is_this && campaign.headline.empty() ? judgement.headline : campaign.headline);
  }
}

void write_machine(HtmlWriter& html, const Judgement& judgement) {
  if (judgement.machine.empty()) return;
  const auto section = html.element("section", {{"id", "machine"}});
  html.leaf("h2", "Machine");
  const auto list = html.element("dl", {{"class", "machine"}});
  for (const auto& [name, text] : judgement.machine) {
    html.leaf("dt", name);
    html.leaf("dd", text);
  }
}

void write_commands(HtmlWriter& html, const Judgement& judgement) {
  if (judgement.commands.empty()) return;
  const auto section = html.element("section", {{"id", "commands"}});
  html.leaf("h2", "Command lines");
  html.leaf("p", "The first start of each geometry, exactly as it ran.");
  for (const std::string& command : judgement.commands) {
    const auto box = html.element("pre");
    html.leaf("code", command);
  }
}

void write_reading_help(HtmlWriter& html, const Judgement& judgement) {
  const auto section = html.element("section", {{"id", "reading"}});
  html.leaf("h2", "How to read this");
  {
    const auto list = html.element("dl", {{"class", "verdicts"}});
    for (const Verdict verdict : verdicts_worst_first) {
      {
        const auto term = html.element("dt");
        write_badge(html, verdict);
      }
      html.leaf("dd", meaning(verdict));
    }
  }
  const std::string needed = e_value_text(e_value_needed(judgement));
  html.leaf("p",
            "The unit of evidence is a launch: one start of the program, one value per device. A target "
            "passes once the "
            "evidence that its limit is met (the E-value) reaches " +
                needed +
                "; it fails once the evidence against it does. Chance alone takes a median that does not "
                "meet its limit that "
                "far at most " +
                value_text(1 - judgement.confidence, "1") +
                " of the time, however often one looks. Nothing that is missing, wrong or timed out counts "
                "as a success.");
  html.leaf("p", "The interval holds " + bounds_text(judgement) +
                     " of the launches: a target passes exactly when its whole interval lies on the accepted "
                     "side of the limit "
                     "(shaded). “Insufficient” means that there are too few launches for an interval. "
                     "Tolerance is part of "
                     "the contract and moves the limit once; a target without one has limit and target in "
                     "the same place.");
  html.leaf("p",
            "A value that misses its target is shown with as many digits as it takes to tell the two apart.");
}

void write_codes(HtmlWriter& html, const Judgement& judgement) {
  std::set<std::string> codes;
  for (const Finding& finding : judgement.findings) codes.insert(finding.code);
  for (const TargetVerdict& target : judgement.targets) {
    for (const Finding& finding : target.findings) codes.insert(finding.code);
  }
  if (codes.empty()) return;
  const auto section = html.element("section", {{"id", "codes"}});
  html.leaf("h2", "Codes in this report");
  const auto box = scrolling(html, "Codes");
  const auto table = html.element("table");
  write_head_row(html, {"Code", "Severity", "Meaning", "What to do"});
  const auto body = html.element("tbody");
  for (const std::string& code : codes) {
    const FindingKind* kind = known_kind(code);
    const auto row = html.element("tr");
    html.leaf("th", code, {{"scope", "row"}, {"class", "code"}});
    html.leaf("td", kind != nullptr ? to_string(kind->severity) : "-");
    html.leaf("td", kind != nullptr ? kind->title : "unknown to this version of Assay");
    html.leaf("td",
              kind != nullptr ? kind->action : "read the report with the version that wrote the verdicts");
  }
}

}  // namespace

void write_appendix(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids) {
  if (!judgement.findings.empty()) {
    const auto section = html.element("section", {{"id", "findings"}});
    html.leaf("h2", "Findings about the campaign");
    write_findings(html, judgement.findings);
  }
  write_coverage(html, judgement, ids);
  write_cases(html, judgement);
  write_register(html, judgement);
  write_machine(html, judgement);
  write_commands(html, judgement);
  write_reading_help(html, judgement);
  write_codes(html, judgement);
}

}  // namespace assay::render
