// One rank of a training run: micro-batches through its stage in 1F1B order, gradients over the data-parallel
// group (gradient_exchange.h), clipping, AdamW (whole or a shard of it), and the tied table on both its
// stages.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "suites/device/device.h"
#include "suites/harness/process_group.h"
#include "suites/training/support/gradient_exchange.h"
#include "suites/training/support/host_view.h"
#include "suites/training/support/stage.h"
#include "suites/training/support/step_log.h"

namespace assay::training {

struct OptimizerSettings {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double decay = 0.1;  ///< of matrices and tables only
  double clip = 1.0;   ///< largest norm of the gradient; 0: not clipped
  /// Steps over which the rate rises from rate / warmup to rate: moments that rest on few gradients make the
  /// first steps too long in some direction.
  std::int64_t warmup = 0;
  bool narrow_moments = false;  ///< both in bf16 (device::AdamW::narrow_moments); not for f64
};

/// Tokens and targets of one micro-batch, rows = micro_batch * sequence each.
struct MicroBatch {
  const std::int32_t* tokens = nullptr;
  const std::int32_t* targets = nullptr;
};

struct StepResult {
  double loss = 0;           ///< mean over all tokens of the global batch, the same on every rank
  double gradient_norm = 0;  ///< before clipping, of the whole model
  double own_loss = 0;       ///< as this rank computed it, summed over its tokens; 0 but on the last stage
  /// Sum of squares of the gradients that this rank stands for; 0 where another one stands for all of them.
  double own_squares = 0;
};

/// What does the work of a rank.
struct Workplace {
  device::Device& device;
  device::Operators& operators;  ///< of the device
  /// Makes what sums gradients between the devices of the data-parallel ranks; none: MPI does.
  std::function<std::unique_ptr<device::Collectives>(const device::Meeting&)> collectives = {};
};

/// What a training goes on from: a run of bytes that a checkpoint keeps.
struct StateBlock {
  std::string name;  ///< "weights", "master", "first_moment", "second_moment"
  std::byte* begin = nullptr;
  std::size_t bytes = 0;
  bool copied = false;               ///< the same bits on every rank of the data-parallel group
  device::Device* device = nullptr;  ///< in whose memory it is; null: the host's
};

/// On a device that works by itself, with one rank to a model and with gradients that are exchanged by the
/// devices (or not at all), a step is `asynchronous`: it is begun as a whole and waited for once, and when it
/// was recorded (record_steps), it is begun by one call. Elsewhere communication goes through the host, which
/// waits for the device first.
class Trainer {
 public:
  /// Collective. Allocates everything; a step allocates nothing. Throws std::bad_alloc. `silent` is a fault
  /// planted on purpose: this rank takes part in exchanges, so that nobody waits for it, but gives zeros and
  /// ignores what it gets.
  Trainer(const bench::ProcessGroup& group, const ModelShape& shape, const ParallelLayout& layout,
          const Workplace& workplace, const OptimizerSettings& settings, std::function<double()> now_s,
          bool silent = false);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Weights in closed form (generator.h), moments zero.
  void initialise(std::uint64_t seed);
  /// One optimizer step; collective. `next(i)` gives micro-batch i of this rank's data-parallel index.
  /// `sampled`: verify_exchange may be called after it.
  StepResult step(const std::function<MicroBatch(std::int64_t)>& next, bool sampled = false);
  /// Whether the host only begins steps; the log then knows no phases but data, unless they are waited for.
  bool asynchronous() const { return asynchronous_; }
  /// From now on asynchronous steps wait after each phase, so that the log has them, or no more.
  void wait_between_phases(bool wait) { phased_ = wait; }
  /// After a step: later ones are recorded work of the device, where steps are asynchronous and the device
  /// can record.
  void record_steps();
  /// Called where the device is given the first and the last work of an asynchronous step.
  void on_work(std::function<void()> begins, std::function<void()> ends) {
    work_begins_ = std::move(begins);
    work_ends_ = std::move(ends);
  }
  /// How steps are done, for the path: "kernel by kernel", ...
  const std::string& how() const { return how_; }
  /// What carries gradients; empty: they are not exchanged.
  std::string exchange_words() const { return exchange_ ? exchange_->describe() : std::string(); }
  /// Of the latest step, which was sampled; collective over data-parallel groups.
  ExchangeCheck verify_exchange() const;

  /// Fills activations, gradients and everything else that a step computes anew with NaN.
  void poison();
  /// Of the weights that this rank stands for (parameter_checksum.h): summed over the ranks whose data index
  /// is 0 it is the model's.
  std::uint64_t checksum() const;
  /// Of everything that this rank holds: the same on every rank of a data-parallel group.
  std::uint64_t checksum_of_all() const;
  /// Of this rank's part of the table of tokens, the same on the first stage and where the last has a copy;
  /// 0: it has none.
  std::uint64_t checksum_of_table() const;

