// training/llm_step: checkpoints beside the training, and the proof that it goes on from the latest one bit
// for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "suites/harness/recorder.h"
#include "suites/io/support/cache_guard.h"
#include "suites/io/support/workspace.h"
#include "suites/training/llm_step/settings.h"
#include "suites/training/llm_step/verdict.h"
#include "suites/training/support/checkpoint.h"
#include "suites/training/support/trainer.h"

namespace assay::bench {

class Checkpointing {
 public:
  /// Collective. A folder of its own on `storage`, which all ranks must see (a state is written by one rank
  /// and read by its data-parallel copies), with room for the two checkpoints that are kept and the one that
  /// is written. Throws the same Error on every rank. What is given outlives this.
  Checkpointing(const Context& context, const std::string& storage, const LlmStepSettings& settings,
                training::Trainer& trainer);

  /// After each step, on every rank: saves when it is time, as a timed part of its own.
  void after_step(Recorder& recorder);

  /// Changes a bit of the latest checkpoint, in a file that this rank reads.
  void plant();

  /// How a training goes on.
  struct Course {
    std::function<void(std::int64_t)> load_from;          ///< micro-batches come from this step on
    std::function<training::StepFingerprint()> one_step;  ///< untimed
  };
  /// Collective. Restores the latest checkpoint and makes the steps since then again (one more before, where
  /// there was none since): each must be the same as in `recorded`, which has one entry for each step so far.
  /// Leaves another state where they differ, so that it comes last.
  Verdict check(training::Fingerprint recorded, const Course& course);

  FigureOfMerit figure() const;
  void add_to(std::map<std::string, std::string>& path) const;
  /// `step_s`: of the steps recorded.
  void add_to(std::map<std::string, double>& metrics, const std::vector<double>& step_s) const;

 private:
  const ProcessGroup& group_;
  training::Trainer& trainer_;
  const std::int64_t every_;
  const std::int64_t tokens_per_step_;
  std::optional<Workspace> workspace_;
  std::optional<training::Checkpoints> checkpoints_;
  std::int64_t bytes_ = 0;  ///< of one checkpoint, all ranks
  std::int64_t saved_ = 0;  ///< step of the latest
  std::vector<double> saves_s_;
  CacheGuard cache_{false};
};

}  // namespace assay::bench
