#include "suites/training/support/trainer.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace assay::training {

namespace {

using device::bytes_of;
using device::Element;

/// Data, two receives, two waits for sends, forward, backward.
constexpr std::int64_t spans_of_a_micro_batch = 7;
constexpr std::int64_t spans_of_a_step = 9;
/// The last backward pass is interrupted by what is done about the gradients of each layer.
constexpr std::int64_t spans_of_a_layer = 2;

MPI_Comm split(const bench::ProcessGroup& group, std::int64_t colour, std::int64_t key, std::int64_t size) {
  MPI_Comm made = MPI_COMM_NULL;
  if (!group.alone() && size > 1)
    MPI_Comm_split(group.communicator(), static_cast<int>(colour), static_cast<int>(key), &made);
  return made;
}

void free_communicator(MPI_Comm& communicator) {
  if (communicator != MPI_COMM_NULL) MPI_Comm_free(&communicator);
}

std::int64_t lowest_rank(const std::vector<std::int64_t>& ranks) {
  return *std::min_element(ranks.begin(), ranks.end());
}

/// The ranks that differ from this one in their data index only.
bench::ProcessGroup data_parallel_group(const bench::ProcessGroup& group, const ParallelLayout& layout,
                                        MPI_Comm communicator) {
  std::vector<std::string> nodes;
  for (const std::int64_t rank : data_group(layout, group.rank()))
    nodes.push_back(group.node_of(static_cast<int>(rank)));
  return {communicator, std::move(nodes)};
}

}  // namespace

Trainer::Trainer(const bench::ProcessGroup& group, const ModelShape& shape, const ParallelLayout& layout,
                 const Workplace& workplace, const OptimizerSettings& settings, std::function<double()> now_s,
                 bool silent)
    : group_(group),
      shape_(shape),
      layout_(layout),
      device_(workplace.device),
      operators_(workplace.operators),
      settings_(settings),
      silent_(silent),
      apart_(apart(workplace.device)),
      element_(workplace.operators.element()),
      exact_(device::exact_of(element_)),
      moments_(settings.narrow_moments ? Element::bf16 : exact_),
      at_(coordinates_of(layout, group.rank())),
      flat_length_(flat_length(local_inventory(shape, layout, group.rank()), layout)),
      data_(split(group, lowest_rank(data_group(layout, group.rank())), at_.data, layout.data)),
      tensor_(split(group, lowest_rank(tensor_group(layout, group.rank())), at_.tensor, layout.tensor)),
      pipeline_(
          split(group, lowest_rank(pipeline_group(layout, group.rank())), at_.pipeline, layout.pipeline)),
      log_(now_s, static_cast<std::size_t>(spans_of_a_micro_batch * layout.micro_batches() +
                                           spans_of_a_layer * (shape.layers + 2) + spans_of_a_step)),
      tensor_group_(std::make_unique<TensorGroup>(tensor_, layout.sequence_parallel, silent, std::move(now_s),
                                                  &device_)),
      data_group_(data_ == MPI_COMM_NULL ? bench::ProcessGroup() : data_parallel_group(group, layout, data_)),
      exchange_(make_exchange(workplace)),
      memory_(device_,
              memory_items(shape, layout, group.rank(),
                           {.element = element_, .apart = apart_, .narrow_moments = settings.narrow_moments}),
              places()),
      stage_(
          std::make_unique<Stage>(shape, layout, group.rank(), device_, operators_, *tensor_group_, memory_)),
      slots_(under_way(layout.pipeline, at_.pipeline, layout.micro_batches())),
      shard_(layout.shard_optimizer ? shard_of(stage_->local().count, at_.data, layout.data)
                                    : Block{0, stage_->local().count}),
      segments_(segments(stage_->local(), shard_)),
      actions_(one_forward_one_backward(layout.pipeline, at_.pipeline, layout.micro_batches())),
      view_(device_, host_view_bytes),
      asynchronous_(apart_ && layout.tensor == 1 && layout.pipeline == 1 &&
                    (data_ == MPI_COMM_NULL || workplace.collectives)),
      how_(asynchronous_ ? "kernel by kernel, waited for once"
           : apart_      ? "kernel by kernel, waited for between phases"
                         : ""),
      tokens_(apart_ ? 0 : static_cast<std::size_t>(slots_ * layout.rows(shape))),
      targets_(tokens_.size()) {
  if (exchange_) exchange_->use(weights(0), gradients(0));
}

