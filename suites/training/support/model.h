// The models of training/llm_step: shapes, presets, exact parameter counts, FLOPs of a token. Pure formulas.
// GPT: LayerNorm, GELU, learned positions. Llama: RMSNorm, rotary positions, SwiGLU, grouped-query attention.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::training {

enum class Architecture { gpt, llama };

/// All numbers are counts of elements. The size of a head is width / heads.
struct ModelShape {
  Architecture architecture = Architecture::gpt;
  std::int64_t layers = 0;
  std::int64_t width = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;      ///< heads of keys and values; below `heads`: grouped queries
  std::int64_t feed_forward = 0;  ///< width inside the feed-forward block
  std::int64_t sequence = 0;      ///< tokens that are trained on at once
  std::int64_t positions = 0;     ///< rows of the table of learned positions (GPT; 0 for Llama)
  std::int64_t vocabulary = 0;
  bool tied_head = false;           ///< the head's matrix is the table of tokens
  double rope_base = 0;             ///< Llama; frequencies are not rescaled for long contexts
  double initial_deviation = 0.02;  ///< of the weights; see inventory.h

  std::int64_t head_size() const { return width / heads; }
  std::int64_t kv_width() const { return kv_heads * head_size(); }

  bool operator==(const ModelShape&) const = default;
};

/// What a plan gives in place of the preset's; 0 keeps it. A `width` without `feed_forward` keeps the
/// preset's ratio of the two; `heads` without `kv_heads` keeps the ratio too. A `sequence` beyond the learned
/// positions needs `positions` as well.
struct ModelOverrides {
  std::int64_t layers = 0, width = 0, heads = 0, kv_heads = 0, feed_forward = 0;
  std::int64_t sequence = 0, positions = 0, vocabulary = 0;
};

/// tiny, gpt2-124m, llama3-1b, llama3-8b, llama3-70b, llama3-405b, gpt-175b: in this order.
const std::vector<std::string>& preset_names();

/// Throws Error(bad_input) for a name that is none.
ModelShape preset(std::string_view name);

/// The preset with changes, validated.
ModelShape preset(std::string_view name, const ModelOverrides& overrides);

/// Throws Error(bad_input) with the numbers and what would be allowed.
void require_valid(const ModelShape& shape);

/// All trainable numbers, each once (a tied head counts as the table of tokens).
std::int64_t parameter_count(const ModelShape& shape);
/// Those that every token is multiplied with: without the tables that are only looked up (positions; the
/// table of tokens, unless it is the head too). The N of PaLM's formula.
std::int64_t multiplied_parameter_count(const ModelShape& shape);
/// Those of one layer.
std::int64_t layer_parameter_count(const ModelShape& shape);

/// PaLM, appendix B (arXiv:2204.02311): 6 N + 12 L H Q T FLOP a token, with N without look-up tables, H heads
/// of size Q; attention to later tokens, which is masked, is counted. No recomputation. This is MFU's.
double palm_flops_per_token(const ModelShape& shape);
/// llm.c (karpathy/llm.c, gpt2_estimate_mfu): 6 N + 6 L C T, with ALL parameters and causal attention halved.
/// For comparison with figures that were computed so.
double llmc_flops_per_token(const ModelShape& shape);

/// What is computed a second time in the backward pass, in FLOP a token; HFU = (PaLM's + these) / (peak
/// time).
struct RecomputedFlops {
  double layers = 0;  ///< 2 N_layers + 4 L H Q T: the layers' forward pass, with activation recomputation
  double scores = 0;  ///< 2 L H Q T: q k^T again in the backward pass of attention that keeps no scores
  double head = 0;    ///< 2 C V: the logits again in the backward pass of a head that keeps none

  double total() const { return layers + scores + head; }
};

RecomputedFlops recomputed_flops_per_token(const ModelShape& shape, bool recompute_layers);

/// "gpt" or "llama".
std::string_view name_of(Architecture architecture);

}  // namespace assay::training
