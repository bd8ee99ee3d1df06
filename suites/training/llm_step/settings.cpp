#include "suites/training/llm_step/settings.h"

#include <algorithm>

#include "reports/base/error.h"
#include "suites/harness/chosen_device.h"
#include "suites/training/support/loader.h"

namespace assay::bench {

namespace {

using training::ModelShape;
using training::ParallelLayout;

constexpr std::int64_t mebi = std::int64_t{1} << 20;

device::Element parse_precision(const std::string& name) {
  if (name == "f64") return device::Element::f64;
  return name == "bf16" ? device::Element::bf16 : device::Element::f32;
}

int significand_bits(device::Element element) {
  return element == device::Element::bf16 ? 8 : element == device::Element::f32 ? 24 : 53;
}

/// Each way of exchanging gradients reaches one kind of memory.
void require_exchange(bool on_gpu, const std::string& exchange) {
  if (exchange == "mpi" || on_gpu == (exchange != "shared_window")) return;
  throw bad_input("exchange=" + exchange + " moves what is in the memory of " +
                      (on_gpu ? "the host, and device=gpu keeps gradients in that of GPUs"
                              : "GPUs, and device=host keeps gradients in that of the host"),
                  on_gpu ? "choose nccl (NVIDIA), rccl (AMD), or mpi, which goes through the host"
                         : "choose mpi or shared_window, or device=gpu");
}

std::string count(std::int64_t number, const char* thing) {
  return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

}  // namespace

LlmStepSettings llm_step_settings(const Parameters& parameters, int ranks) {
  LlmStepSettings settings;
  training::ModelOverrides changes;
  changes.layers = integer(parameters, "layers");
  changes.width = integer(parameters, "width");
  changes.heads = integer(parameters, "heads");
  changes.kv_heads = integer(parameters, "kv_heads");
  changes.feed_forward = integer(parameters, "feed_forward");
  changes.sequence = integer(parameters, "sequence");
  changes.positions = integer(parameters, "positions");
  changes.vocabulary = integer(parameters, "vocabulary");
  settings.shape = training::preset(text(parameters, "model"), changes);

  ParallelLayout& layout = settings.layout;
  layout.tensor = integer(parameters, "tensor");
  layout.pipeline = integer(parameters, "pipeline");
  layout.data = integer(parameters, "data");
  if (layout.data == 0) layout.data = std::max<std::int64_t>(1, ranks / (layout.tensor * layout.pipeline));
  layout.micro_batch = integer(parameters, "micro_batch");
  layout.global_batch = integer(parameters, "global_batch");
  // As many micro-batches as stages: then every stage has something to do at some time.
  if (layout.global_batch == 0) layout.global_batch = layout.micro_batch * layout.data * layout.pipeline;
  layout.sequence_parallel = flag(parameters, "sequence_parallel");
  layout.shard_optimizer = flag(parameters, "zero1");
  const std::string& exchange = text(parameters, "exchange");
  layout.shared_window = exchange == "shared_window";
  layout.recompute_activations = flag(parameters, "recompute");
  training::require_valid(settings.shape, layout, ranks);
  settings.on_gpu = wants_gpu(parameters);
  if (exchange == "nccl" || exchange == "rccl") settings.collectives = exchange;
  require_exchange(settings.on_gpu, exchange);

  const std::string &precision = text(parameters, "precision"), &floor = text(parameters, "least_precision");
  settings.element = parse_precision(precision);
  if (significand_bits(settings.element) < significand_bits(parse_precision(floor))) {
    throw bad_input("precision " + precision + " is below the least that is allowed here, " + floor,
                    "train in " + floor + ", or ask those who set least_precision");
  }
  settings.optimizer.rate = real(parameters, "rate");
  settings.optimizer.narrow_moments = text(parameters, "moments") == "bf16";
  if (settings.optimizer.narrow_moments && settings.element == device::Element::f64)
    throw bad_input("moments=bf16 with precision=f64: the reference keeps all numbers in f64",
                    "give moments=f32, or precision=f32 or bf16");
  settings.optimizer.warmup = 10;
  if (settings.optimizer.rate == 0)
    settings.optimizer.rate = 3e-3 * 128 / static_cast<double>(settings.shape.width);
  settings.steps = static_cast<int>(integer(parameters, "steps"));
  settings.warmups = static_cast<int>(integer(parameters, "warmups"));
  settings.checkpoint_every = integer(parameters, "checkpoint_every");
  if (settings.checkpoint_every > settings.steps) {
    throw bad_input("a checkpoint every " + count(settings.checkpoint_every, "step") +
                        " may not come at all among " + count(settings.steps, "recorded step"),
                    "give checkpoint_every = " + std::to_string(settings.steps) + " or less, or more steps");
  }
  return settings;
}

std::string describe(const ModelShape& shape) {
  std::string words = std::string(training::name_of(shape.architecture)) + ", " +
                      count(shape.layers, "layer") + ", width " + std::to_string(shape.width) + ", " +
                      count(shape.heads, "head");
  if (shape.kv_heads != shape.heads) words += " on " + std::to_string(shape.kv_heads) + " of keys and values";
  return words + ", feed-forward " + std::to_string(shape.feed_forward) + ", sequence " +
         std::to_string(shape.sequence) + ", vocabulary " + std::to_string(shape.vocabulary) +
         (shape.tied_head ? ", tied head" : "");
}

std::string describe(const ParallelLayout& layout) {
  std::string words = "data " + std::to_string(layout.data) + " x tensor " + std::to_string(layout.tensor) +
                      " x pipeline " + std::to_string(layout.pipeline) + ", " +
                      std::to_string(layout.micro_batches()) +
                      (layout.micro_batches() == 1 ? " micro-batch" : " micro-batches") + " of " +
                      count(layout.micro_batch, "sequence") + " for each data-parallel rank";
  if (layout.sequence_parallel) words += ", sequence parallel";
  if (layout.shard_optimizer) words += ", optimizer sharded (ZeRO-1)";
  if (layout.shared_window) words += ", weights and gradients in a shared window";
  if (layout.recompute_activations) words += ", activations recomputed";
  return words;
}

training::MarkovSource token_source(std::uint64_t seed, std::int64_t vocabulary) {
  constexpr std::int64_t most_symbols = 64;
  constexpr int most_branches = 4;
  if (vocabulary < most_branches) {
    throw bad_input("a vocabulary of " + std::to_string(vocabulary) +
                        " is too small for the source of tokens (each has " + std::to_string(most_branches) +
                        " successors)",
                    "give a vocabulary of at least " + std::to_string(most_branches));
  }
  return {seed, vocabulary, std::min(vocabulary, most_symbols), most_branches};
}

CorpusSize corpus_size(const LlmStepSettings& settings) {
  constexpr std::int64_t usual_steps = 2000;
  const std::int64_t sequence = settings.shape.sequence;
  const std::int64_t per_step = settings.tokens_per_step();
  const std::int64_t needed = std::min((settings.warmups + settings.steps) * per_step, 256 * mebi);
  const std::int64_t tokens = std::max(needed, std::min(usual_steps * per_step, 16 * mebi));
  CorpusSize size;
  size.shards = std::max<std::int64_t>(1, tokens / std::max(mebi, sequence));
  const std::int64_t samples = (tokens / sequence + size.shards - 1) / size.shards + 1;
  size.tokens_per_shard = samples * sequence + 1;
  size.steps = samples * size.shards / settings.layout.global_batch;
  return size;
}

training::MemoryRequest memory_request(const LlmStepSettings& settings) {
  training::MemoryRequest request;
  request.element = settings.element;
  request.apart = settings.on_gpu;
  request.narrow_moments = settings.optimizer.narrow_moments;
  return request;
}

std::int64_t loader_bytes(const LlmStepSettings& settings) {
  training::LoaderSettings loader;
  loader.micro_batch = settings.layout.micro_batch;
  loader.sequence = settings.shape.sequence;
  return training::Loader::queue_bytes(loader);
}

}  // namespace assay::bench
