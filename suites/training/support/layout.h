// Which rank does what: data x tensor x pipeline parallelism. Pure.
//
// rank = (pipeline * data + data index) * tensor + tensor index: the ranks of a tensor-parallel group, which
// talk most, are neighbours; those of a pipeline are farthest apart.
#pragma once

#include <cstdint>
#include <vector>

#include "suites/training/support/inventory.h"
#include "suites/training/support/model.h"

namespace assay::training {

struct ParallelLayout {
  std::int64_t data = 1, tensor = 1, pipeline = 1;
  bool sequence_parallel = false;  ///< tokens are dealt out between the split parts of a layer
  bool shard_optimizer = false;    ///< ZeRO-1 (arXiv:1910.02054) over the data-parallel group
  /// Data-parallel ranks share one copy of the weights, and add up gradients, in memory that all of them see.
  bool shared_window = false;
  std::int64_t micro_batch = 1;   ///< sequences of one forward and backward pass
  std::int64_t global_batch = 1;  ///< sequences of one step, over all data-parallel ranks
  bool recompute_activations = false;

  std::int64_t ranks() const { return data * tensor * pipeline; }
  /// Micro-batches of one data-parallel rank in a step.
  std::int64_t micro_batches() const { return global_batch / (micro_batch * data); }
  /// Rows of activations of a micro-batch; with sequence parallelism, outside the split parts, `own_rows`.
  std::int64_t rows(const ModelShape& shape) const { return micro_batch * shape.sequence; }
  std::int64_t own_rows(const ModelShape& shape) const {
    return sequence_parallel ? rows(shape) / tensor : rows(shape);
  }

  bool operator==(const ParallelLayout&) const = default;
};

/// Throws Error(bad_input) with the numbers and what would be allowed. `ranks`: of the launch.
void require_valid(const ModelShape& shape, const ParallelLayout& layout, std::int64_t ranks);

struct Coordinates {
  std::int64_t data = 0, tensor = 0, pipeline = 0;

  bool operator==(const Coordinates&) const = default;
};

Coordinates coordinates_of(const ParallelLayout& layout, std::int64_t rank);
std::int64_t rank_of(const ParallelLayout& layout, const Coordinates& at);

/// The ranks that differ from `rank` in one coordinate only, itself included, in order of that coordinate.
std::vector<std::int64_t> data_group(const ParallelLayout& layout, std::int64_t rank);
std::vector<std::int64_t> tensor_group(const ParallelLayout& layout, std::int64_t rank);
std::vector<std::int64_t> pipeline_group(const ParallelLayout& layout, std::int64_t rank);

/// Layers of a stage; where they do not divide, stages differ by one layer.
Block stage_layers(const ModelShape& shape, const ParallelLayout& layout, std::int64_t stage);

/// What `rank` holds of the model.
LocalInventory local_inventory(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank);

enum class Pass { forward, backward };

struct Action {
  Pass pass = Pass::forward;
  std::int64_t micro_batch = 0;

  bool operator==(const Action&) const = default;
};

/// What a stage does, in order: 1F1B (PipeDream-flush, arXiv:2006.09503): min(stages - stage - 1, m) forward
/// passes, then one forward and one backward in turn, then the backward passes that are left. At most
/// min(stages - stage, m) micro-batches are under way. A forward pass receives from the stage before and
/// sends to the one after; a backward pass the other way round. Sends must not block (MPI_Isend, waited for
/// before the next send in the same direction): with sends that wait for their receiver, neighbours would
/// wait for each other.
std::vector<Action> one_forward_one_backward(std::int64_t stages, std::int64_t stage,
                                             std::int64_t micro_batches);

/// The most micro-batches whose activations a stage holds at once.
std::int64_t under_way(std::int64_t stages, std::int64_t stage, std::int64_t micro_batches);

}  // namespace assay::training
