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
#include "suites/training/support/reference_training.h"

namespace assay::training {
namespace {

using device::Element;

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

TEST(Trainer, TheRateRisesOverTheFirstSteps) {
  ReferenceRun run = runs().front();
  const auto operators = [] { return device::host_operators(Element::f64, 1); };
  Training warming(run, operators(), false, false, 4);
  warming.step();
  // The first step of four has a quarter of the rate, which is exact in binary.
  run.rate /= 4;
  Training slow(run, operators());
  slow.step();
  EXPECT_EQ(warming.trainer().checksum(), slow.trainer().checksum());
  warming.step();
  slow.step();
  EXPECT_NE(warming.trainer().checksum(), slow.trainer().checksum());
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
  wrong.trainer().change_weight(gain->offset, [](std::byte* bytes) { bytes[2] ^= std::byte{0x40}; });
  EXPECT_NE(right.trainer().checksum(), wrong.trainer().checksum());
  for (int step = 0; step < 3; ++step) {
    EXPECT_NE(right.step().loss, wrong.step().loss);
    EXPECT_NE(right.trainer().checksum(), wrong.trainer().checksum());
  }
}

}  // namespace
}  // namespace assay::training
