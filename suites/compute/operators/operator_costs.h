// The operators of a training step: names, work, bytes and calls. Pure, closed formulas.
//
// Notation: R rows of a micro-batch (sequences x tokens), C the width, F the width of the feed-forward block,
// H heads, K heads of keys and values, D the size of a head, S tokens of a sequence, V the vocabulary, L
// layers, P parameters; e bytes of an activation or a weight, x bytes of a gradient of a weight, a statistic
// or a moment.
//
// FLOPs are those that the result needs, a multiply-add being two: what an implementation computes a second
// time (scores and logits in the backward pass) is not counted, as in MFU (PaLM, appendix B,
// arXiv:2204.02311). Attention is causal: S (S + 1) / 2 pairs of positions, 4 D forward and 8 D backward a
// pair (Dao, FlashAttention-2, arXiv:2307.08691, section 4.1, without its fifth backward product, which is
// the scores again). Elsewhere every addition, multiplication, division, root and e^x (tanh) counts one.
//
// Bytes are compulsory traffic: each operand that is read once, each result once, what is updated twice, as
// STREAM counts them (no read of a line for a store). The arithmetic intensity of the roofline model
// (Williams, Waterman, Patterson, CACM 52(4), 2009) is FLOPs / bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "suites/device/element.h"
#include "suites/device/operators.h"
#include "suites/training/support/model.h"

namespace assay::bench::operators {

/// The step that the operators belong to, all of it on one rank.
struct StepShape {
  training::ModelShape model;
  device::Element element = device::Element::f32;
  std::int64_t micro_batch = 1;    ///< sequences of one forward and backward pass
  std::int64_t micro_batches = 1;  ///< passes of one step

  std::int64_t rows() const { return micro_batch * model.sequence; }
  bool gpt() const { return model.architecture == training::Architecture::gpt; }
};

/// The linear layers of a block.
enum class Projection { qkv, attention_out, feed_forward_in, feed_forward_out };

device::LinearShape linear_shape(const StepShape& step, Projection projection);
device::AttentionShape attention_shape(const StepShape& step);
device::HeadShape head_shape(const StepShape& step);

/// Numbers that the optimizer's operators are timed with: all parameters, but not more than 2^24 (or, where
/// that is more, four times the cache's bytes): they stream, so longer arrays give the same rate.
std::int64_t flat_count(const StepShape& step, std::uint64_t cache_bytes);

/// One operator at the shapes of a step.
struct OperatorCost {
  std::string name;
  double flops = 0;
  double bytes = 0;
  double calls = 0;         ///< in one step
  bool arithmetic = false;  ///< its figure is FLOP/s, else B/s

  double intensity() const { return flops / bytes; }
};

/// Those that the model has, in the order of operator_names().
std::vector<OperatorCost> operator_costs(const StepShape& step, std::uint64_t cache_bytes);

/// Every operator of any model: the figures of the catalogue.
struct OperatorName {
  std::string name;
  bool arithmetic = false;
  std::string meaning;
};
const std::vector<OperatorName>& operator_names();

/// The names that this model lacks.
std::vector<std::string> absent_operators(const StepShape& step);

}  // namespace assay::bench::operators
