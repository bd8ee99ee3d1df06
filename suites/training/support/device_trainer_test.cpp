// A training on a device whose memory the host cannot touch and whose work is done later (queued_device.h):
// the same numbers as on the host, whatever begins the steps.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "suites/training/support/checkpoint.h"
#include "suites/training/support/queued_device.h"
#include "suites/training/support/reference_training.h"
#include "suites/training/support/temporary_folder.h"

namespace assay::training {
namespace {

using device::Element;

struct Way {
  bool one_by_one = false, recompute = false;
  bool records = true;   ///< the device can
  bool recorded = true;  ///< the training asks it to
  bool phased = false;
};

/// A reference run on a device of its own.
class OnDevice {
 public:
  OnDevice(const ReferenceRun& run, Element element, const Way& way = {},
           const QueuedDevice::MakeOperators& make = device::host_operators)
      : way_(way),
        device_(make, way.records),
        training_(run, device_, device_.operators(element, 1), way.one_by_one, way.recompute) {
    trainer().wait_between_phases(way.phased);
  }
  StepResult step() {
    const StepResult result = training_.step();
    if (way_.recorded && trainer().steps() == 1) trainer().record_steps();
    return result;
  }
  Trainer& trainer() { return training_.trainer(); }
  QueuedDevice& device() { return device_; }

