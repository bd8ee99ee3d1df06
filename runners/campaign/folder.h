// Writing a campaign's folder. Everything is only ever added; nothing that was measured is overwritten.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/base/files.h"
#include "reports/evidence/chain.h"
#include "reports/judge/finding.h"
#include "reports/judge/targets.h"
#include "reports/record/record.h"

namespace assay {

/// Keeps a second runner off the folder while it lives; a kill releases it.
class FolderLock {
 public:
  /// Throws Error(cannot_run) when another runner has it.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

class CampaignFolder {
 public:
  /// Makes parent/NAME-UTC (with -2, -3, ... when that exists already). Throws Error(cannot_run).
  CampaignFolder(const std::filesystem::path& parent, const std::string& plan_name);

  const std::filesystem::path& path() const { return path_; }
  std::string name() const { return path_.filename().string(); }

  /// A copy of a given file, byte for byte.
  void keep(const char* name, std::string_view content) const;
  /// A file of evidence under attachments/, named by its hash; gives the hash.
  std::string attach(std::string_view content) const;
  /// Takes over a file that a worker left in `from`, named by its hash. Throws Error(cannot_run) when it is
  /// missing or its content has another hash.
  void adopt(const std::filesystem::path& from, const std::string& hash) const;
  void journal(const std::string& event, const ChainValues& values);
  void finding(const Finding& finding);
  /// One durable write for all records of a start.
  void add(const std::vector<Record>& records);
  /// Makes starts/<n>/ (with one folder per group when there are several) and gives the groups' folders.
  std::vector<std::filesystem::path> start_folders(int start,
                                                   const std::vector<std::vector<std::string>>& groups) const;

 private:
  std::filesystem::path path_;
  std::optional<FolderLock> lock_;
  std::optional<ChainFile> journal_;
  std::optional<AppendFile> records_;
};

/// A small file that is no evidence by itself (the journal has its content): written without waiting for the
/// disk. Throws Error(cannot_run).
void write_quickly(const std::filesystem::path& path, std::string_view content);

/// The file that a document clause names: beside the targets file, when not absolute.
std::filesystem::path document_path(const DocumentClause& clause, const std::string& targets_file);

}  // namespace assay
