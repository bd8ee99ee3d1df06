#include "suites/training/support/stage.h"

#include <cmath>
#include <cstring>
#include <string_view>

#include "suites/training/support/operator_shapes.h"

namespace assay::training {

namespace {

using device::bytes_of;

}  // namespace

Stage::Stage(const ModelShape& shape, const ParallelLayout& layout, int rank, device::Device& device,
             device::Operators& operators, const TensorGroup& group, const StepMemory& memory)
    : shape_(shape),
      layout_(layout),
      device_(device),
      operators_(operators),
      group_(group),
      memory_(memory),
      element_(operators.element()),
      exact_(device::exact_of(element_)),
      local_(local_inventory(shape, layout, rank)),
      layers_(stage_layers(shape, layout, coordinates_of(layout, rank).pipeline)),
      first_(coordinates_of(layout, rank).pipeline == 0),
      last_(coordinates_of(layout, rank).pipeline == layout.pipeline - 1),
      gpt_(shape.architecture == Architecture::gpt),
      rows_(layout.rows(shape)),
      own_rows_(layout.own_rows(shape)),
      slots_(under_way(layout.pipeline, coordinates_of(layout, rank).pipeline, layout.micro_batches())),
      head_role_(shape.tied_head ? Role::token_table : Role::head_weight),
      residual_out_(memory_.at("work.residual_out")),
      d_residual_(memory_.at("work.d_residual")) {
  const OperatorShapes shapes = operator_shapes(shape, layout, rank);
  qkv_ = {shapes.qkv, Role::qkv_weight, Role::qkv_bias};
  attention_out_ = {shapes.attention_out, Role::attention_output_weight, Role::attention_output_bias};
  feed_forward_in_ = {shapes.feed_forward_in, Role::feed_forward_in_weight, Role::feed_forward_in_bias};
  feed_forward_out_ = {shapes.feed_forward_out, Role::feed_forward_out_weight, Role::feed_forward_out_bias};
  attention_shape_ = shapes.attention;
  head_shape_ = shapes.head;
  reserve_operators(operators_, shape, layout, rank);
  if (last_ && group_.size() > 1)
    heads_.emplace(device_, 4 * static_cast<std::size_t>(rows_) * bytes_of(exact_));
}

void* Stage::kept(std::string_view name, std::int64_t layer, std::int64_t slot) const {
  const bool once = layout_.recompute_activations && name != "kept.residual_in";
  return memory_.at(name, once ? 0 : layer * slots_ + slot);
}

const void* Stage::weight(Role role, std::int64_t layer) const {
  const LocalTensor* tensor = local_.find(role, layer);
  if (tensor == nullptr) return nullptr;
  return static_cast<const std::byte*>(memory_.at("weights")) +
         static_cast<std::size_t>(tensor->offset) * bytes_of(element_);
}

void* Stage::gradient(Role role, std::int64_t layer) const {
  const LocalTensor* tensor = local_.find(role, layer);
  return tensor == nullptr ? nullptr : gradient(*tensor);
}

void* Stage::gradient(const LocalTensor& tensor) const {
  return static_cast<std::byte*>(memory_.at("gradients")) +
         static_cast<std::size_t>(tensor.offset) * bytes_of(exact_);
}

// ---- Norms and projections

void Stage::normalise(const void* x, Role gain, Role bias, std::int64_t layer, void* statistics, void* y) {
  auto* deviation = static_cast<std::byte*>(statistics);
  if (!gpt_) {
    operators_.rms_norm_forward(own_rows_, shape_.width, x, weight(gain, layer), y, deviation);
    return;
  }
  std::byte* mean = deviation + static_cast<std::size_t>(own_rows_) * bytes_of(exact_);
  operators_.layer_norm_forward(own_rows_, shape_.width, x, weight(gain, layer), weight(bias, layer), y, mean,
                                deviation);
}

void Stage::normalise_backward(const void* dy, const void* x, Role gain, Role bias, std::int64_t layer,
                               const void* statistics, void* dx) {
  const auto* deviation = static_cast<const std::byte*>(statistics);
  if (!gpt_) {
    operators_.rms_norm_backward(own_rows_, shape_.width, dy, x, weight(gain, layer), deviation, dx,
                                 gradient(gain, layer));
    return;
  }
  const std::byte* mean = deviation + static_cast<std::size_t>(own_rows_) * bytes_of(exact_);
  operators_.layer_norm_backward(own_rows_, shape_.width, dy, x, weight(gain, layer), mean, deviation, dx,
                                 gradient(gain, layer), gradient(bias, layer));
}

void Stage::project(const Linear& linear, std::int64_t layer, const void* x, const void* residual,
                    void* out) {
  void* partial = group_.sequence_parallel() ? memory_.at("work.gathered", 1) : out;
  // The bias joins the sum over the group once.
  const void* bias = group_.rank() == 0 ? weight(linear.bias, layer) : nullptr;
  operators_.linear_forward(linear.shape, x, weight(linear.weight, layer), bias, partial);
  group_.reduce(element_, rows_ * shape_.width, partial, out);
  operators_.add(boundary_count(), residual, out);
}

// ---- Forward

void Stage::attention(std::int64_t layer, std::int64_t slot) {
  const std::int64_t number = layers_.begin + layer;
  const void* x = kept("kept.residual_in", layer, slot);
  void* norm = kept("kept.attention_norm_out", layer, slot);
  normalise(x, Role::attention_norm_gain, Role::attention_norm_bias, number,
            kept("kept.attention_norm_statistics", layer, slot), norm);
  const void* all = group_.gather(element_, boundary_count(), norm, memory_.at("work.gathered"));
  auto* qkv = static_cast<std::byte*>(kept("kept.qkv", layer, slot));
  operators_.linear_forward(qkv_.shape, all, weight(Role::qkv_weight, number), weight(Role::qkv_bias, number),
                            qkv);
  const auto& a = attention_shape_;
  std::byte* k = qkv + static_cast<std::size_t>(a.heads * a.size) * bytes_of(element_);
  std::byte* v = k + static_cast<std::size_t>(a.kv_heads * a.size) * bytes_of(element_);
  if (!gpt_) {
    // Queries and keys stand side by side: together they are heads + kv_heads heads.
    operators_.rope(rows_, a.sequence, a.heads + a.kv_heads, a.size, qkv_.shape.out, shape_.rope_base, 1,
                    qkv);
  }
  void* out = kept("kept.attention_out", layer, slot);
  operators_.attention_forward(a, qkv, k, v, qkv_.shape.out, out, kept("kept.log_sum", layer, slot));
  project(attention_out_, number, out, x, kept("kept.residual_mid", layer, slot));
}

void Stage::feed_forward(std::int64_t layer, std::int64_t slot, void* out) {
  const std::int64_t number = layers_.begin + layer;
  const void* x = kept("kept.residual_mid", layer, slot);
  void* norm = kept("kept.feed_forward_norm_out", layer, slot);
  normalise(x, Role::feed_forward_norm_gain, Role::feed_forward_norm_bias, number,
            kept("kept.feed_forward_norm_statistics", layer, slot), norm);
  const void* all = group_.gather(element_, boundary_count(), norm, memory_.at("work.gathered"));
  void* in = kept("kept.feed_forward_in", layer, slot);
  void* activated = kept("kept.feed_forward_activated", layer, slot);
  operators_.linear_forward(feed_forward_in_.shape, all, weight(Role::feed_forward_in_weight, number),
                            weight(Role::feed_forward_in_bias, number), in);
  const std::int64_t width = feed_forward_out_.shape.in;
  if (gpt_) {
    operators_.gelu_forward(rows_ * width, in, activated);
  } else {
    operators_.swiglu_forward(rows_, width, in, activated);
  }
  project(feed_forward_out_, number, activated, x, out);
}

void Stage::embed(const std::int32_t* tokens, void* out) {
  void* partial = group_.sequence_parallel() ? memory_.at("work.gathered", 1) : out;
  const void* position = group_.rank() == 0 ? weight(Role::position_table, before_layers) : nullptr;
  operators_.embedding_forward(rows_, shape_.width, shape_.sequence, tokens,
                               weight(Role::token_table, before_layers), head_shape_.first,
                               head_shape_.vocabulary, position, partial);
  group_.reduce(element_, rows_ * shape_.width, partial, out);
}

void Stage::head(const void* x, const std::int32_t* targets) {
  void* norm = memory_.at("end.norm_out");
  normalise(x, Role::last_norm_gain, Role::last_norm_bias, after_layers, memory_.at("end.norm_statistics"),
            norm);
  const void* all = group_.gather(element_, boundary_count(), norm, memory_.at("work.gathered"));
  auto* largest = static_cast<std::byte*>(memory_.at("end.head"));
  const std::size_t each = static_cast<std::size_t>(rows_) * bytes_of(exact_);
  std::byte* sum = largest + each;
  std::byte* target = sum + each;
  const std::int64_t layer = shape_.tied_head ? before_layers : after_layers;
  operators_.head_forward(head_shape_, all, weight(head_role_, layer), targets, largest, sum, target);
  if (heads_) combine_heads(largest, each);
  operators_.head_loss(rows_, largest, sum, target, target + each,
                       &static_cast<StepNumbers*>(memory_.at("numbers"))->loss);
}

/// Of the largest logits, the sums and the targets' logits of the group's ranks, side by side: those of the
/// whole vocabulary. The host does it: few numbers, and a maximum.
void Stage::combine_heads(std::byte* largest, std::size_t each) {
  std::byte* const here = heads_->get(largest, 4 * each);
  const auto combine = [&]<typename T>(T* m) {
    T *const s = m + rows_, *const l = m + 3 * rows_;
    // Each rank's sum is about its own largest logit: first to the largest of all.
    std::memcpy(l, m, each);
    group_.maximum_here(exact_, rows_, l);
    for (std::int64_t row = 0; row < rows_; ++row) s[row] *= std::exp(m[row] - l[row]);
    std::memcpy(m, l, each);
    group_.sum_here(exact_, 2 * rows_, s);  // the sums and, behind them, the targets' logits
  };
  if (exact_ == device::Element::f64) {
    combine(reinterpret_cast<double*>(here));
  } else {
    combine(reinterpret_cast<float*>(here));
  }
  heads_->put(largest, 3 * each);
}

void Stage::forward(std::int64_t slot, const std::int32_t* tokens, const std::int32_t* targets) {
  if (first_) embed(tokens, kept("kept.residual_in", 0, slot));
  for (std::int64_t layer = 0; layer < layers_.count; ++layer) {
    attention(layer, slot);
    const bool end = layer + 1 == layers_.count;
    feed_forward(layer, slot, end ? residual_out_ : kept("kept.residual_in", layer + 1, slot));
  }
  if (last_) head(residual_out_, targets);
}

// ---- Backward

void Stage::enter_backward(const Linear& linear, std::int64_t layer, const void* dy, const void* norm_out,
                           const void* x, Role gain, Role bias, const void* statistics) {
  const void* all = group_.gather(element_, boundary_count(), norm_out, memory_.at("work.gathered", 1));
  operators_.linear_backward_weight(linear.shape, dy, all, gradient(linear.weight, layer),
                                    gradient(linear.bias, layer), !overwrite_);
  void* d_all = memory_.at("work.d_input");
  operators_.linear_backward_input(linear.shape, dy, weight(linear.weight, layer), d_all);
  void* own = group_.sequence_parallel() ? memory_.at("work.gathered") : d_all;
  group_.reduce(element_, rows_ * shape_.width, d_all, own);
  normalise_backward(own, x, gain, bias, layer, statistics, d_residual_);
}

void Stage::feed_forward_backward(std::int64_t layer, std::int64_t slot) {
  const std::int64_t number = layers_.begin + layer;
  const void* dy = group_.gather(element_, boundary_count(), d_residual_, memory_.at("work.gathered"));
  // With sequence parallelism biases of outputs are summed over the group: one rank gives what all of them
  // see.
  void* d_bias = group_.sequence_parallel() && group_.rank() > 0
                     ? nullptr
                     : gradient(Role::feed_forward_out_bias, number);
  operators_.linear_backward_weight(feed_forward_out_.shape, dy,
                                    kept("kept.feed_forward_activated", layer, slot),
                                    gradient(Role::feed_forward_out_weight, number), d_bias, !overwrite_);
  void* d_activated = memory_.at("work.d_feed_forward_activated");
  operators_.linear_backward_input(feed_forward_out_.shape, dy, weight(Role::feed_forward_out_weight, number),
                                   d_activated);
  void* d_in = memory_.at("work.d_feed_forward_in");
  const void* in = kept("kept.feed_forward_in", layer, slot);
  const std::int64_t width = feed_forward_out_.shape.in;
  if (gpt_) {
    operators_.gelu_backward(rows_ * width, d_activated, in, d_in);
  } else {
    operators_.swiglu_backward(rows_, width, d_activated, in, d_in);
  }
  enter_backward(feed_forward_in_, number, d_in, kept("kept.feed_forward_norm_out", layer, slot),
                 kept("kept.residual_mid", layer, slot), Role::feed_forward_norm_gain,
                 Role::feed_forward_norm_bias, kept("kept.feed_forward_norm_statistics", layer, slot));
}

void Stage::attention_backward(std::int64_t layer, std::int64_t slot) {
  const std::int64_t number = layers_.begin + layer;
  const void* dy = group_.gather(element_, boundary_count(), d_residual_, memory_.at("work.gathered"));
  void* d_bias = group_.sequence_parallel() && group_.rank() > 0
                     ? nullptr
                     : gradient(Role::attention_output_bias, number);
  const void* out = kept("kept.attention_out", layer, slot);
  operators_.linear_backward_weight(attention_out_.shape, dy, out,
                                    gradient(Role::attention_output_weight, number), d_bias, !overwrite_);
  void* d_out = memory_.at("work.d_attention");
  operators_.linear_backward_input(attention_out_.shape, dy, weight(Role::attention_output_weight, number),
                                   d_out);
  const auto& a = attention_shape_;
  const std::size_t to_k = static_cast<std::size_t>(a.heads * a.size) * bytes_of(element_);
  const std::size_t to_v = to_k + static_cast<std::size_t>(a.kv_heads * a.size) * bytes_of(element_);
  const auto* qkv = static_cast<const std::byte*>(kept("kept.qkv", layer, slot));
  auto* d_qkv = static_cast<std::byte*>(memory_.at("work.d_qkv"));
  operators_.attention_backward(a, d_out, qkv, qkv + to_k, qkv + to_v, qkv_.shape.out, out,
                                kept("kept.log_sum", layer, slot), d_qkv, d_qkv + to_k, d_qkv + to_v);
  if (!gpt_) {
    operators_.rope(rows_, a.sequence, a.heads + a.kv_heads, a.size, qkv_.shape.out, shape_.rope_base, -1,
                    d_qkv);
  }
  enter_backward(qkv_, number, d_qkv, kept("kept.attention_norm_out", layer, slot),
                 kept("kept.residual_in", layer, slot), Role::attention_norm_gain, Role::attention_norm_bias,
                 kept("kept.attention_norm_statistics", layer, slot));
}

void Stage::head_backward(const void* x, const std::int32_t* targets, double scale) {
  const void* all =
      group_.gather(element_, boundary_count(), memory_.at("end.norm_out"), memory_.at("work.gathered", 1));
  const auto* log_sum = static_cast<const std::byte*>(memory_.at("end.head")) +
                        3 * static_cast<std::size_t>(rows_) * bytes_of(exact_);
  const std::int64_t layer = shape_.tied_head ? before_layers : after_layers;
  void* d_all = memory_.at("work.d_input");
  operators_.head_backward(head_shape_, all, weight(head_role_, layer), targets, log_sum, scale, d_all,
                           gradient(head_role_, layer), !overwrite_);
  void* own = group_.sequence_parallel() ? memory_.at("work.gathered") : d_all;
  group_.reduce(element_, rows_ * shape_.width, d_all, own);
  device_.set_bytes(d_residual_, std::byte{0},
                    static_cast<std::size_t>(boundary_count()) * bytes_of(element_));
  normalise_backward(own, x, Role::last_norm_gain, Role::last_norm_bias, after_layers,
                     memory_.at("end.norm_statistics"), d_residual_);
}

void Stage::backward(std::int64_t slot, const std::int32_t* tokens, const std::int32_t* targets, double scale,
                     bool overwrite, const std::function<void(std::int64_t)>& done) {
  overwrite_ = overwrite;
  if (overwrite) clear_added_gradients();
  const auto complete_from = [&](Role role, std::int64_t layer) {
    if (!done) return;
    complete(layer);
    if (const LocalTensor* tensor = local_.find(role, layer)) done(tensor->offset);
  };
  if (last_) {
    head_backward(residual_out_, targets, scale);
    complete_from(Role::last_norm_gain, after_layers);
  }
  for (std::int64_t layer = layers_.count - 1; layer >= 0; --layer) {
    if (layout_.recompute_activations) {
      attention(layer, slot);
      feed_forward(layer, slot, memory_.at("work.d_input"));  // its output is not needed
    }
    feed_forward_backward(layer, slot);
    attention_backward(layer, slot);
    complete_from(Role::attention_norm_gain, layers_.begin + layer);
  }
  if (first_) {
    const void* dy = group_.gather(element_, boundary_count(), d_residual_, memory_.at("work.gathered"));
    operators_.embedding_backward(rows_, shape_.width, shape_.sequence, tokens, dy,
                                  gradient(Role::token_table, before_layers), head_shape_.first,
                                  head_shape_.vocabulary, gradient(Role::position_table, before_layers));
    complete_from(Role::token_table, before_layers);
  }
}

void Stage::clear_added_gradients() {
  for (const LocalTensor& tensor : local_.tensors) {
    const Role role = tensor.whole.role;
    // Products overwrite their weights' and biases' gradients, but for biases that another rank stands for.
    const bool head = last_ && role == head_role_;
    const bool input = role == Role::qkv_weight || role == Role::qkv_bias ||
                       role == Role::feed_forward_in_weight || role == Role::feed_forward_in_bias;
    const bool output = role == Role::attention_output_weight || role == Role::feed_forward_out_weight;
    const bool output_bias = role == Role::attention_output_bias || role == Role::feed_forward_out_bias;
    const bool given = !group_.sequence_parallel() || group_.rank() == 0;
    if (head || input || output || (output_bias && given)) continue;
    device_.set_bytes(gradient(tensor), std::byte{0},
                      static_cast<std::size_t>(tensor.count()) * bytes_of(exact_));
  }
}

void Stage::complete(std::int64_t layer) {
  if (group_.size() == 1 || !group_.sequence_parallel()) return;
  for (const LocalTensor& tensor : local_.tensors) {
    if (tensor.whole.layer != layer || !tensor.whole.seen_by_token) continue;
    group_.sum(exact_, tensor.count(), gradient(tensor));
  }
}

}  // namespace assay::training
