#include "suites/training/support/inventory.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace assay::training {

namespace {

/// Collects tensors; names are made of the layer and the role's word.
class List {
 public:
  explicit List(const ModelShape& shape) : shape_(shape) {}

  void set_layer(std::int64_t layer) { layer_ = layer; }

  void matrix(Role role, const char* word, std::vector<std::int64_t> parts, std::int64_t columns, Split split,
              double deviation) {
    Tensor& tensor = add(role, word, std::move(parts), columns, split);
    tensor.decays = true;
    tensor.deviation = deviation;
  }

  void bias(Role role, const char* word, std::vector<std::int64_t> parts, Split split) {
    Tensor& tensor = add(role, word, std::move(parts), 1, split);
    tensor.deviation = shape_.initial_deviation;
    tensor.seen_by_token = split == Split::none;
  }

  void norm(Role gain, const char* gain_word, Role bias_role, const char* bias_word) {
    Tensor& tensor = add(gain, gain_word, {shape_.width}, 1, Split::none);
    tensor.mean = 1;
    tensor.deviation = shape_.initial_deviation;
    tensor.seen_by_token = true;
    if (shape_.architecture == Architecture::gpt) bias(bias_role, bias_word, {shape_.width}, Split::none);
  }

  std::vector<Tensor> take() { return std::move(tensors_); }

 private:
  Tensor& add(Role role, const char* word, std::vector<std::int64_t> parts, std::int64_t columns,
              Split split) {
    Tensor tensor;
    tensor.name = layer_ >= 0 ? "layers." + std::to_string(layer_) + "." + word : word;
    tensor.role = role;
    tensor.layer = layer_;
    tensor.rows = std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
    tensor.parts = std::move(parts);
    tensor.columns = columns;
    tensor.split = split;
    return tensors_.emplace_back(std::move(tensor));
  }

  const ModelShape& shape_;
  std::int64_t layer_ = before_layers;
  std::vector<Tensor> tensors_;
};

void add_feed_forward(List& list, const ModelShape& s, double deviation, double residual_deviation) {
  const bool gpt = s.architecture == Architecture::gpt;
  std::vector<std::int64_t> in{s.feed_forward};
  if (!gpt) in.push_back(s.feed_forward);
  list.matrix(Role::feed_forward_in_weight, "feed_forward_in_weight", in, s.width, Split::rows, deviation);
  if (gpt) list.bias(Role::feed_forward_in_bias, "feed_forward_in_bias", in, Split::rows);
  list.matrix(Role::feed_forward_out_weight, "feed_forward_out_weight", {s.width}, s.feed_forward,
              Split::columns, residual_deviation);
  if (gpt) list.bias(Role::feed_forward_out_bias, "feed_forward_out_bias", {s.width}, Split::none);
}

void add_layer(List& list, const ModelShape& s, double deviation, double residual_deviation) {
  const bool gpt = s.architecture == Architecture::gpt;
  const std::vector<std::int64_t> qkv{s.width, s.kv_width(), s.kv_width()};
  list.norm(Role::attention_norm_gain, "attention_norm_gain", Role::attention_norm_bias,
            "attention_norm_bias");
  list.matrix(Role::qkv_weight, "qkv_weight", qkv, s.width, Split::rows, deviation);
  if (gpt) list.bias(Role::qkv_bias, "qkv_bias", qkv, Split::rows);
  list.matrix(Role::attention_output_weight, "attention_output_weight", {s.width}, s.width, Split::columns,
              residual_deviation);
  if (gpt) list.bias(Role::attention_output_bias, "attention_output_bias", {s.width}, Split::none);
  list.norm(Role::feed_forward_norm_gain, "feed_forward_norm_gain", Role::feed_forward_norm_bias,
            "feed_forward_norm_bias");
  add_feed_forward(list, s, deviation, residual_deviation);
}

std::int64_t aligned(std::int64_t count) {
  return (count + flat_alignment - 1) / flat_alignment * flat_alignment;
}

}  // namespace

