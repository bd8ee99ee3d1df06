#include "reports/evidence/journal.h"

namespace assay {

JournalStory read_journal(const std::filesystem::path& file) {
  const Chain chain = read_chain(file, journal_schema);
  JournalStory story;
  story.truncated_last_line = chain.truncated_last_line;
  for (const ChainEntry& entry : chain.entries) {
    if (entry.event == "campaign_started") {
      story.started = entry.time;
      story.system = entry.text("system");
      story.plan_sha256 = entry.text("plan_sha256");
      story.targets_sha256 = entry.text("targets_sha256");
      story.number = static_cast<int>(entry.integer("number"));
    } else if (entry.event == "measured") {
      story.finished = entry.time;
    } else if (entry.event == "start_started") {
      story.starts.push_back(
          {static_cast<int>(entry.integer("start")), entry.texts("cases"), entry.text("command"), false});
    } else if (entry.event == "start_finished") {
      const auto start = static_cast<int>(entry.integer("start"));
      for (JournalStory::Start& one : story.starts) {
        if (one.start != start) continue;
        one.attempted = entry.texts("attempted");
        one.finished = true;
      }
    } else if (entry.event == "node_conceded") {
      story.conceded.emplace(entry.text("node"), entry.text("reason"));
    } else if (entry.event == "document") {
      story.documents[entry.text("id")] = entry.text("sha256");
    } else if (entry.event == "finding") {
      story.findings.push_back({entry.text("code"), entry.text("text")});
    } else if (entry.event == "interrupted") {
      story.stopped = true;
      story.findings.push_back({"ASY-4007", "interrupted by " + entry.text("signal") + " at " + entry.time});
    } else if (entry.event == "stopped") {
      story.stopped = true;
      story.findings.push_back({"ASY-4007", "stopped at " + entry.time + ": " + entry.text("reason")});
    }
  }
  return story;
}

}  // namespace assay
