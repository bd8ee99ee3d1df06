// The list of a model's tensors, which everything that holds, moves, updates, saves or estimates parameters
// goes through: the step, the optimizer's shards, the checkpoint, the memory estimate, the fingerprint.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/training/support/model.h"

namespace assay::training {

/// What a tensor is for. A layer that chooses among experts would add its router and its experts' matrices
/// here, and their places in `inventory`; nothing else asks how a feed-forward block is made.
enum class Role {
  token_table,
  position_table,
  attention_norm_gain,
  attention_norm_bias,
  qkv_weight,  ///< rows: queries of all heads, keys, values
  qkv_bias,
  attention_output_weight,
  attention_output_bias,
  feed_forward_norm_gain,
  feed_forward_norm_bias,
  feed_forward_in_weight,  ///< Llama: rows of the gate, then of the up projection
  feed_forward_in_bias,
  feed_forward_out_weight,
  feed_forward_out_bias,
  last_norm_gain,
  last_norm_bias,
  head_weight,  ///< absent when tied
};

/// How tensor parallelism splits a tensor (Megatron-LM, arXiv:1909.08053).
enum class Split {
  none,     ///< every rank has the whole
  rows,     ///< each part's rows are dealt out in contiguous blocks (outputs of a layer)
  columns,  ///< columns are dealt out in contiguous blocks (inputs of a layer; outputs are then summed)
};

inline constexpr std::int64_t before_layers = -1;  ///< Tensor::layer of the tables
inline constexpr std::int64_t after_layers = -2;   ///< Tensor::layer of the last norm and the head

/// One trainable tensor, whole: rows x columns, row-major; vectors have one column.
struct Tensor {
  std::string name;  ///< "layers.3.qkv_weight"
  Role role = Role::token_table;
  std::int64_t layer = before_layers;
  std::vector<std::int64_t>
      parts;  ///< rows of what is stacked in it (queries, keys, values); their sum: rows
  std::int64_t rows = 0, columns = 0;
  Split split = Split::none;
  bool decays = false;  ///< weight decay: matrices and tables only
  double mean = 0;      ///< of the initial values: 1 for gains
  /// Of the initial values. Gains and biases vary too, so that a bias that is dropped is seen.
  double deviation = 0;
  /// With sequence parallelism each tensor rank sees only its own tokens here: gradients are then summed over
  /// the tensor-parallel group.
  bool seen_by_token = false;

  std::int64_t count() const { return rows * columns; }
};

/// All tensors of the model, each once, in the order of the forward pass. The index in this list is the
/// tensor's number everywhere (initial values, checkpoints, fingerprints), whatever the layout.
/// Initial deviation d: d for all, but d / sqrt(2 layers) for the two matrices of a layer whose output joins
/// the residual stream (as GPT-2 does).
std::vector<Tensor> inventory(const ModelShape& shape);

/// A contiguous block of [0, count): floor(count part / parts) to floor(count (part + 1) / parts). Blocks
/// differ by at most one element, so that a vocabulary of 50257 needs no padding.
struct Block {
  std::int64_t begin = 0, count = 0;
};

Block block_of(std::int64_t count, std::int64_t part, std::int64_t parts);

/// A rectangle of the whole tensor that a tensor-parallel rank holds; rectangles of one tensor are stacked in
/// order.
struct Rectangle {
  std::int64_t row = 0, rows = 0, column = 0, columns = 0;
};

std::vector<Rectangle> rectangles(const Tensor& tensor, std::int64_t rank, std::int64_t ranks);

/// What one rank holds of one tensor, and where in its flat buffer of parameters.
struct LocalTensor {
  int index = 0;  ///< in the inventory
  Tensor whole;
  std::vector<Rectangle> pieces;
  std::int64_t rows = 0, columns = 0;
  std::int64_t offset = 0;  ///< of the first element in the flat buffer; a multiple of flat_alignment
  /// The last pipeline stage's copy of the tied table: its gradient is added to the first stage's and the sum
  /// given to both; norms and counts leave it out.
  bool copy = false;

  std::int64_t count() const { return rows * columns; }
};

/// Elements; 64 bytes of f32.
inline constexpr std::int64_t flat_alignment = 16;

struct LocalInventory {
  std::vector<LocalTensor> tensors;  ///< in the inventory's order, the copy of a tied table last
  std::int64_t count = 0;  ///< elements of the flat buffer, gaps included; a multiple of flat_alignment

  /// nullptr when this rank does not hold it.
  const LocalTensor* find(Role role, std::int64_t layer) const;
};

/// What the rank of a pipeline stage (which has the layers of `layers`) and of a tensor-parallel group holds.
LocalInventory local_inventory(const std::vector<Tensor>& tensors, Block layers, bool first_stage,
                               bool last_stage, bool tied_head, std::int64_t tensor_rank,
                               std::int64_t tensor_ranks);

/// A run of elements of the flat buffer that belong to one tensor: what the optimizer updates in one call.
struct Segment {
  int tensor = 0;                     ///< index in LocalInventory::tensors
  std::int64_t begin = 0, count = 0;  ///< in the flat buffer
};

/// The shard of the flat buffer that one of `ranks` optimizers updates (ZeRO-1): equal blocks of a multiple
/// of flat_alignment; the last ones may be short or empty.
Block shard_of(std::int64_t count, std::int64_t rank, std::int64_t ranks);
/// Length of every rank's shard, the padding of the last ones included: what reduce-scatter and all-gather
/// take.
std::int64_t shard_length(std::int64_t count, std::int64_t ranks);

std::vector<Segment> segments(const LocalInventory& local, Block shard);

}  // namespace assay::training
