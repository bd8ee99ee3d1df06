#include "suites/training/support/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "suites/training/support/generator.h"
#include "suites/training/support/parameter_checksum.h"

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

MPI_Datatype exact_type(Element exact) {
  return exact == Element::f64 ? MPI_DOUBLE : MPI_FLOAT;
}

}  // namespace

Trainer::Trainer(const bench::ProcessGroup& group, const ModelShape& shape, const ParallelLayout& layout,
                 device::Operators& operators, const OptimizerSettings& settings,
                 std::function<double()> now_s, bool silent)
    : group_(group),
      shape_(shape),
      layout_(layout),
      operators_(operators),
      settings_(settings),
      silent_(silent),
      element_(operators.element()),
      exact_(device::exact_of(element_)),
      at_(coordinates_of(layout, group.rank())),
      flat_length_(flat_length(local_inventory(shape, layout, group.rank()), layout)),
      data_(split(group, lowest_rank(data_group(layout, group.rank())), at_.data, layout.data)),
      tensor_(split(group, lowest_rank(tensor_group(layout, group.rank())), at_.tensor, layout.tensor)),
      pipeline_(
          split(group, lowest_rank(pipeline_group(layout, group.rank())), at_.pipeline, layout.pipeline)),
      log_(now_s, static_cast<std::size_t>(spans_of_a_micro_batch * layout.micro_batches() +
                                           spans_of_a_layer * (shape.layers + 2) + spans_of_a_step)),
      tensor_group_(
          std::make_unique<TensorGroup>(tensor_, layout.sequence_parallel, silent, std::move(now_s))),
      data_group_(data_ == MPI_COMM_NULL ? bench::ProcessGroup() : data_parallel_group(group, layout, data_)),
      exchange_(make_exchange()),
      memory_(device::host(), memory_items(shape, layout, group.rank(), {element_, 0, 0}), places()),
      stage_(std::make_unique<Stage>(shape, layout, group.rank(), operators, *tensor_group_, memory_)),
      slots_(under_way(layout.pipeline, at_.pipeline, layout.micro_batches())),
      shard_(layout.shard_optimizer ? shard_of(stage_->local().count, at_.data, layout.data)
                                    : Block{0, stage_->local().count}),
      segments_(segments(stage_->local(), shard_)),
      actions_(one_forward_one_backward(layout.pipeline, at_.pipeline, layout.micro_batches())),
      tokens_(static_cast<std::size_t>(slots_ * layout.rows(shape))),
      targets_(tokens_.size()) {
  if (exchange_) exchange_->use(weights(0), gradients(0));
}

Trainer::~Trainer() {
  exchange_.reset();  // it works with the communicator
  free_communicator(data_);
  free_communicator(tensor_);
  free_communicator(pipeline_);
}

