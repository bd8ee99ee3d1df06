// Telling: every format is a pure function of the judgement.
#pragma once

#include <string>

#include "reports/judge/judgement.h"

namespace assay {

/// The verdict table for a terminal; `width` in columns, `colour` with ANSI colours.
std::string render_text(const Judgement& judgement, int width = 100, bool colour = false);
std::string render_json(const Judgement& judgement);      ///< "assay.verdicts/1"
std::string render_junit(const Judgement& judgement);     ///< for GitLab, Jenkins, GitHub
std::string render_markdown(const Judgement& judgement);  ///< for a pull request or a job summary
std::string render_csv(const Judgement& judgement);       ///< one line per target part
std::string render_html(const Judgement& judgement);      ///< one self-contained file, no script, no network

}  // namespace assay
