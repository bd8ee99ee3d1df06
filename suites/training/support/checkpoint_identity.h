// What a checkpoint is of, as its files say it: one line for the format and its version, one for the step and
// one for each number that the training's bits depend on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "suites/device/element.h"
#include "suites/training/support/layout.h"
#include "suites/training/support/model.h"
#include "suites/training/support/trainer.h"

namespace assay::training {

/// Another training cannot go on from a checkpoint of this one.
struct CheckpointIdentity {
  ModelShape shape;
  ParallelLayout layout;
  device::Element element = device::Element::f32;
  OptimizerSettings optimizer;
  std::uint64_t seed = 0;
};

/// "ASSAY checkpoint 1", "step 40", "layers 2", "rate 0.003", ...: floating-point numbers as the shortest
/// text that reads back as the same bits.
std::vector<std::string> lines_of(const CheckpointIdentity& identity, std::int64_t step);

/// `lines` (of the file `path`, the format first) must say all that `expected` says, in any order; more may
/// follow. Throws Error(bad_input) with what differs, both numbers.
void require_same_training(const std::vector<std::string>& lines, const std::vector<std::string>& expected,
                           const std::filesystem::path& path);

}  // namespace assay::training