Trainer::~Trainer() {
  // Recorded work goes first: libraries of collectives wait at their end for what still refers to them.
  for (Recorded& recorded : recorded_) recorded.work.reset();
  exchange_.reset();  // it works with the communicator
  free_communicator(data_);
  free_communicator(tensor_);
  free_communicator(pipeline_);
}

std::unique_ptr<GradientExchange> Trainer::make_exchange(const Workplace& workplace) const {
  if (data_ == MPI_COMM_NULL) return nullptr;
  ExchangeSettings settings{element_, flat_length_, 0, silent_};
  if (layout_.shard_optimizer) settings.shard_length = flat_length_ / layout_.data;
  if (workplace.collectives) {
    const device::Meeting meeting{
        data_group_.rank(), data_group_.size(),
        [this](void* bytes, std::size_t count) { data_group_.broadcast(bytes, count, 0); }};
    return device_exchange(data_, settings, device_, workplace.collectives(meeting));
  }
  if (apart_) return staged_exchange(data_, settings, device_);
  return layout_.shared_window ? window_exchange(data_group_, settings, operators_)
                               : mpi_exchange(data_, settings);
}

std::map<std::string, std::byte*> Trainer::places() const {
  if (!exchange_ || exchange_->gradients() == nullptr) return {};
  return {{"weights", exchange_->weights()}, {"gradients", exchange_->gradients()}};
}

std::byte* Trainer::weights(std::int64_t element) const {
  return static_cast<std::byte*>(memory_.at("weights")) +
         static_cast<std::size_t>(element) * bytes_of(element_);
}

std::byte* Trainer::gradients(std::int64_t element) const {
  return static_cast<std::byte*>(memory_.at("gradients")) +
         static_cast<std::size_t>(element) * bytes_of(exact_);
}

// ---- Passes

void Trainer::keep_rows(std::int64_t micro_batch, const NextBatch& next) {
  const auto rows = static_cast<std::size_t>(layout_.rows(shape_));
  const auto first = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(slot_of(micro_batch)) * rows);
  timed(Phase::data, "next micro-batch", micro_batch, [&] {
    const MicroBatch batch = next(micro_batch);
    std::copy_n(batch.tokens, rows, tokens_.begin() + first);
    std::copy_n(batch.targets, rows, targets_.begin() + first);
  });
}

/// All micro-batches of a step, before it begins: what was recorded finds them at their places.
void Trainer::bring_tokens(const NextBatch& next) {
  const auto rows = static_cast<std::size_t>(layout_.rows(shape_));
  auto* const tokens = static_cast<std::int32_t*>(memory_.host_at("tokens"));
  auto* const targets = static_cast<std::int32_t*>(memory_.host_at("targets"));
  log_.time(Phase::data, "all micro-batches", -1, [&] {
    for (std::int64_t i = 0; i < layout_.micro_batches(); ++i) {
      const MicroBatch batch = next(i);
      std::copy_n(batch.tokens, rows, tokens + static_cast<std::size_t>(i) * rows);
      std::copy_n(batch.targets, rows, targets + static_cast<std::size_t>(i) * rows);
    }
    const std::size_t bytes = static_cast<std::size_t>(layout_.micro_batches()) * rows * sizeof(std::int32_t);
    device_.copy(memory_.at("tokens"), tokens, bytes);
    device_.copy(memory_.at("targets"), targets, bytes);
  });
}

Trainer::Rows Trainer::rows_of(std::int64_t micro_batch) const {
  const std::int64_t rows = layout_.rows(shape_);
  if (!apart_)
    return {tokens_.data() + slot_of(micro_batch) * rows, targets_.data() + slot_of(micro_batch) * rows};
  if (memory_.at("tokens") == nullptr) return {};
  return {static_cast<const std::int32_t*>(memory_.at("tokens")) + micro_batch * rows,
          static_cast<const std::int32_t*>(memory_.at("targets")) + micro_batch * rows};
}

void Trainer::forward(std::int64_t micro_batch, const NextBatch& next) {
  const std::int64_t slot = slot_of(micro_batch);
  if (!apart_ && (stage_->first() || stage_->last())) keep_rows(micro_batch, next);
  const int stage = static_cast<int>(at_.pipeline);
  if (!stage_->first()) receive(micro_batch, stage_->input(slot), stage - 1);
  const Rows rows = rows_of(micro_batch);
  timed(Phase::forward, "forward", micro_batch, [&] { stage_->forward(slot, rows.tokens, rows.targets); });
  if (!stage_->last()) {
    send(micro_batch, stage_->first() ? 0 : 1, stage_->output(), stage + 1, sent_forward_);
  }
}

