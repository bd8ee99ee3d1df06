#include <algorithm>
#include <map>
#include <tuple>

#include "reports/base/error.h"
#include "suites/device/collectives.h"
#include "suites/device/device.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/parameters.h"
#include "suites/io/support/workspace.h"
#include "suites/memory/support/turns.h"
#include "suites/training/llm_step/llm_step.h"
#include "suites/training/llm_step/settings.h"
#include "suites/training/support/host_view.h"
#include "suites/training/support/operator_shapes.h"

namespace assay::bench {

namespace {

std::string exchange_unsupported(const training::ParallelLayout& layout, const ProcessGroup& group) {
  if (!layout.shared_window) return {};
  for (std::int64_t rank = 0; rank < group.size(); ++rank) {
    const auto first = static_cast<int>(training::data_group(layout, rank).front());
    const std::string &own = group.node_of(static_cast<int>(rank)), &theirs = group.node_of(first);
    if (own == theirs) continue;
    return "data-parallel ranks " + std::to_string(first) + " and " + std::to_string(rank) + " are on " +
           theirs + " and " + own + ", and share no memory; use exchange=mpi";
  }
  return {};
}

/// Of the device's memory as much as the training may take; 0: not known.
std::int64_t memory_share(const Context& context, device::Device& device) {
  // What the libraries take for themselves (kernels, graphs, buffers of collectives) is in no estimate.
  if (training::apart(device))
    return static_cast<std::int64_t>(device.available_bytes().value_or(0) / 20 * 19);
  // A tenth is left to the system, the libraries and the page cache of the shards.
  return static_cast<std::int64_t>(available_memory_bytes() / 10 * 9) / ranks_on_own_node(context.group);
}

std::string unsupported_on(device::Device& device, const Parameters& parameters, const Context& context) {
  std::string reason = storage_unsupported(context, text(parameters, "storage"));
  if (!reason.empty()) return reason;
  const LlmStepSettings settings = llm_step_settings(parameters, context.group.size());
  token_source(context.seed, settings.shape.vocabulary);
  reason = exchange_unsupported(settings.layout, context.group);
  if (!reason.empty()) return reason;
  reason = device.gemm_unsupported(settings.element);
  if (!reason.empty()) return reason;
  if (!settings.collectives.empty() && settings.layout.data > 1) {
    reason = device::collectives_missing(settings.collectives, device);
    if (!reason.empty()) return reason;
  }
  const std::int64_t share = memory_share(context, device);
  if (share == 0) return {};
  // All that the shapes of a rank's operators depend on: ranks that are alike ask once.
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, bool>, std::int64_t> known;
  const auto scratch = [&](const training::ParallelLayout& layout, std::int64_t rank) {
    const training::Coordinates at = training::coordinates_of(layout, rank);
    const bool last = at.pipeline + 1 == layout.pipeline;
    const auto [found, is_new] = known.try_emplace({layout.micro_batch, layout.tensor, at.tensor, last});
    if (is_new)
      found->second = training::operator_scratch_bytes(settings.shape, layout, rank, settings.element,
                                                       context.threads, device);
    return found->second;
  };
  training::MemoryRequest request = memory_request(settings);
  request.loader_bytes = loader_bytes(settings);
  request.scratch = scratch;
  return training::memory_refusal(settings.shape, settings.layout, request, share);
}

std::string unsupported(const Parameters& parameters, const Context& context) {
  // First, since it is collective and the rest may differ from rank to rank.
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) return missing;
  try {
    return unsupported_on(*device, parameters, context);
  } catch (const Error& wrong) {
    return wrong.what();
  }
}

BenchmarkSpec describe_llm_step() {
  BenchmarkSpec spec;
  spec.name = "training/llm_step";
  spec.title = "Training step of a language model";
  spec.area = "training";
  spec.scope = Scope::group;
  spec.own_start = true;
  constexpr double most_ranks = 1 << 20, most_batch = 1 << 20;
  const char* const changes = "in place of the preset's; 0: the preset's";
  spec.parameters = {
      choice_parameter("model", training::preset_names(), "architecture and sizes"),
      choice_parameter("precision", {"f32", "bf16", "f64"},
                       "of activations and products; bf16 has f32 master weights, gradients and moments"),
      choice_parameter("least_precision", {"bf16", "f32", "f64"},
                       "floor that a plan sets: a precision with fewer bits is refused"),
      integer_parameter("micro_batch", 16, 1, most_batch, "sequences of one forward and backward pass"),
      integer_parameter("global_batch", 0, 0, most_batch * 64,
                        "sequences of one step over all ranks; 0: micro_batch x data x pipeline"),
      integer_parameter("sequence", 0, 0, 1 << 24, "tokens of a sequence; 0: the preset's"),
      integer_parameter("data", 0, 0, most_ranks, "data-parallel copies; 0: all ranks that are left"),
      integer_parameter("tensor", 1, 1, most_ranks, "ranks that share each layer"),
      integer_parameter("pipeline", 1, 1, most_ranks, "stages that share the layers, 1F1B"),
      flag_parameter("sequence_parallel", false,
                     "tokens are dealt out over the tensor-parallel ranks between layers"),
      flag_parameter("zero1", false, "each data-parallel copy updates a share of the weights (ZeRO-1)"),
      choice_parameter(
          "exchange", {"mpi", "shared_window", "nccl", "rccl"},
          "of gradients and weights between data-parallel copies; shared_window: memory that they "
          "all see, with zero1 and on one node; nccl, rccl: between GPUs, beside the backward pass"),
      flag_parameter("recompute", false, "the backward pass computes a layer's activations again"),
      choice_parameter(
          "moments", {"f32", "bf16"},
          "of AdamW (f64 where the precision is); bf16: rounded by chance, four bytes less a parameter"),
      integer_parameter("steps", 40, 1, 1 << 20, "recorded steps at least"),
      integer_parameter("warmups", 3, 0, 1 << 20, "steps before, not recorded"),
      real_parameter("rate", "", 0, 0, 1, "learning rate after 10 steps of warm-up; 0: 3e-3 * 128 / width"),
      integer_parameter("layers", 0, 0, 1 << 16, changes),
      integer_parameter("width", 0, 0, 1 << 20, changes),
      integer_parameter("heads", 0, 0, 1 << 20, changes),
      integer_parameter("kv_heads", 0, 0, 1 << 20, changes),
      integer_parameter("feed_forward", 0, 0, 1 << 22, changes),
      integer_parameter("positions", 0, 0, 1 << 24, changes),
      integer_parameter("vocabulary", 0, 0, 2147483647, changes),
      integer_parameter("checkpoint_every", 0, 0, 1 << 20, "steps from one checkpoint to the next; 0: none"),
      storage_parameter()};
  spec.parameters.back().meaning =
      "name of the folder for the files of tokens and checkpoints, as the site file names it";
  spec.parameters.push_back(device_parameter());
  const auto none = std::nullopt;
  spec.foms = {
      {"tokens", "token/s", Better::higher, "tokens of a step over all ranks / median time of a step", none},
      {"step", "s", Better::lower, "one step, the longest over all ranks: median", none},
      {"step_p95", "s", Better::lower, "the same: 95th percentile of single steps", none},
      {"step_p99", "s", Better::lower, "the same: 99th percentile", none},
      {"step_max", "s", Better::lower, "the same: the longest", none},
      {"jitter", "1", Better::lower, "change of the time from one step to the next, relative: median", none},
      {"checkpoint", "s", Better::lower,
       "with checkpoint_every: saving the state, the longest over all ranks: median", none},
  };
  return spec;
}

}  // namespace

const Benchmark& training_llm_step() {
  static const Benchmark benchmark{describe_llm_step(), &unsupported, &make_llm_step, true};
  return benchmark;
}

}  // namespace assay::bench
