// campaigns/REGISTER.jsonl, "assay.register/1": every campaign that was ever started here, hash-chained, so
// that nobody shows the best of N. Events: "started" (number, folder, system, targets_sha256, plan_sha256)
// and "finished" (folder, headline). Campaigns are numbered from 1 under one targets file and one system.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

inline constexpr std::string_view register_schema = "assay.register/1";

struct RegisterEntry {
  int number = 0;
  std::string folder;  ///< name beside the register
  std::string system;
  std::string targets_sha256, plan_sha256;
  std::string started;   ///< UTC
  std::string headline;  ///< empty: never finished
};

/// All campaigns in the order of their start. An absent file has none. Throws Error(bad_input) for a broken
/// chain.
std::vector<RegisterEntry> read_register(const std::filesystem::path& file);

/// The entries of the same targets file and system as campaign `number` in `folder`, itself included, in
/// order. Empty when that campaign is not registered (a folder that was renamed to another's name is not).
std::vector<RegisterEntry> siblings_of(const std::string& folder, int number,
                                       const std::vector<RegisterEntry>& all);

/// Gives `entry` its number and appends it. Two runners at a time are kept apart by a lock on the file.
/// Throws Error(cannot_run) when it cannot be written, Error(bad_input) for a broken chain.
int register_started(const std::filesystem::path& file, RegisterEntry entry);
void register_finished(const std::filesystem::path& file, const std::string& folder, const std::string& time,
                       const std::string& headline);

}  // namespace assay