void Trainer::backward(std::int64_t micro_batch) {
  const std::int64_t slot = slot_of(micro_batch);
  const Rows rows = rows_of(micro_batch);
  const int stage = static_cast<int>(at_.pipeline);
  if (!stage_->last()) receive(micro_batch, stage_->d_output(), stage + 1);
  const double scale = 1.0 / static_cast<double>(layout_.global_batch * shape_.sequence);
  std::function<void(std::int64_t)> done;
  if (micro_batch + 1 == layout_.micro_batches()) {
    // The last stage's part of a tied table's gradient comes when the backward pass is over: the table, first
    // in the buffer, waits for it.
    const LocalTensor* table = stage_->first() ? shared_table() : nullptr;
    const std::int64_t least = table == nullptr ? 0 : table->offset + table->count();
    done = [this, least](std::int64_t from) { complete_from(std::max(from, least)); };
  }
  timed(Phase::backward, "backward", micro_batch,
        [&] { stage_->backward(slot, rows.tokens, rows.targets, scale, micro_batch == 0, done); });
  if (!stage_->first()) send(micro_batch, 0, stage_->d_input(), stage - 1, sent_backward_);
}

// ---- Gradients

void Trainer::complete_from(std::int64_t flat_begin) {
  if (!exchange_) return;
  timed(Phase::exposed, "send gradients", -1, [&] { exchange_->complete_from(flat_begin); });
}

void Trainer::add_squares_of_gradients() {
  for (const Segment& segment : segments_) {
    const LocalTensor& tensor = local().tensors[static_cast<std::size_t>(segment.tensor)];
    // What several ranks hold counts once, but where each needs the sum itself.
    if (tensor.copy || (tensor.whole.split == Split::none && at_.tensor > 0)) continue;
    if (!asynchronous_ && !layout_.shard_optimizer && at_.data > 0) continue;
    operators_.add_squares(segment.count, gradients(segment.begin), &numbers().squares);
  }
}

device::AdamW Trainer::settings_of_step() const {
  device::AdamW settings;
  settings.rate = settings_.rate;
  if (steps_ < settings_.warmup)
    settings.rate *= static_cast<double>(steps_ + 1) / static_cast<double>(settings_.warmup);
  settings.beta1 = settings_.beta1;
  settings.beta2 = settings_.beta2;
  settings.epsilon = settings_.epsilon;
  settings.step = steps_ + 1;
  settings.clear = false;  // the first backward pass of a step overwrites
  settings.narrow_moments = settings_.narrow_moments;
  return settings;
}

void Trainer::update(double gradient_scale) {
  const auto part = [&](const char* name, device::Element element, std::int64_t first) {
    return static_cast<std::byte*>(memory_.at(name)) +
           static_cast<std::size_t>(first - shard_.begin) * bytes_of(element);
  };
  device::AdamW settings = settings_of_step();
  settings.gradient_scale = gradient_scale;
  if (asynchronous_) {
    settings.step_on_device = &numbers().step;
    settings.squares_on_device = sharded() ? &numbers().all_squares : &numbers().squares;
    settings.clip = settings_.clip;
  }
  for (const Segment& segment : segments_) {
    const LocalTensor& tensor = local().tensors[static_cast<std::size_t>(segment.tensor)];
    if (tensor.copy) continue;
    settings.decay = tensor.whole.decays ? settings_.decay : 0;
    std::byte* weight = weights(segment.begin);
    operators_.adamw(segment.count, settings,
                     element_ == exact_ ? weight : part("master", exact_, segment.begin),
                     part("first_moment", moments_, segment.begin),
                     part("second_moment", moments_, segment.begin), gradients(segment.begin), weight);
  }
}

// ---- The step

/// Clears what the step adds to, and tells the device what is new in this step.
void Trainer::set_step_numbers() {
  auto& here = *static_cast<StepNumbers*>(memory_.host_at("numbers"));
  here = {.step = device::step_of(settings_of_step())};
  if (apart_) device_.copy(&numbers(), &here, sizeof here);
}

StepNumbers Trainer::fetched_numbers() const {
  if (!apart_) return numbers();
  auto& here = *static_cast<StepNumbers*>(memory_.host_at("numbers"));
  device_.copy(&here, &numbers(), sizeof here);
  device_.finish();
  return here;
}

