#include "suites/training/support/layout.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "reports/base/error.h"
#include "suites/training/support/divisors.h"

namespace assay::training {

namespace {

std::string number(std::int64_t value) {
  return std::to_string(value);
}

void require_positive(const char* what, std::int64_t value) {
  if (value < 1)
    throw bad_input(std::string(what) + " is " + number(value) + ", and must be at least 1",
                    "give 1 or more");
}

void require_tensor_splits(const ModelShape& shape, const ParallelLayout& layout) {
  const std::int64_t parts = layout.tensor;
  // What is suggested must work for everything that is dealt out, not only for what failed. Heads of queries
  // are a multiple of those of keys and values.
  std::int64_t common = std::gcd(shape.kv_heads, shape.feed_forward);
  const std::int64_t rows = layout.rows(shape);
  if (layout.sequence_parallel) common = std::gcd(common, rows);
  const auto require_divides = [&](const char* whole, std::int64_t count) {
    if (count % parts == 0) return;
    throw bad_input(
        number(count) + " " + whole + " cannot be dealt out to tensor = " + number(parts) + " ranks evenly",
        "values of tensor that work for this model: " + list_divisors(common));
  };
  require_divides("heads", shape.heads);
  require_divides("heads of keys and values", shape.kv_heads);
  require_divides("columns of the feed-forward block", shape.feed_forward);
  if (shape.vocabulary < parts) {
    throw bad_input("a vocabulary of " + number(shape.vocabulary) + " cannot be dealt out to tensor = " +
                        number(parts) + " ranks (some would have no row)",
                    "give a tensor of at most " + number(shape.vocabulary));
  }
  if (layout.sequence_parallel && rows % parts != 0) {
    throw bad_input("sequence parallelism cannot deal out the " + number(rows) +
                        " tokens of a micro-batch (" + number(layout.micro_batch) + " sequences of " +
                        number(shape.sequence) + ") to tensor = " + number(parts) + " ranks evenly",
                    "values of tensor that work: " + list_divisors(common) +
                        "; or change micro_batch or sequence, or turn sequence parallelism off");
  }
}

std::vector<std::int64_t> group(const ParallelLayout& layout, std::int64_t rank,
                                std::int64_t Coordinates::*varies, std::int64_t size) {
  Coordinates at = coordinates_of(layout, rank);
  std::vector<std::int64_t> ranks;
  for (std::int64_t i = 0; i < size; ++i) {
    at.*varies = i;
    ranks.push_back(rank_of(layout, at));
  }
  return ranks;
}

}  // namespace

void require_valid(const ModelShape& shape, const ParallelLayout& layout, std::int64_t ranks) {
  require_valid(shape);
  require_positive("data", layout.data);
  require_positive("tensor", layout.tensor);
  require_positive("pipeline", layout.pipeline);
  require_positive("micro_batch", layout.micro_batch);
  require_positive("global_batch", layout.global_batch);
  // Compared by division: the product of absurd numbers could overflow.
  if (layout.data > ranks || layout.tensor > ranks / layout.data ||
      layout.pipeline != ranks / (layout.data * layout.tensor) ||
      ranks % (layout.data * layout.tensor) != 0) {
    std::string next = "give data, tensor and pipeline whose product is " + number(ranks);
    if (layout.tensor <= ranks && layout.pipeline <= ranks / layout.tensor &&
        ranks % (layout.tensor * layout.pipeline) == 0) {
      next += ", such as data = " + number(ranks / (layout.tensor * layout.pipeline)) +
              " with this tensor and pipeline";
    }
    throw bad_input("data " + number(layout.data) + " x tensor " + number(layout.tensor) + " x pipeline " +
                        number(layout.pipeline) + " does not make the " + number(ranks) +
                        " ranks of the launch",
                    next);
  }
  if (layout.micro_batch > (std::int64_t{1} << 20) || layout.rows(shape) > (std::int64_t{1} << 31) - 1) {
    throw bad_input("a micro-batch of " + number(layout.micro_batch) + " sequences of " +
                        number(shape.sequence) + " tokens is beyond 2^31 - 1 tokens",
                    "give a smaller micro_batch");
  }
  require_tensor_splits(shape, layout);
  if (layout.sequence_parallel && layout.tensor == 1) {
    throw bad_input("sequence parallelism needs tensor parallelism (tensor is 1)",
                    "give a tensor of 2 or more, or turn sequence parallelism off");
  }
  if (layout.pipeline > shape.layers) {
    throw bad_input("a pipeline of " + number(layout.pipeline) + " stages has more stages than the model's " +
                        number(shape.layers) + " layers",
                    "give a pipeline of at most " + number(shape.layers));
  }
  const std::int64_t at_once = layout.micro_batch * layout.data;
  if (layout.shared_window && layout.data > 1 && !layout.shard_optimizer) {
    throw bad_input(
        "an exchange through a shared window needs a sharded optimizer: all copies share the weights",
        "turn zero1 on, or use exchange = mpi");
  }
  if (layout.global_batch % at_once != 0) {
    const std::int64_t below = layout.global_batch / at_once * at_once;
    throw bad_input(
        "a global batch of " + number(layout.global_batch) + " sequences is no multiple of micro_batch " +
            number(layout.micro_batch) + " x data " + number(layout.data) + " = " + number(at_once),
        "nearest that are: " + (below > 0 ? number(below) + " and " : "") + number(below + at_once));
  }
}

Coordinates coordinates_of(const ParallelLayout& layout, std::int64_t rank) {
  return {.data = rank / layout.tensor % layout.data,
          .tensor = rank % layout.tensor,
          .pipeline = rank / (layout.tensor * layout.data)};
}

std::int64_t rank_of(const ParallelLayout& layout, const Coordinates& at) {
  return (at.pipeline * layout.data + at.data) * layout.tensor + at.tensor;
}

std::vector<std::int64_t> data_group(const ParallelLayout& layout, std::int64_t rank) {
  return group(layout, rank, &Coordinates::data, layout.data);
}

std::vector<std::int64_t> tensor_group(const ParallelLayout& layout, std::int64_t rank) {
  return group(layout, rank, &Coordinates::tensor, layout.tensor);
}

std::vector<std::int64_t> pipeline_group(const ParallelLayout& layout, std::int64_t rank) {
  return group(layout, rank, &Coordinates::pipeline, layout.pipeline);
}

Block stage_layers(const ModelShape& shape, const ParallelLayout& layout, std::int64_t stage) {
  return block_of(shape.layers, stage, layout.pipeline);
}

LocalInventory local_inventory(const ModelShape& shape, const ParallelLayout& layout, std::int64_t rank) {
  const Coordinates at = coordinates_of(layout, rank);
  return local_inventory(inventory(shape), stage_layers(shape, layout, at.pipeline), at.pipeline == 0,
                         at.pipeline == layout.pipeline - 1, shape.tied_head, at.tensor, layout.tensor);
}

std::vector<Action> one_forward_one_backward(std::int64_t stages, std::int64_t stage,
                                             std::int64_t micro_batches) {
  const std::int64_t ahead = std::min(stages - stage - 1, micro_batches);
  std::vector<Action> actions;
  actions.reserve(static_cast<std::size_t>(2 * micro_batches));
  for (std::int64_t i = 0; i < ahead; ++i) actions.push_back({Pass::forward, i});
  for (std::int64_t i = ahead; i < micro_batches; ++i) {
    actions.push_back({Pass::forward, i});
    actions.push_back({Pass::backward, i - ahead});
  }
  for (std::int64_t i = micro_batches - ahead; i < micro_batches; ++i) actions.push_back({Pass::backward, i});
  return actions;
}

std::int64_t under_way(std::int64_t stages, std::int64_t stage, std::int64_t micro_batches) {
  return std::min(stages - stage, micro_batches);
}

}  // namespace assay::training
