#include "suites/training/support/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <set>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/names.h"
#include "suites/harness/agreement.h"
#include "suites/io/support/open_file.h"
#include "suites/io/support/storage_error.h"
#include "suites/training/support/checkpoint_file.h"
#include "suites/training/support/sealed_text.h"

namespace assay::training {

namespace {

using bench::storage_error;

constexpr const char* manifest_suffix = ".complete";
constexpr const char* unfinished_suffix = ".part";

void remove_file(const std::filesystem::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    throw storage_error("remove a checkpoint that is not needed any more", path, errno);
}

/// Names of files are durable when their folder is.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw storage_error("open the folder", folder, errno);
  bench::OpenFile(descriptor, folder).sync();
}

/// The step in "step-0000000040.rank-00003"; absent: no such name.
std::optional<std::int64_t> step_in(const std::string& name) {
  constexpr std::string_view begin = "step-";
  if (!name.starts_with(begin)) return std::nullopt;
  std::int64_t step = 0;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + begin.size(), end, step);
  if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != '.') return std::nullopt;
  return step;
}

struct Found {
  std::set<std::int64_t> complete, all;
};

Found found_in(const std::filesystem::path& folder) {
  Found found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto step = step_in(name);
    if (!step) continue;
    found.all.insert(*step);
    if (name.ends_with(manifest_suffix)) found.complete.insert(*step);
  }
  return found;
}

std::string listed(const std::set<std::int64_t>& steps) {
  std::vector<std::string> texts;
  for (const std::int64_t step : steps) texts.push_back(std::to_string(step));
  return texts.empty() ? "none is" : "those of steps " + join(texts, ", ") + " are";
}

std::string place(std::int64_t step, const std::string& rest) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "step-%010lld", static_cast<long long>(step));
  return text.data() + rest;
}

}  // namespace

Checkpoints::Checkpoints(const bench::ProcessGroup& group, std::filesystem::path folder,
                         const CheckpointIdentity& identity)
    : group_(group), folder_(std::move(folder)), identity_(identity) {}

// ---- Which files there are

CheckpointPart Checkpoints::written(const std::vector<StateBlock>& state) const {
  CheckpointPart file{group_.rank(), {}};
  const bool first = coordinates_of(identity_.layout, file.rank).data == 0;
  std::copy_if(state.begin(), state.end(), std::back_inserter(file.blocks),
               [&](const StateBlock& block) { return first || !block.copied; });
  return file;
}

/// A rank with another data index than 0 reads its own blocks from its own file, and the copied ones from the
/// first one's, where blocks that are not its own have no place in its memory.
std::vector<CheckpointPart> Checkpoints::read(const std::vector<StateBlock>& state) const {
  const CheckpointPart own = written(state);
  Coordinates at = coordinates_of(identity_.layout, own.rank);
  if (at.data == 0) return {own};
  at.data = 0;
  CheckpointPart first{rank_of(identity_.layout, at), state};
  for (StateBlock& block : first.blocks) {
    if (!block.copied) block.begin = nullptr;
  }
  if (own.blocks.empty()) return {first};
  return {first, own};
}

std::filesystem::path Checkpoints::path(std::int64_t step, std::int64_t rank) const {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), ".rank-%05lld", static_cast<long long>(rank));
  return folder_ / place(step, text.data());
}

std::filesystem::path Checkpoints::manifest_path(std::int64_t step) const {
  return folder_ / place(step, manifest_suffix);
}

std::vector<std::string> Checkpoints::names(std::int64_t step) const {
  const std::string own = path(step, group_.rank()).filename().string();
  std::vector<std::string> names = {own, own + unfinished_suffix};
  if (group_.rank() == 0) names.push_back(manifest_path(step).filename().string());
  return names;
}

std::vector<std::pair<std::filesystem::path, std::uint64_t>> Checkpoints::files_read(
    std::int64_t step, const std::vector<StateBlock>& state) const {
  std::vector<std::pair<std::filesystem::path, std::uint64_t>> files;
  for (const CheckpointPart& file : read(state)) files.emplace_back(path(step, file.rank), file.bytes());
  return files;
}

std::uint64_t Checkpoints::own_bytes(const std::vector<StateBlock>& state) const {
  return written(state).bytes();
}