 private:
  const Way way_;
  QueuedDevice device_;
  Training training_;
};

TEST(DeviceTrainer, IsTheReferenceToNineDigitsInF64) {
  for (const ReferenceRun& run : runs()) {
    for (const bool parts : {false, true}) {
      OnDevice training(run, Element::f64, {.one_by_one = parts, .recompute = parts});
      EXPECT_TRUE(training.trainer().asynchronous());
      for (std::size_t step = 0; step < run.losses.size(); ++step) {
        const StepResult result = training.step();
        EXPECT_NEAR(result.loss, run.losses[step], 1e-9 * run.losses[step]) << run.name << " " << step;
        EXPECT_NEAR(result.gradient_norm, run.gradient_norms[step], 1e-9 * run.gradient_norms[step])
            << run.name << " " << step;
      }
    }
  }
}

TEST(DeviceTrainer, EveryWayToBeginAStepGivesTheSameBits) {
  const Way ways[] = {{.recorded = false}, {}, {.records = false}, {.phased = true}};
  for (const ReferenceRun& run : runs()) {
    for (const bool one_by_one : {false, true}) {
      std::vector<std::unique_ptr<OnDevice>> trainings;
      for (Way way : ways) {
        way.one_by_one = one_by_one;
        trainings.push_back(std::make_unique<OnDevice>(run, Element::f32, way));
      }
      Training host(run, device::host_operators(Element::f32, 1), one_by_one);
      for (int step = 0; step < 4; ++step) {
        const StepResult first = trainings[0]->step(), there = host.step();
        const std::uint64_t checksum = trainings[0]->trainer().checksum();
        EXPECT_NEAR(first.loss, there.loss, 1e-6 * there.loss);
        for (std::size_t i = 1; i < trainings.size(); ++i) {
          const StepResult other = trainings[i]->step();
          EXPECT_EQ(first.loss, other.loss) << run.name << " " << i;
          EXPECT_EQ(first.gradient_norm, other.gradient_norm) << run.name << " " << i;
          EXPECT_EQ(checksum, trainings[i]->trainer().checksum()) << run.name << " " << i;
        }
      }
      EXPECT_EQ(trainings[0]->trainer().how(), "kernel by kernel, waited for once");
      EXPECT_EQ(trainings[1]->trainer().how().substr(0, 23), "one graph of the device");
      EXPECT_EQ(trainings[2]->trainer().how(),
                "kernel by kernel, waited for once: the device records nothing");
    }
  }
}

TEST(DeviceTrainer, AStepThatIsBegunByItselfWaitsOnce) {
  OnDevice recorded(runs().front(), Element::f32, {.one_by_one = true}),
      direct(runs().front(), Element::f32, {.one_by_one = true, .recorded = false}),
      phased(runs().front(), Element::f32, {.one_by_one = true, .phased = true});
  for (OnDevice* training : {&recorded, &direct, &phased}) training->step();
  const auto waits = [](OnDevice& training) {
    const int before = training.device().waits();
    training.step();
    return training.device().waits() - before;
  };
  EXPECT_EQ(waits(recorded), 1);
  EXPECT_EQ(waits(direct), 1);
  EXPECT_GT(waits(phased), 10);
  // Phases are logged only where they were waited for; data always.
  EXPECT_EQ(direct.trainer().log().spans().size(), 1u);
  EXPECT_EQ(direct.trainer().log().spans().front().phase, Phase::data);
  EXPECT_EQ(phased.trainer().log().spans().size(), 1u + 2u * 5 + 2);
}

TEST(DeviceTrainer, NothingOfOneStepIsLeftForTheNext) {
  for (const ReferenceRun& run : runs()) {
    OnDevice plain(run, Element::f32, {.one_by_one = true}),
        poisoned(run, Element::f32, {.one_by_one = true});
    for (int step = 0; step < 3; ++step) {
      poisoned.trainer().poison();
      EXPECT_EQ(plain.step().loss, poisoned.step().loss) << run.name;
      EXPECT_EQ(plain.trainer().checksum(), poisoned.trainer().checksum()) << run.name;
    }
  }
}

TEST(DeviceTrainer, AFlippedBitAndWhatIsNoNumberAreSeen) {
  OnDevice right(runs().front(), Element::f32), wrong(runs().front(), Element::f32);
  right.step();
  wrong.step();
  const std::int64_t place = wrong.trainer().local().find(Role::last_norm_gain, after_layers)->offset;
  wrong.trainer().change_weight(place, [](std::byte* bytes) { bytes[2] ^= std::byte{0x40}; });
  EXPECT_NE(right.trainer().checksum(), wrong.trainer().checksum());
  EXPECT_NE(right.step().loss, wrong.step().loss);
  EXPECT_EQ(wrong.trainer().not_finite(), 0);
  wrong.trainer().change_weight(place, [](std::byte* bytes) { std::memset(bytes, 0xFF, 4); });
  EXPECT_EQ(wrong.trainer().not_finite(), 1);
  const StepResult spoilt = wrong.step();
  EXPECT_TRUE(std::isnan(spoilt.loss));
  EXPECT_TRUE(std::isnan(spoilt.gradient_norm));
}

TEST(DeviceTrainer, InitialWeightsAreTheHosts) {
  for (const Element element : {Element::f64, Element::f32, Element::bf16}) {
    if (!device::host().gemm_unsupported(element).empty()) continue;
    for (const ReferenceRun& run : runs()) {
      OnDevice there(run, element);
      Training here(run, device::host_operators(element, 1));
      EXPECT_EQ(there.trainer().checksum(), here.trainer().checksum()) << run.name;
      EXPECT_EQ(there.trainer().checksum_of_all(), here.trainer().checksum_of_all()) << run.name;
    }
  }
}

TEST(DeviceTrainer, GoesOnFromACheckpointBitForBit) {
  const ReferenceRun& run = runs().front();
  const TemporaryFolder temporary;
  const std::filesystem::path folder = temporary.file("checkpoints");
  std::filesystem::create_directory(folder);
  const bench::ProcessGroup alone;
  CheckpointIdentity identity;
  identity.shape = run.shape;
  identity.element = Element::f32;
  const Checkpoints checkpoints(alone, folder, identity);
  OnDevice first(run, Element::f32), second(run, Element::f32, {.recorded = false});
  for (int step = 0; step < 3; ++step) first.step();
  checkpoints.save(3, first.trainer().state());
  second.step();
  checkpoints.restore(3, second.trainer().state());
  second.trainer().resume(3);
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(first.step().loss, second.step().loss);
    EXPECT_EQ(first.trainer().checksum(), second.trainer().checksum());
  }
}

TEST(DeviceTrainer, TakesTheMemoryThatIsEstimated) {
  const ReferenceRun& run = runs().front();
  OnDevice training(run, Element::bf16);
  ParallelLayout layout;
  layout.micro_batch = layout.global_batch = run.batch;
  std::int64_t expected = 0;
  for (const MemoryItem& item :
       memory_items(run.shape, layout, 0, {.element = Element::bf16, .apart = true})) {
    EXPECT_NE(item.name, "loader");
    if (item.name != "view") expected += (item.bytes() / item.copies + 63) / 64 * 64 * item.copies;
  }
  EXPECT_EQ(training.trainer().memory().bytes(), expected);
}

TEST(DeviceTrainer, NarrowMomentsLearnAsWell) {
  for (const ReferenceRun& run : runs()) {
    const auto train = [&](device::Device& device, bool narrow, bool records) {
      const bench::ProcessGroup alone;
      const auto operators = device.operators(Element::f32, 1);
      ParallelLayout layout;
      layout.micro_batch = layout.global_batch = run.batch;
      OptimizerSettings settings;
      settings.rate = run.rate;
      settings.narrow_moments = narrow;
      Trainer trainer(alone, run.shape, layout, {device, *operators}, settings, [] { return 0.0; });
      trainer.initialise(run.seed);
      const std::vector<std::int32_t> tokens = run.tokens(0);
      StepResult last;
      for (int step = 0; step < 10; ++step) {
        last = trainer.step([&](std::int64_t) { return MicroBatch{tokens.data(), tokens.data() + 1}; });
        if (records && step == 0) trainer.record_steps();
      }
      return last.loss;
    };
    QueuedDevice there;
    const double wide = train(device::host(), false, false), narrow = train(device::host(), true, false);
    EXPECT_NE(wide, narrow);
    EXPECT_NEAR(narrow, wide, 0.05 * wide) << run.name;
    EXPECT_NEAR(train(there, true, true), narrow, 1e-4 * narrow) << run.name;
  }
}

}  // namespace
}  // namespace assay::training
