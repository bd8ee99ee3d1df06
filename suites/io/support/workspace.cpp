#include "suites/io/support/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include "reports/record/unit.h"
#include "suites/harness/agreement.h"
#include "suites/harness/parameters.h"
#include "suites/io/support/memory_size.h"
#include "suites/io/support/pattern.h"
#include "suites/io/support/storage_error.h"

namespace assay::bench {

namespace {

constexpr std::uint64_t reserve_bytes = std::uint64_t{16} << 20;
constexpr std::uint64_t reserve_share = 64;
constexpr auto look_again = std::chrono::milliseconds(10);

/// Host, process and a random number: two campaigns on one file system never meet.
std::string unique_name() {
  char host[65] = "host";
  gethostname(host, sizeof host - 1);
  std::string short_host(host);
  short_host = short_host.substr(0, short_host.find('.'));
  for (char& c : short_host) {
    if (c == '/' || c == ' ') c = '-';
  }
  std::random_device random;
  char number[20];
  std::snprintf(number, sizeof number, "%08x%08x", random(), random());
  return "assay-" + short_host + "-" + std::to_string(getpid()) + "-" + number;
}

std::string too_small(const std::string& what, const std::string& free, const std::string& needed) {
  return free + what + " are free here, " + needed + " are needed with a reserve (nothing was written)";
}

std::string count(double files) {
  return std::to_string(static_cast<std::uint64_t>(files));
}

}  // namespace

ParameterSpec storage_parameter() {
  return text_parameter("storage", "scratch", "name of the folder to measure in, as the site file names it");
}

std::string storage_unsupported(const Context& context, const std::string& storage) {
  if (context.storage.contains(storage)) return {};
  return "no folder is named for the storage '" + storage +
         "'; name one under [storage] in the site file, or by hand with --folder " + storage + "=PATH";
}

Workspace::Workspace(const Context& context, const std::string& storage, Need need, const Options& options) {
  const ProcessGroup& group = context.group;
  const auto named = context.storage.find(storage);
  if (named == context.storage.end()) throw bad_input(storage_unsupported(context, storage));
  parent_ = named->second;
  agree_or_throw(group, [&] { file_system_ = file_system_of(parent_); });
  file_system_.in_memory = agree_on(group, file_system_.in_memory);
  try {
    make_folder_everywhere(group, options);
    agree_or_throw(group, [&] { check_space(group, need, options); });
  } catch (...) {
    clear();
    throw;
  }
}

Workspace::~Workspace() {
  clear();
}

/// Whether the nodes share the file system is decided by mkdir: on another node it finds rank 0's folder (the
/// server says so, whatever a client has in its cache), or makes one of the same name.
void Workspace::make_folder_everywhere(const ProcessGroup& group, const Options& options) {
  const std::string name = broadcast_text(group, unique_name(), 0);
  folder_ = parent_ / name;
  const auto make = [&] {
    if (mkdir(folder_.c_str(), 0700) != 0) throw storage_error("make a folder", folder_, errno);
  };
  agree_or_throw(group, [&] {
    if (group.rank() == 0) make();
  });
  ours_ = true;
  const bool speaks_for_node = first_on_node(group);
  const bool elsewhere = speaks_for_node && group.node_of(group.rank()) != group.node_of(0);
  bool found = false;
  agree_or_throw(group, [&] {
    if (!elsewhere) return;
    if (mkdir(folder_.c_str(), 0700) == 0) return;
    if (errno != EEXIST) throw storage_error("make a folder", folder_, errno);
    found = true;
  });
  const std::int64_t others = group.sum(elsewhere ? 1 : 0);
  const std::int64_t finders = group.sum(found ? 1 : 0);
  shared_ = finders == others;
  agree_or_throw(group, [&] {
    if (shared_ || (finders == 0 && !options.shared)) return;
    if (!elsewhere || found) return;
    throw Error(ExitStatus::cannot_run,
                "node " + group.node_of(group.rank()) + " (" + text_of(file_system_) +
                    ") does not see what node " + group.node_of(0) +
                    " writes here: not a shared file system, or not mounted",
                "mount it on every node, or name a folder that all nodes share", Location{parent_.string()});
  });
  agree_or_throw(group, [&] {
    const auto tries = static_cast<long>(std::ceil(options.visible_within_s / 0.01));
    struct stat status {};
    for (long i = 0; stat(folder_.c_str(), &status) != 0; ++i) {
      if (i >= tries) throw storage_error("see the folder that rank 0 made", folder_, errno);
      std::this_thread::sleep_for(look_again);
    }
  });
}

void Workspace::check_space(const ProcessGroup& group, Need need, const Options& options) const {
  // Every rank tells its need; doubles are exact to 9 PB a rank.
  std::vector<double> bytes(static_cast<std::size_t>(group.size()));
  std::vector<double> files(bytes.size());
  bytes[static_cast<std::size_t>(group.rank())] = static_cast<double>(need.bytes);
  files[static_cast<std::size_t>(group.rank())] = static_cast<double>(need.files);
  group.maximum(bytes);
  group.maximum(files);
  double needed_bytes = 0;
  double needed_files = 0;
  for (int rank = 0; rank < group.size(); ++rank) {
    if (!shared_ && group.node_of(rank) != group.node_of(group.rank())) continue;
    needed_bytes += bytes[static_cast<std::size_t>(rank)];
    needed_files += files[static_cast<std::size_t>(rank)];
  }
  needed_bytes +=
      std::floor(needed_bytes / static_cast<double>(reserve_share)) + static_cast<double>(reserve_bytes);
  const Location where{parent_.string()};
  const double free_bytes = static_cast<double>(options.free_bytes.value_or(file_system_.free_bytes));
  if (free_bytes < needed_bytes) {
    throw Error(ExitStatus::cannot_run,
                too_small("", format_value(free_bytes, "B"), format_value(needed_bytes, "B")),
                "free some space, or ask for fewer bytes or ranks", where);
  }
  const double free_files = static_cast<double>(options.free_files.value_or(file_system_.free_files));
  const bool counted = file_system_.total_files > 0 || options.free_files;
  if (counted && free_files < needed_files + 16) {
    throw Error(ExitStatus::cannot_run, too_small(" inodes", count(free_files), count(needed_files + 16)),
                "remove some files, or ask for fewer", where);
  }
}

std::uint64_t Workspace::identity() const {
  std::uint64_t number = 0;
  for (const char c : folder_.filename().string()) number = mix_bits(number ^ static_cast<unsigned char>(c));
  return number;
}

std::filesystem::path Workspace::claim(const std::string& name) {
  files_.push_back(name);
  return folder_ / name;
}

std::filesystem::path Workspace::claim_folder(const std::string& name) {
  folders_.push_back(name);
  return folder_ / name;
}

std::filesystem::path Workspace::make_folder(const std::string& name) {
  std::filesystem::path path = folder_ / name;
  if (mkdir(path.c_str(), 0700) != 0) throw storage_error("make a folder", path, errno);
  folders_.push_back(name);
  return path;
}

OpenFile Workspace::create_file(const std::string& name, int flags) {
  const std::filesystem::path path = folder_ / name;
  const int descriptor = open(path.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) throw storage_error("make a file", path, errno);
  OpenFile file(descriptor, path);
  files_.push_back(name);
  return file;
}

OpenFile Workspace::open_file(const std::string& name, int flags) const {
  const std::filesystem::path path = folder_ / name;
  const int descriptor = open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) throw storage_error("open the file", path, errno);
  return {descriptor, path};
}

void Workspace::remove_files() noexcept {
  if (files_.empty()) return;
  const int folder = open(folder_.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  if (folder < 0) return;
  for (const std::string& name : files_) unlinkat(folder, name.c_str(), 0);
  close(folder);
}

void Workspace::clear() noexcept {
  if (!ours_) return;
  remove_files();
  files_.clear();
  const int folder = open(folder_.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  if (folder >= 0) {
    for (auto name = folders_.rbegin(); name != folders_.rend(); ++name) {
      unlinkat(folder, name->c_str(), AT_REMOVEDIR);
    }
    close(folder);
  }
  folders_.clear();
  rmdir(folder_.c_str());  // whichever rank comes last finds it empty
}

std::map<std::string, std::string> Workspace::path() const {
  std::map<std::string, std::string> path{{"file_system", text_of(file_system_)}};
  if (!file_system_.mount_point.empty()) path["mount_point"] = file_system_.mount_point;
  if (!file_system_.in_memory.empty()) path["invalid"] = file_system_.in_memory + ": no storage was measured";
  return path;
}

}  // namespace assay::bench
