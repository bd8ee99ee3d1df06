#include "suites/training/llm_step/checkpointing.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "reports/record/unit.h"
#include "suites/harness/agreement.h"
#include "suites/io/support/residency.h"
#include "suites/io/support/storage_error.h"

namespace assay::bench {

namespace {

/// The two that are kept, and the one that is being written.
constexpr std::uint64_t most_at_once = training::Checkpoints::kept + 1;
/// A line for each file, and a page of what the checkpoint is of.
constexpr std::uint64_t manifest_line_bytes = 128, manifest_page_bytes = 4096;

}  // namespace

Checkpointing::Checkpointing(const Context& context, const std::string& storage,
                             const LlmStepSettings& settings, training::Trainer& trainer)
    : group_(context.group),
      trainer_(trainer),
      every_(settings.checkpoint_every),
      tokens_per_step_(settings.tokens_per_step()) {
  const training::CheckpointIdentity identity{settings.shape, settings.layout, settings.element,
                                              settings.optimizer, context.seed};
  const std::uint64_t own = training::Checkpoints(group_, {}, identity).own_bytes(trainer.state());
  const auto ranks = static_cast<std::uint64_t>(group_.size());
  const std::uint64_t manifest = group_.rank() == 0 ? manifest_page_bytes + ranks * manifest_line_bytes : 0;
  bytes_ = group_.sum(static_cast<std::int64_t>(own));
  workspace_.emplace(context, storage, Workspace::Need{most_at_once * (own + manifest), most_at_once * 2});
  checkpoints_.emplace(group_, workspace_->folder(), identity);
}

void Checkpointing::after_step(Recorder& recorder) {
  const std::int64_t step = trainer_.steps();
  if (step % every_ != 0) return;
  for (const std::string& name : checkpoints_->names(step)) workspace_->claim(name);
  const double seconds = recorder.time("checkpoint", [&] { checkpoints_->save(step, trainer_.state()); });
  saved_ = step;
  if (recorder.recording()) saves_s_.push_back(seconds);
}

void Checkpointing::plant() {
  if (saved_ == 0) return;
  const auto [path, bytes] = checkpoints_->files_read(saved_, trainer_.state()).back();
  const OpenFile file = workspace_->open_file(path.filename(), O_RDWR);
  const auto place = static_cast<off_t>(bytes / 2);
  std::byte one{};
  if (pread(file.descriptor(), &one, 1, place) != 1) throw storage_error("plant a fault", path, errno);
  one ^= std::byte{1};
  if (pwrite(file.descriptor(), &one, 1, place) != 1) throw storage_error("plant a fault", path, errno);
}

Verdict Checkpointing::check(training::Fingerprint recorded, const Course& course) {
  Verdict verdict;
  const auto latest = checkpoints_->latest();
  if (!latest || *latest != saved_ || saved_ == 0) {
    verdict.problems.push_back(saved_ == 0 ? "no checkpoint was saved"
                                           : "the checkpoint of step " + std::to_string(saved_) +
                                                 " is not complete any more");
    return verdict;
  }
  if (recorded.back().step == saved_) recorded.push_back(course.one_step());
  try {
    // What is in the page cache is what was meant to be written; what counts is what can be read.
    agree_or_throw(group_, [&] {
      for (const auto& [path, bytes] : checkpoints_->files_read(saved_, trainer_.state()))
        cache_.before(*workspace_, path.filename(), {0, bytes});
    });
    checkpoints_->restore(saved_, trainer_.state());
  } catch (const Error& error) {
    verdict.problems.push_back("the training cannot go on from its checkpoint of step " +
                               std::to_string(saved_) + ": " + error.what());
    return verdict;
  }
  trainer_.resume(saved_);
  course.load_from(saved_);
  training::Fingerprint repeated;
  while (trainer_.steps() < recorded.back().step) repeated.push_back(course.one_step());
  cache_.agree(group_);
  return judge_repetition(recorded, repeated);
}

FigureOfMerit Checkpointing::figure() const {
  return {"checkpoint", std::nullopt, "s", Better::lower, Reduce::median, std::nullopt, "checkpoint"};
}

void Checkpointing::add_to(std::map<std::string, std::string>& path) const {
  std::map<std::string, std::string> where = workspace_->path();
  std::map<std::string, double> seen;
  cache_.add_to(seen);
  const auto resident = seen.find("resident_before_read");
  std::string& words = path["checkpoint"];
  words = "every " + std::to_string(every_) + (every_ == 1 ? " step, " : " steps, ") +
          format_value(static_cast<double>(bytes_), "B") + " on " + where["file_system"] +
          ", through the page cache, files and folder forced to the storage (fsync) within its time; ";
  if (resident == seen.end()) {
    words += "where it was read back from is not known";
  } else if (resident->second <= most_resident_share) {
    words += "read back from the storage";
  } else {
    words += "read back with up to " + format_share(resident->second) + " of a file in the page cache";
  }
  if (where.contains("invalid")) path["invalid"] = where["invalid"];
}

void Checkpointing::add_to(std::map<std::string, double>& metrics, const std::vector<double>& step_s) const {
  metrics["checkpoint_bytes"] = static_cast<double>(bytes_);
  const auto step = reduce_samples(Reduce::median, step_s), save = reduce_samples(Reduce::median, saves_s_);
  if (!step || !save) return;
  const double period_s = *step + *save / static_cast<double>(every_);
  if (period_s > 0)
    metrics["tokens_with_checkpoints_per_s"] = static_cast<double>(tokens_per_step_) / period_s;
}

}  // namespace assay::bench
