// How many bytes each rank of a training job writes into a checkpoint. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

/// The shape of a transformer with gated feed-forward layers and grouped queries, embedding and output
/// projection apart.
struct TransformerShape {
  int layers = 0;
  int hidden = 0;
  int feed_forward = 0;
  int heads = 0;
  int key_value_heads = 0;
  int vocabulary = 0;
};

/// Layers x (queries, keys, values, output: h (h + 2 h k/a) + h^2; gate, up, down: 3 h f; two norms: 2 h) + 2
/// V h + h, for hidden size h, feed-forward size f, a heads, k key-value heads and a vocabulary of V.
double parameters_of(const TransformerShape& architecture);

/// A row of "Table 2 LLM models" of the MLPerf Storage v2.0 submission guidelines (mlcommons/storage,
/// Submission_guidelines.md).
struct CheckpointModel {
  std::string name;  ///< "llama3-8b"
  TransformerShape architecture;
  int tensor_parallel = 1, pipeline_parallel = 1, data_parallel = 1;
  int zero_stage = 3;
  double published_gib = 0;  ///< model and optimizer together; the table writes GB and TB, and counts GiB
  double parameters = 0;     ///< what sizes are made from

  int ranks() const { return tensor_parallel * pipeline_parallel * data_parallel; }
  /// A checkpoint holds weights in 2 bytes, and for the optimizer weights, momentum and variance in 4 bytes
  /// each: 14 bytes for each parameter.
  double model_bytes() const { return 2 * parameters; }
  double optimizer_bytes() const { return 12 * parameters; }
  double bytes() const { return model_bytes() + optimizer_bytes(); }
};

/// 8B, 70B, 405B and 1T.
const std::vector<CheckpointModel>& checkpoint_models();
/// Throws Error(bad_input).
const CheckpointModel& checkpoint_model(const std::string& name);

/// What one rank writes: one file for each part that is not empty.
struct RankShare {
  std::uint64_t model_bytes = 0;
  std::uint64_t optimizer_bytes = 0;
  std::uint64_t bytes() const { return model_bytes + optimizer_bytes; }
};

/// Sizes are multiples of it, rounded up, so that they can be written past the page cache.
constexpr std::uint64_t checkpoint_block = 4096;

/// The share of `rank` when `scale` of the checkpoint is written by `ranks` ranks. The optimizer's state is
/// divided evenly over all. With ZeRO stage 3 the weights are, too; with stage 1 every data-parallel copy
/// holds the same weights, so only the first copy writes them: the first ranks / data_parallel ranks, at
/// least one.
RankShare rank_share(const CheckpointModel& model, double scale, int rank, int ranks);

/// All ranks' bytes together.
std::uint64_t checkpoint_bytes(const CheckpointModel& model, double scale, int ranks);

}  // namespace assay::bench
