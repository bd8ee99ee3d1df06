// Trainings with the operators of a GPU: the one that this build is for or, on a device of deferred work
// (queued_device.h), the emulated one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_operators.h"
#include "suites/training/support/noisy_operators.h"
#include "suites/training/support/queued_device.h"
#include "suites/training/support/reference_training.h"
#if !ASSAY_GPU_COMPILED
#include "suites/device/gpu/emulation_settings.h"
#endif

namespace assay::training {
namespace {

using device::Element;

/// The device of a test; null: there is none, and why.
class TestedGpu {
 public:
#if ASSAY_GPU_COMPILED
  explicit TestedGpu(int) : selected_(device::gpu(0, 1)) {}
  device::Device* device() const {
    return selected_.device;
  }
  const std::string& missing() const {
    return selected_.missing;
  }

 private:
  device::Selected selected_;
#else
  explicit TestedGpu(int lanes) : device_([this](Element element, int) { return operators(element); }) {
    gpu::emulation::configure(
        lanes, lanes == 32 ? gpu::emulation::Order::ascending : gpu::emulation::Order::descending);
  }
  device::Device* device() {
    return &device_;
  }
  std::string missing() const {
    return {};
  }

 private:
  std::unique_ptr<device::Operators> operators(Element element) {
    return gpu::gpu_operators(element, queue_);
  }
  gpu::Queue queue_;
  QueuedDevice device_;
#endif
};

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

/// Three steps: the first is begun kernel by kernel, the others as one graph. Emulation is slow.
std::vector<ReferenceRun> short_runs() {
  std::vector<ReferenceRun> runs = reference_runs(ASSAY_SOURCE_DIR);
  for (ReferenceRun& run : runs) run.losses.resize(3);
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
    const std::vector<ReferenceRun> runs = short_runs();
    for (const std::size_t number : {std::size_t{0}, std::size_t{2}}) {
      const ReferenceRun& run = runs[number];
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
}

}  // namespace
}  // namespace assay::training
