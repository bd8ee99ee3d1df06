// One rank's part of the model: its layers (pipeline parallelism), its share of each of them (tensor
// parallelism), forward and backward for one micro-batch. What is exchanged within a layer goes through the
// tensor group; what goes from stage to stage, and gradients over data-parallel ranks, is the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "suites/device/operators.h"
#include "suites/training/support/host_view.h"
#include "suites/training/support/layout.h"
#include "suites/training/support/step_memory.h"
#include "suites/training/support/tensor_group.h"

namespace assay::training {

class Stage {
 public:
  /// Everything given outlives the stage. `memory`, on `device`, was made from memory_items of this rank, and
  /// the operators are the device's. Reserves their scratch.
  Stage(const ModelShape& shape, const ParallelLayout& layout, int rank, device::Device& device,
        device::Operators& operators, const TensorGroup& group, const StepMemory& memory);

  bool first() const { return first_; }
  bool last() const { return last_; }
  const LocalInventory& local() const { return local_; }

  /// The residual stream that enters micro-batch slot `slot` (own rows x width): where the stage before puts
  /// it.
  void* input(std::int64_t slot) const { return kept("kept.residual_in", 0, slot); }
  /// The residual stream that leaves, after `forward`; its gradient before `backward`.
  void* output() const { return residual_out_; }
  void* d_output() const { return d_residual_; }
  /// After `backward`: the gradient by `input`.
  void* d_input() const { return d_residual_; }
  std::int64_t boundary_count() const { return own_rows_ * shape_.width; }

  /// Everything is only begun where the device works by itself. `tokens`: of all rows, for the first stage;
  /// `targets`: for the last; in the device's memory. On the last stage the sum of the losses of all rows of
  /// this micro-batch is added to StepNumbers::loss.
  void forward(std::int64_t slot, const std::int32_t* tokens, const std::int32_t* targets);
  /// Gradients of scale * loss: those of the first micro-batch of a step overwrite what was there, the others
  /// are added. `done` is given for the last micro-batch of a step: it is told
  /// how far, from the end of the flat buffer, gradients are complete (summed over the tensor group where its
  /// ranks saw only their own tokens).
  void backward(std::int64_t slot, const std::int32_t* tokens, const std::int32_t* targets, double scale,
                bool overwrite, const std::function<void(std::int64_t)>& done = {});

 private:
  struct Linear {
    device::LinearShape shape;
    Role weight, bias;
  };

  void* kept(std::string_view name, std::int64_t layer, std::int64_t slot) const;
  const void* weight(Role role, std::int64_t layer) const;  ///< nullptr: the model has none
  void* gradient(Role role, std::int64_t layer) const;
  void* gradient(const LocalTensor& tensor) const;

  void normalise(const void* x, Role gain, Role bias, std::int64_t layer, void* statistics, void* y);
  void normalise_backward(const void* dy, const void* x, Role gain, Role bias, std::int64_t layer,
                          const void* statistics, void* dx);
  /// out = residual + the sum over the tensor group of x W^T + b.
  void project(const Linear& linear, std::int64_t layer, const void* x, const void* residual, void* out);
  void attention(std::int64_t layer, std::int64_t slot);
  void feed_forward(std::int64_t layer, std::int64_t slot, void* out);
  void attention_backward(std::int64_t layer, std::int64_t slot);
  void feed_forward_backward(std::int64_t layer, std::int64_t slot);
  /// From the gradient of a linear layer's output (all rows) to that of the norm's input, joined to
  /// d_residual.
  void enter_backward(const Linear& linear, std::int64_t layer, const void* dy, const void* norm_out,
                      const void* x, Role gain, Role bias, const void* statistics);
  void embed(const std::int32_t* tokens, void* out);
  void head(const void* x, const std::int32_t* targets);
  void combine_heads(std::byte* largest, std::size_t each);
  void head_backward(const void* x, const std::int32_t* targets, double scale);
  /// Gradients that several calls add to begin at zero.
  void clear_added_gradients();
  /// With sequence parallelism: sums the gradients of this layer that each rank has of its own tokens only.
  void complete(std::int64_t layer);

  const ModelShape shape_;
  const ParallelLayout layout_;
  device::Device& device_;
  device::Operators& operators_;
  const TensorGroup& group_;
  const StepMemory& memory_;
  const device::Element element_, exact_;
  const LocalInventory local_;
  const Block layers_;
  const bool first_, last_, gpt_;
  const std::int64_t rows_, own_rows_, slots_;
  Linear qkv_, attention_out_, feed_forward_in_, feed_forward_out_;
  device::AttentionShape attention_shape_;
  device::HeadShape head_shape_;
  Role head_role_;
  std::optional<HostView> heads_;  ///< of the four numbers of each row, where a group combines them
  bool overwrite_ = false;         ///< by the backward pass under way
  void* residual_out_;
  void* d_residual_;
};

}  // namespace assay::training
