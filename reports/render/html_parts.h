// The sections of report.html. Each writes one part of the page; render_html.cpp puts them in order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/judge/judgement.h"
#include "reports/render/html_writer.h"
#include "reports/render/svg_strip.h"

namespace assay::render {

/// Symbol and word of a verdict, in its colour.
void write_badge(HtmlWriter& html, Verdict verdict);
/// ">= 5" as "≥ 5".
std::string typographic(std::string text);
/// The cells of a head row, with scope.
void write_head_row(HtmlWriter& html, const std::vector<std::string>& names);
/// Findings with code, severity and next action.
void write_findings(HtmlWriter& html, const std::vector<Finding>& findings);

/// What a target is called in links: "#target-4.2.1". One per target, unique in the page.
std::vector<std::string> target_ids(const Judgement& judgement);

// html_summary.cpp: the first screen.
void write_summary(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids);

// html_target.cpp: each target with its evidence.
void write_targets(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids);

// html_strip.cpp: pictures.
void write_strip(HtmlWriter& html, const PartVerdict& part, const std::string& bounds);
void write_fleet(HtmlWriter& html, const PartVerdict& part);

// html_appendix.cpp: everything that stands behind the verdicts.
void write_appendix(HtmlWriter& html, const Judgement& judgement, const std::vector<std::string>& ids);

}  // namespace assay::render
