#include "reports/evidence/register.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reports/base/error.h"
#include "reports/evidence/chain.h"

namespace assay {
namespace {

/// Held while one line is added; ends with the process, however that ends.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& file) {
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX) != 0) {
      const int reason = errno;
      if (descriptor_ >= 0) ::close(descriptor_);
      throw Error(ExitStatus::cannot_run, "cannot lock " + file.string() + ": " + std::strerror(reason),
                  "choose a folder on a writable file system with --out");
    }
  }
  ~FileLock() { ::close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

bool same_series(const RegisterEntry& a, const RegisterEntry& b) {
  return a.targets_sha256 == b.targets_sha256 && a.system == b.system;
}

}  // namespace

std::vector<RegisterEntry> read_register(const std::filesystem::path& file) {
  std::vector<RegisterEntry> all;
  for (const ChainEntry& line : read_chain(file, register_schema).entries) {
    if (line.event == "started") {
      all.push_back({static_cast<int>(line.integer("number")), line.text("folder"), line.text("system"),
                     line.text("targets_sha256"), line.text("plan_sha256"), line.time, ""});
    } else if (line.event == "finished") {
      for (RegisterEntry& entry : all) {
        if (entry.folder == line.text("folder")) entry.headline = line.text("headline");
      }
    }
  }
  return all;
}

std::vector<RegisterEntry> siblings_of(const std::string& folder, int number,
                                       const std::vector<RegisterEntry>& all) {
  const auto self = std::find_if(all.begin(), all.end(), [&](const RegisterEntry& e) {
    return e.folder == folder && e.number == number;
  });
  std::vector<RegisterEntry> siblings;
  if (self == all.end()) return siblings;
  std::copy_if(all.begin(), all.end(), std::back_inserter(siblings),
               [&](const RegisterEntry& e) { return same_series(e, *self); });
  return siblings;
}

int register_started(const std::filesystem::path& file, RegisterEntry entry) {
  const FileLock lock(file);
  int number = 1;
  for (const RegisterEntry& earlier : read_register(file)) {
    if (same_series(earlier, entry)) number = std::max(number, earlier.number + 1);
  }
  ChainFile(file, register_schema)
      .append(entry.started, "started",
              {{"number", std::int64_t{number}},
               {"folder", entry.folder},
               {"system", entry.system},
               {"targets_sha256", entry.targets_sha256},
               {"plan_sha256", entry.plan_sha256}});
  return number;
}

void register_finished(const std::filesystem::path& file, const std::string& folder, const std::string& time,
                       const std::string& headline) {
  const FileLock lock(file);
  ChainFile(file, register_schema).append(time, "finished", {{"folder", folder}, {"headline", headline}});
}

}  // namespace assay
