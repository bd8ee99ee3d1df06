// Trainings with the operators of a GPU: the one that this build is for or, on a device of deferred work
// (queued_device.h), the emulated one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/training/support/noisy_operators.h"
#include "suites/training/support/reference_training.h"
#include "suites/training/support/tested_gpu.h"

namespace assay::training {
namespace {

using device::Element;

std::vector<double> losses_on(device::Device& device, const ReferenceRun& run, Element element,
                              bool one_by_one) {
  Training training(run, device, device.operators(element, 1), one_by_one, one_by_one);
  std::vector<double> losses;
  for (std::size_t step = 0; step < run.losses.size(); ++step) {
    losses.push_back(training.step().loss);
    if (step == 0) training.trainer().record_steps();
  }
  EXPECT_EQ(training.trainer().how().substr(0, 9), "one graph");
  return losses;
}

/// A GPT and a Llama, two steps each: the first is begun kernel by kernel, the other as a graph. Emulation is
/// slow.
std::vector<ReferenceRun> short_runs() {
  std::vector<ReferenceRun> runs = reference_runs(ASSAY_SOURCE_DIR);
  std::erase_if(
      runs, [](const ReferenceRun& run) { return run.name != "gpt" && run.name != "llama, tied, splits"; });
  for (ReferenceRun& run : runs) run.losses.resize(2);
  return runs;
}

TEST(GpuTrainer, IsTheReferenceToNineDigitsInF64) {
  TestedGpu gpu(32);
  if (gpu.device() == nullptr) GTEST_SKIP() << gpu.missing();
  bool one_by_one = false;
  for (const ReferenceRun& run : short_runs()) {
    const std::vector<double> losses = losses_on(*gpu.device(), run, Element::f64, one_by_one);
    for (std::size_t step = 0; step < losses.size(); ++step)
      EXPECT_NEAR(losses[step], run.losses[step], 1e-9 * run.losses[step]) << run.name << " " << step;
    one_by_one = !one_by_one;
  }
}

TEST(GpuTrainer, NarrowerFormatsStayAsNearAsTheirRoundingsAllow) {
  const std::pair<Element, double> formats[] = {{Element::f32, 0x1p-24}, {Element::bf16, 0x1p-8}};
  for (const auto& [element, unit] : formats) {
    TestedGpu gpu(element == Element::bf16 ? 64 : 32);
    if (gpu.device() == nullptr) GTEST_SKIP() << gpu.missing();
    const ReferenceRun run = short_runs().at(element == Element::bf16 ? 1 : 0);
    const std::vector<double> scatter = scatter_of_roundings(unit, run.losses, [&](auto operators) {
      Training training(run, std::move(operators));
      std::vector<double> losses;
      for (std::size_t step = 0; step < run.losses.size(); ++step) losses.push_back(training.step().loss);
      return losses;
    });
    const std::vector<double> losses = losses_on(*gpu.device(), run, element, false);
    for (std::size_t step = 0; step < losses.size(); ++step)
      EXPECT_LE(std::abs(losses[step] - run.losses[step]), 4 * scatter[step])
          << device::name_of(element) << ", " << run.name << " " << step;
  }
}

}  // namespace
}  // namespace assay::training
