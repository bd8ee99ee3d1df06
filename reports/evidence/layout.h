// The names inside a campaign's folder, and of the register beside the folders: one home for each.
#pragma once

#include <filesystem>
#include <string>

namespace assay::layout {

// Evidence.
inline constexpr const char* plan = "plan.toml";
inline constexpr const char* targets = "targets.toml";
inline constexpr const char* site = "site.toml";
inline constexpr const char* machine = "machine.json";
inline constexpr const char* journal = "journal.jsonl";
inline constexpr const char* records = "records.jsonl";
inline constexpr const char* attachments = "attachments";
inline constexpr const char* scratch = "scratch";  // where storage is measured; gone afterwards
inline constexpr const char* starts = "starts";
// Within starts/<n>/ (or starts/<n>/<group>/ when a start has several process groups).
inline constexpr const char* request = "request.json";
inline constexpr const char* results = "results.jsonl";
inline constexpr const char* standard_output = "stdout.txt";
inline constexpr const char* standard_error = "stderr.txt";
inline constexpr const char* command = "command.txt";
// Derived: may be deleted and built again.
inline constexpr const char* verdicts = "verdicts.json";
inline constexpr const char* html = "report.html";
inline constexpr const char* junit = "junit.xml";
inline constexpr const char* summary = "summary.md";
inline constexpr const char* csv = "results.csv";
// No evidence: keeps two runners off one folder.
inline constexpr const char* lock = ".lock";

/// Beside the campaigns' folders.
inline constexpr const char* register_file = "REGISTER.jsonl";

inline std::filesystem::path start_folder(const std::filesystem::path& campaign, int start) {
  return campaign / starts / std::to_string(start);
}

}  // namespace assay::layout
