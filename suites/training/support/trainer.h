// One rank of a training run: micro-batches through its stage in 1F1B order, gradients over the data-parallel
// group while the backward pass goes on, clipping, AdamW (whole or a shard of it), and the tied table on both
// its stages.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "suites/device/device.h"
#include "suites/harness/process_group.h"
#include "suites/training/support/stage.h"

namespace assay::training {

struct OptimizerSettings {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double decay = 0.1;  ///< of matrices and tables only
  double clip = 1.0;   ///< largest norm of the gradient; 0: not clipped
};

/// Tokens and targets of one micro-batch, rows = micro_batch * sequence each.
struct MicroBatch {
  const std::int32_t* tokens = nullptr;
  const std::int32_t* targets = nullptr;
};

/// Where a step's time went, seconds of this rank.
struct StepTimes {
  double data_s = 0, forward_s = 0, backward_s = 0;
  double exposed_s =
      0;  ///< communication that nothing was computed beside: stages' receives, gradients' last part
  double optimizer_s = 0;
};

struct StepResult {
  double loss = 0;           ///< mean over all tokens of the global batch, the same on every rank
  double gradient_norm = 0;  ///< before clipping, of the whole model
  StepTimes times;
};

class Trainer {
 public:
  /// Collective. Allocates everything; a step allocates nothing. Throws std::bad_alloc.
  Trainer(const bench::ProcessGroup& group, const ModelShape& shape, const ParallelLayout& layout,
          device::Operators& operators, const OptimizerSettings& settings, std::function<double()> now_s);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Weights in closed form (generator.h), moments zero.
  void initialise(std::uint64_t seed);
  /// One optimizer step; collective. `next(i)` gives micro-batch i of this rank's data-parallel index.
  StepResult step(const std::function<MicroBatch(std::int64_t)>& next);

  const LocalInventory& local() const { return stage_->local(); }
  const StepMemory& memory() const { return memory_; }
  std::int64_t steps() const { return steps_; }
  /// Bytes that this rank has sent so far.
  std::int64_t bytes_sent() const { return bytes_sent_ + tensor_group_->bytes_sent(); }

 private:
  std::int64_t slot_of(std::int64_t micro_batch) const { return micro_batch % slots_; }
  void forward(std::int64_t micro_batch, const std::function<MicroBatch(std::int64_t)>& next);
  void backward(std::int64_t micro_batch);
  void start_exchange(std::int64_t flat_begin);
  void finish_exchange();
  void share_tied_gradient();
  double gradient_norm() const;
  void update(double gradient_scale);
  void receive(void* values, int from);
  void send(int copy, const void* values, int to, MPI_Request& request);
  void wait(MPI_Request& request);
  std::byte* weights(std::int64_t element) const;
  std::byte* gradients(std::int64_t element) const;

  const bench::ProcessGroup& group_;
  const ModelShape shape_;
  const ParallelLayout layout_;
  device::Operators& operators_;
  const OptimizerSettings settings_;
  const std::function<double()> now_s_;
  const device::Element element_, exact_;
  const Coordinates at_;
  MPI_Comm data_ = MPI_COMM_NULL, tensor_ = MPI_COMM_NULL, pipeline_ = MPI_COMM_NULL;
  std::unique_ptr<TensorGroup> tensor_group_;
  StepMemory memory_;
  std::unique_ptr<Stage> stage_;
  const std::int64_t slots_;  ///< micro-batches under way at once
  std::int64_t flat_length_;
  Block shard_;  ///< of the flat buffer, that this rank updates
  std::vector<Segment> segments_;
  std::vector<Action> actions_;
  std::int64_t steps_ = 0;
  std::int64_t bytes_sent_ = 0;
  std::vector<std::int32_t> tokens_,
      targets_;  ///< of the micro-batches under way, a block of rows for each slot
  // Of the step under way.
  double loss_sum_ = 0;
  StepTimes times_;
  std::int64_t exchanged_from_ = 0;  ///< gradients from here on are complete and on their way
  std::vector<MPI_Request> exchanges_;
  MPI_Request sent_forward_ = MPI_REQUEST_NULL, sent_backward_ = MPI_REQUEST_NULL;
};

}  // namespace assay::training
