// For tests: the runs of the independent reference as trainings of one rank.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "suites/training/support/reference_runs.h"
#include "suites/training/support/trainer.h"

namespace assay::training {

inline const std::vector<ReferenceRun>& runs() {
  static const std::vector<ReferenceRun> all = reference_runs(ASSAY_SOURCE_DIR);
  return all;
}

/// A reference run on one rank. Micro-batches come from the whole batch in order.
class Training {
 public:
  Training(const ReferenceRun& run, device::Element element, bool one_by_one, bool recompute)
      : Training(run, device::host_operators(element, 2), one_by_one, recompute) {}
  Training(const ReferenceRun& run, std::unique_ptr<device::Operators> operators, bool one_by_one = false,
           bool recompute = false, std::int64_t warmup = 0)
      : Training(run, device::host(), std::move(operators), one_by_one, recompute, warmup) {}
  /// `operators` are of `device`, which outlives this.
  Training(const ReferenceRun& run, device::Device& device, std::unique_ptr<device::Operators> operators,
           bool one_by_one = false, bool recompute = false, std::int64_t warmup = 0)
      : run_(run), operators_(std::move(operators)) {
    layout_.global_batch = run.batch;
    layout_.micro_batch = one_by_one ? 1 : run.batch;
    layout_.recompute_activations = recompute;
    const OptimizerSettings settings{run.rate,  run.beta1, run.beta2, run.epsilon,
                                     run.decay, run.clip,  warmup};
    trainer_ = std::make_unique<Trainer>(alone_, run_.shape, layout_, Workplace{device, *operators_},
                                         settings, [] { return 0.0; });
    trainer_->initialise(run.seed);
  }

  StepResult step() {
    const std::vector<std::int32_t> tokens = run_.tokens(trainer_->steps());
    const auto row = static_cast<std::size_t>(run_.shape.sequence) + 1;
    return trainer_->step([&](std::int64_t micro_batch) {
      inputs_.clear();
      targets_.clear();
      for (std::int64_t i = 0; i < layout_.micro_batch; ++i) {
        const auto first =
            tokens.begin() + (micro_batch * layout_.micro_batch + i) * static_cast<std::ptrdiff_t>(row);
        inputs_.insert(inputs_.end(), first, first + static_cast<std::ptrdiff_t>(row) - 1);
        targets_.insert(targets_.end(), first + 1, first + static_cast<std::ptrdiff_t>(row));
      }
      return MicroBatch{inputs_.data(), targets_.data()};
    });
  }

  Trainer& trainer() { return *trainer_; }

 private:
  const ReferenceRun& run_;
  ParallelLayout layout_;
  bench::ProcessGroup alone_;
  std::unique_ptr<device::Operators> operators_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<std::int32_t> inputs_, targets_;
};

}  // namespace assay::training
