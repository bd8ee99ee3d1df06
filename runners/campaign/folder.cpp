#include "runners/campaign/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "reports/base/error.h"
#include "reports/base/utc.h"
#include "reports/evidence/journal.h"
#include "reports/evidence/layout.h"
#include "reports/evidence/register.h"
#include "reports/record/record_json.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

Error cannot_make(const fs::path& path, const std::string& reason) {
  return {ExitStatus::cannot_run, "cannot make the folder " + path.string() + ": " + reason,
          "choose another place with --out, or free some space"};
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw cannot_make(path, error.message());
}

fs::path new_folder(const fs::path& parent, const std::string& plan_name) {
  make_folder(parent);
  std::string name;
  for (const char c : plan_name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += plain ? c : '-';
  }
  name += "-" + utc_compact();
  // The register keeps the names of folders that are gone: taking one again would hide a campaign.
  std::set<std::string> taken;
  for (const RegisterEntry& entry : read_register(parent / layout::register_file)) taken.insert(entry.folder);
  for (int attempt = 1;; ++attempt) {
    const fs::path path = parent / (attempt == 1 ? name : name + "-" + std::to_string(attempt));
    if (taken.contains(path.filename().string())) continue;
    std::error_code error;
    if (fs::create_directory(path, error)) return path;
    if (error) throw cannot_make(path, error.message());
  }
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path file = folder / layout::lock;
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw Error(ExitStatus::cannot_run, "cannot write " + file.string() + ": " + std::strerror(errno),
                "check the folder's permissions");
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw Error(ExitStatus::cannot_run, "another assay is writing to " + folder.string(),
                "wait for it, or end it");
  }
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

CampaignFolder::CampaignFolder(const fs::path& parent, const std::string& plan_name)
    : path_(new_folder(parent, plan_name)) {
  lock_.emplace(path_);
  journal_.emplace(path_ / layout::journal, journal_schema);
  records_.emplace(path_ / layout::records);
}

void CampaignFolder::keep(const char* name, std::string_view content) const {
  write_file(path_ / name, content);
}

std::string CampaignFolder::attach(std::string_view content) const {
  const std::string hash = sha256_hex(content);
  make_folder(path_ / layout::attachments);
  write_file(path_ / layout::attachments / hash, content);
  return hash;
}

void CampaignFolder::adopt(const fs::path& from, const std::string& hash) const {
  const fs::path file = from / hash;
  std::string content;
  try {
    content = read_file(file);
  } catch (const Error&) {
    throw Error(ExitStatus::cannot_run, "attachment " + hash + " is missing (" + file.string() + ")",
                "check that this node sees what the compute nodes write");
  }
  if (sha256_hex(content) != hash) {
    throw Error(ExitStatus::cannot_run,
                "attachment " + hash + " has another content than its name says (" + file.string() + ")",
                "look for a full or damaged disk");
  }
  attach(content);
  std::error_code kept;  // a second copy in the start's folder does no harm
  fs::remove(file, kept);
  fs::remove(from, kept);
}

void CampaignFolder::journal(const std::string& event, const ChainValues& values) {
  journal_->append(utc_now(), event, values);
}

void CampaignFolder::finding(const Finding& finding) {
  journal("finding", {{"code", finding.code}, {"text", finding.text}});
}

void CampaignFolder::add(const std::vector<Record>& records) {
  std::string lines;
  for (const Record& record : records) lines += to_json_line(record) + "\n";
  if (!lines.empty()) records_->append(lines);
}

std::vector<fs::path> CampaignFolder::start_folders(
    int start, const std::vector<std::vector<std::string>>& groups) const {
  const fs::path folder = layout::start_folder(path_, start);
  std::vector<fs::path> folders;
  for (const auto& nodes : groups) {
    folders.push_back(groups.size() == 1 ? folder : folder / nodes.front());
    make_folder(folders.back());
  }
  return folders;
}

void write_quickly(const fs::path& path, std::string_view content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  int reason = descriptor < 0 ? errno : 0;
  while (reason == 0 && !content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written >= 0) {
      content.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      reason = errno;
    }
  }
  if (descriptor >= 0) ::close(descriptor);
  if (reason != 0) {
    throw Error(ExitStatus::cannot_run, "cannot write " + path.string() + ": " + std::strerror(reason),
                "free some space and run the same command again");
  }
}

fs::path document_path(const DocumentClause& clause, const std::string& targets_file) {
  const fs::path given = clause.file;
  return given.is_absolute() ? given : fs::path(targets_file).parent_path() / given;
}

}  // namespace assay
