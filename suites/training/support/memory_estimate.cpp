#include "suites/training/support/memory_estimate.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

#include "reports/base/names.h"
#include "suites/device/operators.h"
#include "suites/training/support/gradient_exchange.h"

namespace assay::training {

namespace {

/// StepNumbers (step_memory.h), to whole cache lines.
constexpr std::int64_t step_numbers = 8;

/// Bytes in the unit that memory is sold in.
std::string gib(std::int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g GiB", static_cast<double>(bytes) / 0x1p30);
  return text.data();
}

class Items {
 public:
  void add(std::string name, Element element, std::int64_t count, std::int64_t copies, std::string formula,
           bool mapped = false) {
    if (count * copies == 0) return;
    items_.push_back({std::move(name), element, count, copies, std::move(formula), mapped});
  }
  std::vector<MemoryItem> take() { return std::move(items_); }

 private:
  std::vector<MemoryItem> items_;
};

/// What the formulas are made of.
struct Quantities {
  const ModelShape& shape;
  Element element, exact;
  std::int64_t rows, own_rows;
  std::int64_t tensor;
  bool gpt;

  std::int64_t qkv() const { return (shape.width + 2 * shape.kv_width()) / tensor; }
  std::int64_t heads() const { return shape.heads / tensor; }
  std::int64_t attention() const { return shape.width / tensor; }
  std::int64_t feed_forward() const { return shape.feed_forward / tensor; }
  std::int64_t feed_forward_in() const { return feed_forward() * (gpt ? 1 : 2); }
  std::int64_t statistics() const { return gpt ? 2 : 1; }
};

void add_state(Items& items, const Quantities& q, const LocalInventory& local, const ParallelLayout& layout,
               std::int64_t data_rank, const MemoryRequest& request) {
  const std::int64_t flat = flat_length(local, layout);
  const bool sharded = layout.shard_optimizer;
  const std::int64_t updated = sharded ? flat / layout.data : flat;
  const char* const whole =
      sharded ? "parameters of the rank, padded to equal shards" : "parameters of the rank";
  const char* const part = sharded ? "parameters of the rank / data" : "parameters of the rank";
  const bool window = layout.shared_window && layout.data > 1;
  items.add("weights", q.element, flat, 1, whole, window && data_rank > 0);
  items.add("gradients", q.exact, flat, 1, whole);
  if (window)
    items.add("others' gradients", q.exact, updated, layout.data - 1, part, true);
  else if (layout.data > 1)
    items.add("mpi", Element::int8, std::min<std::int64_t>(exchange_piece_bytes, flat * 4),
              (request.apart ? 1 : 2) * exchange_pieces,
              request.apart ? "pieces of gradients on their way to and from MPI"
                            : "pieces of gradients that MPI is adding up");
  if (q.element != q.exact) items.add("master", q.exact, updated, 1, part);
  const Element moment = request.narrow_moments ? Element::bf16 : q.exact;
  items.add("first_moment", moment, updated, 1, part);
  items.add("second_moment", moment, updated, 1, part);
}

void add_kept(Items& items, const Quantities& q, std::int64_t all, std::int64_t recomputed) {
  const std::int64_t width = q.shape.width;
  items.add("kept.residual_in", q.element, q.own_rows * width, all, "R' width");
  const char* const statistics = q.gpt ? "2 R'" : "R'";
  items.add("kept.attention_norm_statistics", q.exact, q.own_rows * q.statistics(), recomputed, statistics);
  items.add("kept.attention_norm_out", q.element, q.own_rows * width, recomputed, "R' width");
  items.add("kept.qkv", q.element, q.rows * q.qkv(), recomputed, "R (width + 2 kv_width) / tensor");
  items.add("kept.attention_out", q.element, q.rows * q.attention(), recomputed, "R width / tensor");
  items.add("kept.log_sum", q.exact, q.rows * q.heads(), recomputed, "R heads / tensor");
  items.add("kept.residual_mid", q.element, q.own_rows * width, recomputed, "R' width");
  items.add("kept.feed_forward_norm_statistics", q.exact, q.own_rows * q.statistics(), recomputed,
            statistics);
  items.add("kept.feed_forward_norm_out", q.element, q.own_rows * width, recomputed, "R' width");
  items.add("kept.feed_forward_in", q.element, q.rows * q.feed_forward_in(), recomputed,
            q.gpt ? "R feed_forward / tensor" : "2 R feed_forward / tensor");
  items.add("kept.feed_forward_activated", q.element, q.rows * q.feed_forward(), recomputed,
            "R feed_forward / tensor");
}

void add_work(Items& items, const Quantities& q, const ParallelLayout& layout, std::int64_t stage,
              bool apart) {
  const std::int64_t width = q.shape.width;
  // The stage's output and the gradient of the residual stream; each of these doubles as what is sent.
  items.add("work.residual_out", q.element, q.own_rows * width, 1, "R' width");
  items.add("work.d_residual", q.element, q.own_rows * width, 1, "R' width");
  items.add("work.d_input", q.element, q.rows * width, 1, "R width");
  items.add("work.d_qkv", q.element, q.rows * q.qkv(), 1, "R (width + 2 kv_width) / tensor");
  items.add("work.d_attention", q.element, q.rows * q.attention(), 1, "R width / tensor");
  items.add("work.d_feed_forward_in", q.element, q.rows * q.feed_forward_in(), 1,
            q.gpt ? "R feed_forward / tensor" : "2 R feed_forward / tensor");
  items.add("work.d_feed_forward_activated", q.element, q.rows * q.feed_forward(), 1,
            "R feed_forward / tensor");
  // With sequence parallelism: all tokens of a norm's output, gathered, and a partial sum before it is
  // scattered.
  if (layout.sequence_parallel) items.add("work.gathered", q.element, q.rows * width, 2, "R width");
  // One send may be under way in each direction while the next is computed.
  if (layout.pipeline > 1) {
    const std::int64_t neighbours = (stage > 0 ? 1 : 0) + (stage + 1 < layout.pipeline ? 1 : 0);
    items.add("work.sent", q.element, q.own_rows * width, neighbours, "R' width, for each neighbour");
    if (apart) items.add("work.received", q.element, q.own_rows * width, 1, "R' width");
  }
}

/// What passes between a device and its host.
void add_passage(Items& items, const Quantities& q, const ParallelLayout& layout, bool has_tokens) {
  for (const char* const name : {"tokens", "targets"})
    items.add(name, Element::int32, has_tokens ? q.rows * layout.micro_batches() : 0, 1, "R micro-batches");
  items.add("view", Element::int8, host_view_bytes, 1, "a piece on its way to or from the host");
}

void add_end(Items& items, const Quantities& q) {
  const std::int64_t width = q.shape.width;
  items.add("end.norm_statistics", q.exact, q.own_rows * q.statistics(), 1, q.gpt ? "2 R'" : "R'");
  items.add("end.norm_out", q.element, q.own_rows * width, 1, "R' width");
  items.add("end.head", q.exact, 4 * q.rows, 1,
            "4 R: largest logit, sum, logit of the target, log of the sum");
}

}  // namespace

std::int64_t flat_length(const LocalInventory& local, const ParallelLayout& layout) {
  return layout.shard_optimizer ? shard_length(local.count, layout.data) * layout.data : local.count;
}

std::vector<MemoryItem> memory_items(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank,
                                     const MemoryRequest& request) {
  const Coordinates at = coordinates_of(layout, rank);
  const Quantities q{.shape = shape,
                     .element = request.element,
                     .exact = device::exact_of(request.element),
                     .rows = layout.rows(shape),
                     .own_rows = layout.own_rows(shape),
                     .tensor = layout.tensor,
                     .gpt = shape.architecture == Architecture::gpt};
  const std::int64_t layers = stage_layers(shape, layout, at.pipeline).count;
  const std::int64_t all = layers * under_way(layout.pipeline, at.pipeline, layout.micro_batches());
  Items items;
  add_state(items, q, local_inventory(shape, layout, rank), layout, at.data, request);
  add_kept(items, q, all, layout.recompute_activations ? 1 : all);
  add_work(items, q, layout, at.pipeline, request.apart);
  const bool last = at.pipeline == layout.pipeline - 1;
  if (last) add_end(items, q);
  if (request.apart) add_passage(items, q, layout, last || at.pipeline == 0);
  items.add("numbers", Element::f64, step_numbers, 1, "loss, sums of squares, rate of the step");
  items.add("scratch", Element::int8, request.scratch ? request.scratch(layout, rank) : request.scratch_bytes,
            1, "what the operators reserve");
  items.add("loader", Element::int8, request.apart ? 0 : request.loader_bytes, 1, "the queue of the loader");
  return items.take();
}

const MemoryItem& find_item(const std::vector<MemoryItem>& items, const std::string& name) {
  for (const MemoryItem& item : items) {
    if (item.name == name) return item;
  }
  throw std::out_of_range("the list of memory has no " + name);
}

std::int64_t total_bytes(const std::vector<MemoryItem>& items) {
  std::int64_t bytes = 0;
  for (const MemoryItem& item : items) bytes += item.mapped ? 0 : item.bytes();
  return bytes;
}

std::int64_t resident_bytes(const std::vector<MemoryItem>& items) {
  std::int64_t bytes = 0;
  for (const MemoryItem& item : items) bytes += item.bytes();
  return bytes;
}

std::int64_t largest_rank(const ModelShape& shape, const ParallelLayout& layout,
                          const MemoryRequest& request) {
  std::int64_t worst = 0, most = -1;
  // Data-parallel copies are alike, and of a tensor-parallel group the last has the most rows of the
  // vocabulary.
  for (std::int64_t stage = 0; stage < layout.pipeline; ++stage) {
    const std::int64_t rank = rank_of(layout, {.data = 0, .tensor = layout.tensor - 1, .pipeline = stage});
    const std::int64_t bytes = total_bytes(memory_items(shape, layout, rank, request));
    if (bytes > most) {
      most = bytes;
      worst = rank;
    }
  }
  return worst;
}

std::string memory_refusal(const ModelShape& shape, const ParallelLayout& layout,
                           const MemoryRequest& request, std::int64_t limit_bytes) {
  const auto need = [&](const ParallelLayout& changed) {
    return total_bytes(memory_items(shape, changed, largest_rank(shape, changed, request), request));
  };
  const std::int64_t rank = largest_rank(shape, layout, request);
  std::vector<MemoryItem> items = memory_items(shape, layout, rank, request);
  const std::int64_t bytes = total_bytes(items);
  if (bytes <= limit_bytes) return {};

  std::sort(items.begin(), items.end(),
            [](const MemoryItem& a, const MemoryItem& b) { return a.bytes() > b.bytes(); });
  std::vector<std::string> largest, ways;
  for (std::size_t i = 0; i < items.size() && i < 3; ++i) {
    largest.push_back(items[i].name + " " + gib(items[i].bytes()));
  }
  // Each suggestion adds to the ones before it.
  const auto suggest_change = [&](const ParallelLayout& changed, const std::string& words) {
    const std::int64_t then = need(changed);
    if (then >= bytes) return;
    ways.push_back((ways.empty() ? "" : "also ") + words + " (" + gib(then) +
                   (then <= limit_bytes ? ", fits)" : ")"));
  };
  ParallelLayout changed = layout;
  if (!layout.recompute_activations) {
    changed.recompute_activations = true;
    suggest_change(changed, "recompute activations");
  }
  if (layout.micro_batch > 1 && !(layout.sequence_parallel && shape.sequence % layout.tensor != 0)) {
    changed.micro_batch = 1;
    suggest_change(changed, "micro_batch = 1");
  }
  if (layout.data > 1 && !layout.shard_optimizer) {
    changed.shard_optimizer = true;
    suggest_change(changed, "shard the optimizer");
  }
  // More ranks: the fewest pipeline stages (doubled again and again) that fit, else the most there can be.
  ParallelLayout longer = changed;
  while (longer.pipeline * 2 <= shape.layers && need(longer) > limit_bytes) longer.pipeline *= 2;
  if (longer.pipeline > layout.pipeline) {
    suggest_change(longer, "pipeline = " + std::to_string(longer.pipeline) + " on " +
                               std::to_string(longer.ranks()) + " ranks");
  }
  return "rank " + std::to_string(rank) + " would need " + gib(bytes) + ", and " + gib(limit_bytes) +
         " are there for it (most of it: " + join(largest, ", ") + "); " +
         (ways.empty() ? "use a smaller model or more memory" : "try: " + join(ways, "; "));
}

}  // namespace assay::training