/// Collective: what the ranks found together.
StepResult Trainer::result_of(const StepNumbers& own, bool stands_for_others) {
  StepResult result;
  result.own_loss = own.loss;
  result.own_squares = stands_for_others ? own.squares : 0;
  // Only the last stage has losses; each of its tensor ranks has the same.
  double sums[2] = {result.own_squares, stage_->last() && at_.tensor == 0 ? own.loss : 0};
  if (!group_.alone()) {
    log_.time(Phase::exposed, "norm and loss of all ranks", -1,
              [&] { MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_DOUBLE, MPI_SUM, group_.communicator()); });
  }
  result.gradient_norm = std::sqrt(sums[0]);
  result.loss = sums[1] / static_cast<double>(layout_.global_batch * shape_.sequence);
  return result;
}

void Trainer::work(const NextBatch& next, bool sampled) {
  if (exchange_) {
    // A copy, which stands at the end, is not this stage's to update.
    const LocalTensor& last = local().tensors.back();
    exchange_->begin(last.copy ? last.offset : flat_length_, sampled);
  }
  for (const Action& action : actions_) {
    if (action.pass == Pass::forward) {
      forward(action.micro_batch, next);
    } else {
      backward(action.micro_batch);
    }
  }
  wait(-1, sent_forward_);
  wait(-1, sent_backward_);
  if (shared_table() != nullptr)
    timed(Phase::exposed, "gradient of the tied table", -1, [&] { share_tied_gradient(); });
  if (exchange_) {
    timed(Phase::exposed, "rest of the gradients", -1, [&] {
      exchange_->complete_from(0);
      exchange_->finish();
    });
  }
  timed(Phase::optimizer, "norm of the gradients", -1, [&] { add_squares_of_gradients(); });
  double scale = 1;
  if (!asynchronous_) {
    result_ = result_of(fetched_numbers(), true);
    const bool clipped = settings_.clip > 0 && result_.gradient_norm > settings_.clip;
    if (clipped) scale = settings_.clip / result_.gradient_norm;
  } else if (sharded()) {
    timed(Phase::exposed, "norm of all ranks", -1, [&] { exchange_->sum_squares(&numbers().squares); });
  }
  timed(Phase::optimizer, "AdamW", -1, [&] { update(scale); });
  if (exchange_) timed(Phase::exposed, "share the weights", -1, [&] { exchange_->share_weights(); });
  if (shared_table() != nullptr)
    timed(Phase::exposed, "weights of the tied table", -1, [&] { share_tied_weights(); });
}

StepResult Trainer::step(const NextBatch& next, bool sampled) {
  log_.begin_step();
  if (apart_ && memory_.at("tokens") != nullptr) bring_tokens(next);
  set_step_numbers();
  const Recorded& recorded = recorded_[exchange_ && sampled ? 1 : 0];
  if (asynchronous_ && work_begins_) work_begins_();
  if (recorded.work && !phased_) {
    if (exchange_) exchange_->begin(flat_length_, sampled);
    recorded.work->begin();
    bytes_sent_ += recorded.bytes_sent;
  } else {
    work(next, sampled);
  }
  if (asynchronous_) {
    if (work_ends_) work_ends_();
    if (exchange_) exchange_->wait();
    // Copies that add up the same sums: the first one's count.
    result_ = result_of(fetched_numbers(), layout_.shard_optimizer || at_.data == 0);
  } else if (apart_) {
    device_.finish();
  }
  ++steps_;
  return result_;
}

void Trainer::record_steps() {
  if (!asynchronous_) return;
  const bool phased = std::exchange(phased_, false);
  try {
    for (const bool sampled : {false, true}) {
      if (sampled && !exchange_) continue;
      Recorded& recorded = recorded_[sampled ? 1 : 0];
      const std::int64_t before = bytes_sent();
      recorded.work = device_.record([&] { work({}, sampled); });
      recorded.bytes_sent = bytes_sent() - before;
      bytes_sent_ -= recorded.bytes_sent;  // nothing was sent yet
    }
    how_ = recorded_[0].work ? "one graph of the device, begun by one call and waited for once"
                             : "kernel by kernel, waited for once: the device records nothing";
  } catch (const std::exception& refused) {
    for (Recorded& recorded : recorded_) recorded = {};
    how_ = std::string("kernel by kernel, waited for once: it could not be recorded: ") + refused.what();
  }
  phased_ = phased;
}

ExchangeCheck Trainer::verify_exchange() const {
  return exchange_ ? exchange_->verify() : ExchangeCheck{};
}

std::int64_t Trainer::bytes_sent() const {
  return bytes_sent_ + tensor_group_->bytes_sent() + (exchange_ ? exchange_->bytes_sent() : 0);
}

}  // namespace assay::training
