#include <cstdio>
#include <optional>
#include <utility>

#include "reports/base/files.h"
#include "reports/render/render.h"
#include "runners/cli/commands.h"
#include "runners/cli/console.h"
#include "runners/cli/find.h"
#include "runners/cli/knowledge.h"

namespace assay {
namespace {

Judgement assessed(const std::string& campaign, const std::string& targets) {
  std::optional<OtherTargets> other;
  if (!targets.empty()) {
    const std::string file = find_targets(targets).string();
    other = OtherTargets{read_file(file), file};
  }
  return assess(campaign, embedded_knowledge(), other);
}

void deliver(const std::string& file, const std::string& content) {
  if (file == "-") {
    if (std::fwrite(content.data(), 1, content.size(), stdout) != content.size() ||
        std::fflush(stdout) != 0) {
      throw Error(ExitStatus::cannot_run, "cannot write to standard output",
                  "is its reader gone, or the disk full?");
    }
  } else {
    write_file(file, content);
  }
}

}  // namespace

ExitStatus judge_command(const JudgeOptions& options) {
  const Judgement judgement = assessed(options.campaign, options.targets);
  deliver("-", render_text(judgement, terminal_width(stdout, 100), is_terminal(stdout)));
  return judgement.exit_status;
}

ExitStatus report_command(const ReportOptions& options) {
  const std::pair<const std::string&, std::string (*)(const Judgement&)> formats[] = {
      {options.html, render_html},         {options.json, render_json}, {options.junit, render_junit},
      {options.markdown, render_markdown}, {options.csv, render_csv},
  };
  const Judgement judgement = assessed(options.campaign, options.targets);
  bool any = false;
  for (const auto& [file, render] : formats) {
    if (file.empty()) continue;
    deliver(file, render(judgement));
    any = true;
  }
  if (!any) {
    write_derived(judgement, options.campaign);
    std::printf("%s\n", (std::filesystem::path(options.campaign) / "report.html").c_str());
  }
  // Writing a report succeeded, whatever it says; `assay judge` has the verdict as its status.
  return ExitStatus::pass;
}

}  // namespace assay