std::unique_ptr<GradientExchange> Trainer::make_exchange() const {
  if (data_ == MPI_COMM_NULL) return nullptr;
  ExchangeSettings settings{element_, flat_length_, 0, silent_};
  if (layout_.shard_optimizer) settings.shard_length = flat_length_ / layout_.data;
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

void Trainer::initialise(std::uint64_t seed) {
  const bool fills = !exchange_ || exchange_->fills_weights();
  std::byte* const first = weights(0);
  auto* const master = static_cast<float*>(memory_.at("master"));
  const auto put = [&](std::int64_t flat, double value) {
    if (element_ == Element::f64) {
      if (fills) reinterpret_cast<double*>(first)[flat] = value;
      return;
    }
    const auto single = static_cast<float>(value);
    if (element_ == Element::f32) {
      if (fills) reinterpret_cast<float*>(first)[flat] = single;
      return;
    }
    if (fills) reinterpret_cast<device::Bf16*>(first)[flat] = device::to_bf16(single);
    if (flat >= shard_.begin && flat < shard_.begin + shard_.count) master[flat - shard_.begin] = single;
  };
  for (const LocalTensor& tensor : local().tensors) {
    const InitialValues value(seed, tensor.index, tensor.whole.mean, tensor.whole.deviation);
    std::int64_t flat = tensor.offset;
    for (const Rectangle& piece : tensor.pieces) {
      for (std::int64_t row = piece.row; row < piece.row + piece.rows; ++row) {
        for (std::int64_t column = piece.column; column < piece.column + piece.columns; ++column)
          put(flat++, value(row * tensor.whole.columns + column));
      }
    }
  }
  group_.barrier();  // weights may be shared
}

void Trainer::poison() {
  const std::byte nan{0xFF};  // in every format
  memory_.fill_computed(nan);
  for (const LocalTensor& tensor : local().tensors)
    std::memset(gradients(tensor.offset), static_cast<int>(nan),
                static_cast<std::size_t>(tensor.count()) * bytes_of(exact_));
}

std::uint64_t Trainer::checksum() const {
  return parameter_checksum(local(), at_.tensor, element_, weights(0));
}

std::uint64_t Trainer::checksum_of_all() const {
  std::uint64_t sum = 0;
  for (const LocalTensor& tensor : local().tensors) sum += parameter_checksum(tensor, element_, weights(0));
  return sum;
}

std::uint64_t Trainer::checksum_of_table() const {
  const LocalTensor* table = local().find(Role::token_table, before_layers);
  return table == nullptr ? 0 : parameter_checksum(*table, element_, weights(0));
}

// ---- Between stages

void Trainer::receive(std::int64_t micro_batch, void* values, int from) {
  log_.time(Phase::exposed, "receive", micro_batch, [&] {
    MPI_Recv(values,
             static_cast<int>(stage_->boundary_count() * static_cast<std::int64_t>(bytes_of(element_))),
             MPI_BYTE, from, 0, pipeline_, MPI_STATUS_IGNORE);
  });
}

void Trainer::send(std::int64_t micro_batch, int copy, const void* values, int to, MPI_Request& request) {
  wait(micro_batch, request);
  void* sent = memory_.at("work.sent", copy);
  const auto bytes = stage_->boundary_count() * static_cast<std::int64_t>(bytes_of(element_));
  std::memcpy(sent, values, static_cast<std::size_t>(bytes));
  if (silent_) std::memset(sent, 0, static_cast<std::size_t>(bytes));
  MPI_Isend(sent, static_cast<int>(bytes), MPI_BYTE, to, 0, pipeline_, &request);
  bytes_sent_ += bytes;
}

void Trainer::wait(std::int64_t micro_batch, MPI_Request& request) {
  if (request == MPI_REQUEST_NULL) return;
  log_.time(Phase::exposed, "wait for a send", micro_batch, [&] { MPI_Wait(&request, MPI_STATUS_IGNORE); });
}

void Trainer::forward(std::int64_t micro_batch, const std::function<MicroBatch(std::int64_t)>& next) {
  const std::int64_t slot = slot_of(micro_batch);
  const std::size_t rows = static_cast<std::size_t>(layout_.rows(shape_));
  std::int32_t* tokens = tokens_.data() + static_cast<std::size_t>(slot) * rows;
  std::int32_t* targets = targets_.data() + static_cast<std::size_t>(slot) * rows;
  if (stage_->first() || stage_->last()) {
    log_.time(Phase::data, "next micro-batch", micro_batch, [&] {
      const MicroBatch batch = next(micro_batch);
      std::copy_n(batch.tokens, rows, tokens);
      std::copy_n(batch.targets, rows, targets);
    });
  }
  const int stage = static_cast<int>(at_.pipeline);
  if (!stage_->first()) receive(micro_batch, stage_->input(slot), stage - 1);
  log_.time(Phase::forward, "forward", micro_batch,
            [&] { loss_sum_ += stage_->forward(slot, tokens, targets); });
  if (!stage_->last()) {
    send(micro_batch, stage_->first() ? 0 : 1, stage_->output(), stage + 1, sent_forward_);
  }
}

void Trainer::backward(std::int64_t micro_batch) {
  const std::int64_t slot = slot_of(micro_batch);
  const std::size_t rows = static_cast<std::size_t>(layout_.rows(shape_));
  const std::int32_t* tokens = tokens_.data() + static_cast<std::size_t>(slot) * rows;
  const std::int32_t* targets = targets_.data() + static_cast<std::size_t>(slot) * rows;
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
  log_.time(Phase::backward, "backward", micro_batch,
            [&] { stage_->backward(slot, tokens, targets, scale, micro_batch == 0, done); });
  if (!stage_->first()) send(micro_batch, 0, stage_->d_input(), stage - 1, sent_backward_);
}

// ---- Gradients

void Trainer::complete_from(std::int64_t flat_begin) {
  if (!exchange_) return;
  log_.time(Phase::exposed, "send gradients", -1, [&] { exchange_->complete_from(flat_begin); });
}

// A tied table has a copy on the last stage. The first stage updates it for both: sums over data-parallel
// ranks may be rounded differently on different stages, and copies that are updated apart would drift apart.

void Trainer::share_tied_gradient() {
  const LocalTensor* table = shared_table();
  const auto pass_on = [&](std::byte* own, std::int64_t count, std::byte* received) {
    if (stage_->last()) {
      if (silent_) std::memset(own, 0, static_cast<std::size_t>(count) * bytes_of(exact_));
      MPI_Send(own, static_cast<int>(count), exact_type(exact_), 0, 1, pipeline_);
      return;
    }
    MPI_Recv(received, static_cast<int>(count), exact_type(exact_), static_cast<int>(layout_.pipeline) - 1, 1,
             pipeline_, MPI_STATUS_IGNORE);
    const auto add = [&]<typename T>(T* mine) {
      const T* theirs = reinterpret_cast<const T*>(received);
      for (std::int64_t i = 0; i < count; ++i) mine[i] += theirs[i];
    };
    exact_ == Element::f64 ? add(reinterpret_cast<double*>(own)) : add(reinterpret_cast<float*>(own));
  };
  // In blocks, so that it needs no second table.
  constexpr std::int64_t block = 4096;
  alignas(64) std::byte received[block * sizeof(double)];
  for (std::int64_t at = 0; at < table->count(); at += block)
    pass_on(gradients(table->offset + at), std::min(block, table->count() - at), received);
  if (stage_->last()) bytes_sent_ += table->count() * static_cast<std::int64_t>(bytes_of(exact_));
}

void Trainer::share_tied_weights() {
  const LocalTensor* table = shared_table();
  constexpr std::int64_t block = std::int64_t{1} << 24;
  for (std::int64_t at = 0; at < table->count(); at += block) {
    const std::int64_t count = std::min(block, table->count() - at);
    const auto bytes = count * static_cast<std::int64_t>(bytes_of(element_));
    std::byte* own = weights(table->offset + at);
    if (stage_->first()) {
      MPI_Send(own, static_cast<int>(bytes), MPI_BYTE, static_cast<int>(layout_.pipeline) - 1, 1, pipeline_);
      bytes_sent_ += bytes;
      continue;
    }
    std::vector<std::byte> ignored(silent_ ? static_cast<std::size_t>(bytes) : 0);
    MPI_Recv(silent_ ? ignored.data() : own, static_cast<int>(bytes), MPI_BYTE, 0, 1, pipeline_,
             MPI_STATUS_IGNORE);
  }
}

const LocalTensor* Trainer::shared_table() const {
  if (!shape_.tied_head || pipeline_ == MPI_COMM_NULL) return nullptr;
  return local().find(Role::token_table, before_layers);
}

double Trainer::squares_of_gradients() {
  double sum = 0;
  for (const Segment& segment : segments_) {
    const LocalTensor& tensor = local().tensors[static_cast<std::size_t>(segment.tensor)];
    // What several ranks hold counts once.
    if (tensor.copy || (tensor.whole.split == Split::none && at_.tensor > 0)) continue;
    if (!layout_.shard_optimizer && at_.data > 0) continue;
    sum += operators_.sum_of_squares(segment.count, gradients(segment.begin));
  }
  return sum;
}

void Trainer::update(double gradient_scale) {
  const auto part = [&](const char* name, std::int64_t element) {
    return static_cast<std::byte*>(memory_.at(name)) +
           static_cast<std::size_t>(element - shard_.begin) * bytes_of(exact_);
  };
  for (const Segment& segment : segments_) {
    const LocalTensor& tensor = local().tensors[static_cast<std::size_t>(segment.tensor)];
    if (tensor.copy) continue;
    device::AdamW settings;
    settings.rate = settings_.rate;
    settings.beta1 = settings_.beta1;
    settings.beta2 = settings_.beta2;
    settings.epsilon = settings_.epsilon;
    settings.decay = tensor.whole.decays ? settings_.decay : 0;
    settings.step = steps_ + 1;
    settings.gradient_scale = gradient_scale;
    settings.clear = false;  // the first backward pass of a step overwrites
    std::byte* weight = weights(segment.begin);
    operators_.adamw(segment.count, settings, element_ == exact_ ? weight : part("master", segment.begin),
                     part("first_moment", segment.begin), part("second_moment", segment.begin),
                     gradients(segment.begin), weight);
  }
}

StepResult Trainer::step(const std::function<MicroBatch(std::int64_t)>& next, bool sampled) {
  loss_sum_ = 0;
  log_.begin_step();
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
    log_.time(Phase::exposed, "gradient of the tied table", -1, [&] { share_tied_gradient(); });
  if (exchange_) {
    log_.time(Phase::exposed, "rest of the gradients", -1, [&] {
      exchange_->complete_from(0);
      exchange_->finish();
    });
  }
  StepResult result;
  result.own_loss = loss_sum_;
  log_.time(Phase::optimizer, "norm of the gradients", -1, [&] { own_squares_ = squares_of_gradients(); });
  // Only the last stage has losses; each of its tensor ranks has the same.
  double sums[2] = {own_squares_, stage_->last() && at_.tensor == 0 ? loss_sum_ : 0};
  if (!group_.alone()) {
    log_.time(Phase::exposed, "norm and loss of all ranks", -1,
              [&] { MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_DOUBLE, MPI_SUM, group_.communicator()); });
  }
  result.gradient_norm = std::sqrt(sums[0]);
  result.loss = sums[1] / static_cast<double>(layout_.global_batch * shape_.sequence);
  result.own_squares = own_squares_;
  log_.time(Phase::optimizer, "AdamW", -1, [&] {
    const bool clipped = settings_.clip > 0 && result.gradient_norm > settings_.clip;
    update(clipped ? settings_.clip / result.gradient_norm : 1.0);
  });
  if (exchange_) log_.time(Phase::exposed, "share the weights", -1, [&] { exchange_->share_weights(); });
  if (shared_table() != nullptr)
    log_.time(Phase::exposed, "weights of the tied table", -1, [&] { share_tied_weights(); });
  ++steps_;
  return result;
}

ExchangeCheck Trainer::verify_exchange() const {
  return exchange_ ? exchange_->verify() : ExchangeCheck{};
}

std::int64_t Trainer::bytes_sent() const {
  return bytes_sent_ + tensor_group_->bytes_sent() + (exchange_ ? exchange_->bytes_sent() : 0);
}

std::vector<StateBlock> Trainer::state() {
  const bool sharded = layout_.shard_optimizer && data_ != MPI_COMM_NULL;
  std::vector<StateBlock> blocks = {
      {"weights", weights(0), static_cast<std::size_t>(flat_length_) * bytes_of(element_), true}};
  for (const char* name : {"master", "first_moment", "second_moment"}) {
    auto* begin = static_cast<std::byte*>(memory_.at(name));
    if (begin == nullptr) continue;
    const std::int64_t count = sharded ? shard_length(local().count, layout_.data) : flat_length_;
    blocks.push_back({name, begin, static_cast<std::size_t>(count) * bytes_of(exact_), !sharded});
  }
  return blocks;
}

}  // namespace assay::training