  const LocalInventory& local() const { return stage_->local(); }
  const Coordinates& at() const { return at_; }
  const StepMemory& memory() const { return memory_; }
  /// Of the flat buffer, from this element on, in the device's memory.
  std::byte* weights(std::int64_t element) const;
  /// Changes the bytes of one of them, for faults planted on purpose.
  void change_weight(std::int64_t element, const std::function<void(std::byte*)>& change);
  /// Weights of this rank that are no finite numbers.
  std::int64_t not_finite() const;
  std::int64_t steps() const { return steps_; }
  /// Everything that later steps depend on, with the number of steps so far.
  std::vector<StateBlock> state();
  /// The state has been put back as it was after `steps` steps.
  void resume(std::int64_t steps) { steps_ = steps; }
  /// What the latest step did, and when.
  const StepLog& log() const { return log_; }
  /// What exchanges within layers (tensor-parallel ranks) took so far: part of forward and backward in the
  /// log.
  double exchanged_within_layers_s() const { return tensor_group_->exchanged_s(); }
  /// Bytes that this rank has sent so far.
  std::int64_t bytes_sent() const;

 private:
  using NextBatch = std::function<MicroBatch(std::int64_t)>;
  struct Rows {
    const std::int32_t *tokens = nullptr, *targets = nullptr;
  };

  /// Times a phase; where steps are only begun, there is nothing to time.
  template <typename Work>
  void timed(Phase phase, std::string_view what, std::int64_t micro_batch, const Work& work) {
    if (begins_only()) return work();
    log_.time(phase, what, micro_batch, [&] {
      work();
      if (apart_) device_.finish();
    });
  }
  bool begins_only() const { return asynchronous_ && !phased_; }
  std::int64_t slot_of(std::int64_t micro_batch) const { return micro_batch % slots_; }
  StepNumbers& numbers() const { return *static_cast<StepNumbers*>(memory_.at("numbers")); }
  StepNumbers fetched_numbers() const;
  std::uint64_t checksum_of_tensors(const std::function<bool(const LocalTensor&)>& counts) const;
  void bring_tokens(const NextBatch& next);
  Rows rows_of(std::int64_t micro_batch) const;
  void keep_rows(std::int64_t micro_batch, const NextBatch& next);
  void set_step_numbers();
  /// All of a step until the weights are new. Of its communication the norm goes over all ranks unless it is
  /// asynchronous.
  void work(const NextBatch& next, bool sampled);
  void forward(std::int64_t micro_batch, const NextBatch& next);
  void backward(std::int64_t micro_batch);
  void complete_from(std::int64_t flat_begin);
  const LocalTensor* shared_table() const;
  void share_tied_gradient();
  void share_tied_weights();
  void add_squares_of_gradients();
  StepResult result_of(const StepNumbers& own, bool stands_for_others);
  void update(double gradient_scale);
  /// Of the step under way, but for what changes from tensor to tensor.
  device::AdamW settings_of_step() const;
  bool sharded() const { return layout_.shard_optimizer && data_ != MPI_COMM_NULL; }
  void receive(std::int64_t micro_batch, void* values, int from);
  void send(std::int64_t micro_batch, int copy, const void* values, int to, MPI_Request& request);
  void wait(std::int64_t micro_batch, MPI_Request& request);
  std::byte* gradients(std::int64_t element) const;
  std::unique_ptr<GradientExchange> make_exchange(const Workplace& workplace) const;
  std::map<std::string, std::byte*> places() const;  ///< of memory that the exchange has

  const bench::ProcessGroup& group_;
  const ModelShape shape_;
  const ParallelLayout layout_;
  device::Device& device_;
  device::Operators& operators_;
  const OptimizerSettings settings_;
  const bool silent_, apart_;
  const device::Element element_, exact_, moments_;
  const Coordinates at_;
  const std::int64_t flat_length_;  ///< of weights and gradients
  MPI_Comm data_ = MPI_COMM_NULL, tensor_ = MPI_COMM_NULL, pipeline_ = MPI_COMM_NULL;
  StepLog log_;
  std::unique_ptr<TensorGroup> tensor_group_;
  bench::ProcessGroup data_group_;
  std::unique_ptr<GradientExchange> exchange_;  ///< none where there is one data-parallel rank
  StepMemory memory_;
  std::unique_ptr<Stage> stage_;
  const std::int64_t slots_;  ///< micro-batches under way at once
  Block shard_;               ///< of the flat buffer, that this rank updates
  std::vector<Segment> segments_;
  std::vector<Action> actions_;
  const HostView view_;
  const bool asynchronous_;
  bool phased_ = false;
  std::string how_;
  std::function<void()> work_begins_, work_ends_;
  /// A step, and one that is sampled.
  struct Recorded {
    std::unique_ptr<device::RecordedWork> work;
    std::int64_t bytes_sent = 0;
  } recorded_[2];
  std::int64_t steps_ = 0;
  std::int64_t bytes_sent_ = 0;
  /// Of the micro-batches under way, a block of rows for each slot; with a device that is apart all are in
  /// its memory.
  std::vector<std::int32_t> tokens_, targets_;
  StepResult result_;  ///< of the step under way, once it is known
  MPI_Request sent_forward_ = MPI_REQUEST_NULL, sent_backward_ = MPI_REQUEST_NULL;
};

}  // namespace assay::training