std::vector<Tensor> inventory(const ModelShape& s) {
  const double deviation = s.initial_deviation;
  const double residual = deviation / std::sqrt(2.0 * static_cast<double>(s.layers));
  List list(s);
  list.matrix(Role::token_table, "token_table", {s.vocabulary}, s.width, Split::rows, deviation);
  if (s.architecture == Architecture::gpt) {
    list.matrix(Role::position_table, "position_table", {s.positions}, s.width, Split::none, deviation);
  }
  for (std::int64_t layer = 0; layer < s.layers; ++layer) {
    list.set_layer(layer);
    add_layer(list, s, deviation, residual);
  }
  list.set_layer(after_layers);
  list.norm(Role::last_norm_gain, "last_norm_gain", Role::last_norm_bias, "last_norm_bias");
  if (!s.tied_head) {
    list.matrix(Role::head_weight, "head_weight", {s.vocabulary}, s.width, Split::rows, deviation);
  }
  return list.take();
}

Block block_of(std::int64_t count, std::int64_t part, std::int64_t parts) {
  // count part may pass 2^63 for no shape that is allowed: 2^42 elements over 2^20 ranks.
  const std::int64_t begin = count * part / parts;
  return {begin, count * (part + 1) / parts - begin};
}

std::vector<Rectangle> rectangles(const Tensor& tensor, std::int64_t rank, std::int64_t ranks) {
  switch (tensor.split) {
    case Split::none:
      break;
    case Split::columns: {
      const Block columns = block_of(tensor.columns, rank, ranks);
      return {{0, tensor.rows, columns.begin, columns.count}};
    }
    case Split::rows: {
      std::vector<Rectangle> pieces;
      std::int64_t first = 0;
      for (const std::int64_t part : tensor.parts) {
        const Block rows = block_of(part, rank, ranks);
        pieces.push_back({first + rows.begin, rows.count, 0, tensor.columns});
        first += part;
      }
      return pieces;
    }
  }
  return {{0, tensor.rows, 0, tensor.columns}};
}

const LocalTensor* LocalInventory::find(Role role, std::int64_t layer) const {
  for (const LocalTensor& tensor : tensors) {
    if (tensor.whole.role == role && tensor.whole.layer == layer) return &tensor;
  }
  return nullptr;
}

LocalInventory local_inventory(const std::vector<Tensor>& tensors, Block layers, bool first_stage,
                               bool last_stage, bool tied_head, std::int64_t tensor_rank,
                               std::int64_t tensor_ranks) {
  LocalInventory local;
  const auto hold = [&](std::size_t index, bool copy) {
    LocalTensor held;
    held.index = static_cast<int>(index);
    held.whole = tensors[index];
    held.pieces = rectangles(held.whole, tensor_rank, tensor_ranks);
    held.columns = held.pieces.front().columns;
    for (const Rectangle& piece : held.pieces) held.rows += piece.rows;
    held.offset = local.count;
    held.copy = copy;
    local.count += aligned(held.count());
    local.tensors.push_back(std::move(held));
  };
  std::size_t table = tensors.size();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::int64_t layer = tensors[i].layer;
    if (tensors[i].role == Role::token_table) table = i;
    const bool here = layer == before_layers  ? first_stage
                      : layer == after_layers ? last_stage
                                              : layer >= layers.begin && layer < layers.begin + layers.count;
    if (here) hold(i, false);
  }
  if (tied_head && last_stage && !first_stage && table < tensors.size()) hold(table, true);
  return local;
}

std::int64_t shard_length(std::int64_t count, std::int64_t ranks) {
  return aligned((count + ranks - 1) / ranks);
}

Block shard_of(std::int64_t count, std::int64_t rank, std::int64_t ranks) {
  const std::int64_t length = shard_length(count, ranks);
  const std::int64_t begin = std::min(count, rank * length);
  return {begin, std::min(length, count - begin)};
}

std::vector<Segment> segments(const LocalInventory& local, Block shard) {
  std::vector<Segment> all;
  for (std::size_t i = 0; i < local.tensors.size(); ++i) {
    const LocalTensor& tensor = local.tensors[i];
    const std::int64_t begin = std::max(shard.begin, tensor.offset);
    const std::int64_t end = std::min(shard.begin + shard.count, tensor.offset + tensor.count());
    if (begin < end) all.push_back({static_cast<int>(i), begin, end - begin});
  }
  return all;
}

}  // namespace assay::training
