// The whole step against the independent reference: tests/reference/llm_reference.json.
#include "suites/training/support/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/training/support/noisy_operators.h"
#include "suites/training/support/reference_runs.h"

namespace assay::training {
namespace {

using device::Element;

const std::vector<ReferenceRun>& runs() {
  static const std::vector<ReferenceRun> all = reference_runs(ASSAY_SOURCE_DIR);
  return all;
}

/// A reference run on one rank. Micro-batches come from the whole batch in order.
class Training {
 public:
  Training(const ReferenceRun& run, Element element, bool one_by_one, bool recompute)
      : Training(run, device::host_operators(element, 2), one_by_one, recompute) {}
  Training(const ReferenceRun& run, std::unique_ptr<device::Operators> operators, bool one_by_one = false,
           bool recompute = false)
      : run_(run), operators_(std::move(operators)) {
    layout_.global_batch = run.batch;
    layout_.micro_batch = one_by_one ? 1 : run.batch;
    layout_.recompute_activations = recompute;
    const OptimizerSettings settings{run.rate, run.beta1, run.beta2, run.epsilon, run.decay, run.clip};
    trainer_ =
        std::make_unique<Trainer>(alone_, run_.shape, layout_, *operators_, settings, [] { return 0.0; });
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

TEST(Trainer, IsTheReferenceToNineDigitsInF64) {
  for (const ReferenceRun& run : runs()) {
    for (const bool recompute : {false, true}) {
      Training training(run, Element::f64, recompute, recompute);
      for (std::size_t step = 0; step < run.losses.size(); ++step) {
        const StepResult result = training.step();
        EXPECT_NEAR(result.loss, run.losses[step], 1e-9 * run.losses[step]) << run.name << " " << step;
        EXPECT_NEAR(result.gradient_norm, run.gradient_norms[step], 1e-9 * run.gradient_norms[step])
            << run.name << " " << step;
      }
    }
  }
}

std::vector<double> losses_of(const ReferenceRun& run, std::unique_ptr<device::Operators> operators) {
  Training training(run, std::move(operators));
  std::vector<double> losses;
  for (std::size_t step = 0; step < run.losses.size(); ++step) losses.push_back(training.step().loss);
  return losses;
}

TEST(Trainer, NarrowerFormatsStayAsNearAsTheirRoundingsAllow) {
  const std::pair<Element, double> formats[] = {{Element::f32, 0x1p-24}, {Element::bf16, 0x1p-8}};
  for (const auto& [element, unit] : formats) {
    if (!device::host().gemm_unsupported(element).empty()) continue;
    for (const ReferenceRun& run : runs()) {
      const std::vector<double> scatter = scatter_of_roundings(
          unit, run.losses, [&](auto operators) { return losses_of(run, std::move(operators)); });
      const auto farthest = [&](const std::vector<double>& losses) {
        double worst = 0;
        for (std::size_t step = 0; step < losses.size(); ++step)
          worst = std::max(worst, std::abs(losses[step] - run.losses[step]) / scatter[step]);
        return worst;
      };
      const std::string which = std::string(device::name_of(element)) + ", " + run.name;
      EXPECT_LE(farthest(losses_of(run, device::host_operators(element, 2))), 4) << which;
      // Errors that are a hundred times as large would be seen.
      EXPECT_GT(farthest(losses_of(run, std::make_unique<NoisyOperators>(100 * unit, 9))), 4) << which;
    }
  }
}

TEST(Trainer, NothingOfOneStepIsLeftForTheNext) {
  for (const ReferenceRun& run : runs()) {
    Training plain(run, Element::f32, true, false), poisoned(run, Element::f32, true, false);
    for (int step = 0; step < 3; ++step) {
      poisoned.trainer().poison();
      EXPECT_EQ(plain.step().loss, poisoned.step().loss) << run.name;
      EXPECT_EQ(plain.trainer().checksum(), poisoned.trainer().checksum()) << run.name;
    }
  }
}

TEST(Trainer, AFlippedBitShowsInEveryLaterStep) {
  Training right(runs().front(), Element::f32, false, false),
      wrong(runs().front(), Element::f32, false, false);
  right.step();
  wrong.step();
  ASSERT_EQ(right.trainer().checksum(), wrong.trainer().checksum());
  // The highest bit of the mantissa of a gain.
  const LocalTensor* gain = wrong.trainer().local().find(Role::last_norm_gain, after_layers);
  ASSERT_NE(gain, nullptr);
  wrong.trainer().weights(gain->offset)[2] ^= std::byte{0x40};
  EXPECT_NE(right.trainer().checksum(), wrong.trainer().checksum());
  for (int step = 0; step < 3; ++step) {
    EXPECT_NE(right.step().loss, wrong.step().loss);
    EXPECT_NE(right.trainer().checksum(), wrong.trainer().checksum());
  }
}

}  // namespace
}  // namespace assay::training