std::optional<std::int64_t> Checkpoints::latest() const {
  std::int64_t step = -1;
  bench::agree_or_throw(group_, [&] {
    if (group_.rank() != 0) return;
    const Found found = found_in(folder_);
    if (!found.complete.empty()) step = *found.complete.rbegin();
  });
  group_.broadcast(&step, sizeof step, 0);
  if (step < 0) return std::nullopt;
  return step;
}

// ---- Saving

void Checkpoints::write_manifest(std::int64_t step, const std::vector<std::string>& files) const {
  sync_folder(folder_);
  std::vector<std::string> lines = lines_of(identity_, step);
  std::copy_if(files.begin(), files.end(), std::back_inserter(lines),
               [](const std::string& line) { return !line.empty(); });
  write_file(manifest_path(step), seal(lines));
  sync_folder(folder_);
}

void Checkpoints::save(std::int64_t step, const std::vector<StateBlock>& state) const {
  const CheckpointPart own = written(state);
  const bool writes = !own.blocks.empty(), first = group_.rank() == 0;
  const std::filesystem::path finished = path(step, own.rank);
  std::filesystem::path unfinished = finished;
  unfinished += unfinished_suffix;
  std::string line;
  try {
    bench::agree_or_throw(group_, [&] {
      // A step that is saved again is no checkpoint until it is complete again.
      if (first) remove_file(manifest_path(step));
      if (writes) line = write_checkpoint_file(unfinished, lines_of(identity_, step), own);
    });
    const std::vector<std::string> lines = group_.gather(line, 0);
    bench::agree_or_throw(group_, [&] {
      if (writes && rename(unfinished.c_str(), finished.c_str()) != 0)
        throw storage_error("give the file its name", finished, errno);
    });
    bench::agree_or_throw(group_, [&] {
      if (first) write_manifest(step, lines);
    });
  } catch (...) {
    if (first) unlink(manifest_path(step).c_str());
    unlink(unfinished.c_str());
    unlink(finished.c_str());
    throw;
  }
  remove_older();
}

/// Only rank 0 lists the folder; what a save that was cut short left behind goes too.
void Checkpoints::remove_older() const {
  std::string text;
  bench::agree_or_throw(group_, [&] {
    if (group_.rank() != 0) return;
    Found found = found_in(folder_);
    while (found.complete.size() > kept) {
      // Without its manifest it is no checkpoint, whatever of it is still there.
      remove_file(manifest_path(*found.complete.begin()));
      found.complete.erase(found.complete.begin());
    }
    sync_folder(folder_);
    for (const std::int64_t step : found.all) {
      if (!found.complete.contains(step)) text += std::to_string(step) + " ";
    }
  });
  text = bench::broadcast_text(group_, text, 0);
  bench::agree_or_throw(group_, [&] {
    for (std::size_t begin = 0, end = 0; (end = text.find(' ', begin)) != std::string::npos;
         begin = end + 1) {
      std::filesystem::path old = path(std::stoll(text.substr(begin, end - begin)), group_.rank());
      remove_file(old);
      remove_file(old += unfinished_suffix);
    }
  });
}

// ---- Restoring

void Checkpoints::restore(std::int64_t step, const std::vector<StateBlock>& state) const {
  std::string text;
  bench::agree_or_throw(group_, [&] {
    if (group_.rank() != 0) return;
    const Found found = found_in(folder_);
    if (!found.complete.contains(step)) {
      throw bad_input("there is no complete checkpoint of step " + std::to_string(step) + " (" +
                          listed(found.complete) + " complete)",
                      "resume from one that is complete, or train anew", {folder_.string()});
    }
    text = read_file(manifest_path(step));
  });
  text = bench::broadcast_text(group_, text, 0);
  const std::vector<std::string> about = lines_of(identity_, step);
  std::vector<CheckpointFile> files;
  bench::agree_or_throw(group_, [&] {
    const auto manifest = unseal(text);
    if (!manifest)
      throw bad_input("the manifest of the checkpoint is damaged", another_checkpoint,
                      {manifest_path(step).string()});
    require_same_training(*manifest, about, manifest_path(step));
    for (const CheckpointPart& part : read(state)) {
      files.emplace_back(path(step, part.rank), about, part, *manifest);
      files.back().read(CheckpointFile::Reading::compare);
    }
  });
  // What goes wrong from here on leaves a state that is no longer one: the caller gives up.
  bench::agree_or_throw(group_, [&] {
    for (const CheckpointFile& file : files) file.read(CheckpointFile::Reading::restore);
  });
}

}  // namespace assay::training
