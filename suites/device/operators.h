// The operators of a transformer's training step, forward and backward, as a device offers them. Shapes are
// row-major without padding; R is the number of rows (tokens of a micro-batch: batch * sequence), C the
// width.
//
// `Element` of an operator set is that of activations and of the weights that products read: f64 (the
// reference that defines the right answer), f32, or bf16 (f32 accumulation inside every operator). Gradients
// of weights are f32 for f32 and bf16, f64 for f64, and ACCUMULATE (+=), but where a call is told that it
// brings the first contribution of a step; gradients of activations have the element of the activations and
// are overwritten, unless said otherwise. Statistics (mean, reciprocal deviation, log-sum-exp) are f32, or
// f64 for f64. Nothing here allocates after `reserve_*`; a call whose shape was not reserved throws
// std::logic_error. Nothing here communicates. Operators that work number by number (GELU, add) may work in
// place; the others may not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "suites/device/element.h"

namespace assay::device {

/// Numbers of one element type in the device's memory. The operator knows the element.
using Values = void*;
using ConstValues = const void*;

/// The element of weight gradients, statistics and losses that goes with an element of activations.
constexpr Element exact_of(Element element) {
  return element == Element::f64 ? Element::f64 : Element::f32;
}

/// x W^T of a linear layer: x is rows x in, W is out x in, y is rows x out.
struct LinearShape {
  std::int64_t rows = 0, in = 0, out = 0;
};

/// Queries rows x heads x size, keys and values rows x kv_heads x size; rows = batch * sequence. Head h reads
/// key and value head h / (heads / kv_heads) (grouped queries). Causal: position t sees 0..t of its own
/// sequence.
struct AttentionShape {
  std::int64_t batch = 0, sequence = 0, heads = 0, kv_heads = 0, size = 0;
};

/// Loss of a classification head that never holds all logits: x is rows x width, W is vocabulary x width.
/// With tensor parallelism a rank holds rows [first, first + vocabulary) of W; see cross_entropy_*.
struct HeadShape {
  std::int64_t rows = 0, width = 0, vocabulary = 0, first = 0;
};

/// What changes from step to step, where the device reads it: so a step that was recorded once
/// (RecordedWork) can be begun again.
struct AdamWStep {
  double rate = 0;
  double first_correction = 1, second_correction = 1;  ///< 1 / (1 - beta^step)
  std::int64_t step = 1;                               ///< from 1; narrow moments are rounded by it
};

struct AdamW {
  double rate = 0, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, decay = 0;
  std::int64_t step = 1;      ///< from 1; corrects the bias of the moments
  double gradient_scale = 1;  ///< multiplies gradients first (clipping, mean over micro-batches)
  /// Clears the gradients in the same pass. False where the next step's first contribution overwrites them.
  bool clear = true;
  /// Not null: these replace rate and step. In the device's memory.
  const AdamWStep* step_on_device = nullptr;
  /// Not null: the sum of squares of all gradients, in the device's memory; gradients are multiplied by
  /// min(1, clip / sqrt(it)) besides. NaN there makes every number NaN.
  const double* squares_on_device = nullptr;
  double clip = 0;  ///< 0: not clipped
  /// Both moments are bf16: six bytes less for each parameter to keep, eight less to move. The arithmetic
  /// stays that of exact_of(element). Rounded by chance (adamw_factors.h): to the nearest, a moment that
  /// moves by less than half of its last place in a step would never move again, which is 0.2 to 0.4 % of it,
  /// more than 1 - beta2 where beta2 is 0.999. Chance is a hash of the number's place in the call and of the
  /// step, so the same operands give the same bits.
  bool narrow_moments = false;
};

/// What `settings` say themselves of the step.
AdamWStep step_of(const AdamW& settings);

/// Where numbers that lie side by side belong: rows of `columns`, of which number c of row r is element
/// first + r pitch + c of the tensor.
struct HeldElements {
  int tensor = 0;
  std::int64_t first = 0, rows = 1, columns = 0, pitch = 0;
};

class Operators {
 public:
  virtual ~Operators() = default;

  virtual Element element() const = 0;
  /// Scratch memory that calls of these shapes need: asked for before the first step, so that no step
  /// allocates. Throws std::bad_alloc.
  virtual void reserve_linear(const LinearShape& shape) = 0;
  virtual void reserve_attention(const AttentionShape& shape) = 0;
  virtual void reserve_head(const HeadShape& shape) = 0;
  /// The table of cosines and sines of `rope`.
  virtual void reserve_rope(std::int64_t sequence, std::int64_t size, double base) = 0;
  /// Bytes of scratch that those reserved take (the estimate of a step's memory counts them).
  virtual std::int64_t scratch_bytes() const = 0;
  /// What does the products: {"library": "oneDNN 2.6.3", ...}.
  virtual std::map<std::string, std::string> describe() const = 0;

  /// y = x W^T + b; b may be null.
  virtual void linear_forward(const LinearShape& shape, ConstValues x, ConstValues weight, ConstValues bias,
                              Values y) = 0;
  /// dx = dy W.
  virtual void linear_backward_input(const LinearShape& shape, ConstValues dy, ConstValues weight,
                                     Values dx) = 0;
  /// dW += dy^T x, db += column sums of dy (db may be null). dW, db: exact_of(element). Without `accumulate`
  /// both are overwritten: the first contribution of a step then need not read them, nor AdamW clear them.
  virtual void linear_backward_weight(const LinearShape& shape, ConstValues dy, ConstValues x, Values dweight,
                                      Values dbias, bool accumulate = true) = 0;

  /// y = (x - mean) * deviation * gamma + beta, deviation = 1 / sqrt(variance + 1e-5). mean, deviation: rows.
  virtual void layer_norm_forward(std::int64_t rows, std::int64_t width, ConstValues x, ConstValues gamma,
                                  ConstValues beta, Values y, Values mean, Values deviation) = 0;
  /// dx += the gradient by x (it joins that of the residual branch); dgamma, dbeta accumulate.
  virtual void layer_norm_backward(std::int64_t rows, std::int64_t width, ConstValues dy, ConstValues x,
                                   ConstValues gamma, ConstValues mean, ConstValues deviation, Values dx,
                                   Values dgamma, Values dbeta) = 0;
  /// y = x * deviation * gamma, deviation = 1 / sqrt(mean of x^2 + 1e-5). deviation: rows.
  virtual void rms_norm_forward(std::int64_t rows, std::int64_t width, ConstValues x, ConstValues gamma,
                                Values y, Values deviation) = 0;
  virtual void rms_norm_backward(std::int64_t rows, std::int64_t width, ConstValues dy, ConstValues x,
                                 ConstValues gamma, ConstValues deviation, Values dx, Values dgamma) = 0;

  /// GELU in its tanh form (Hendrycks and Gimpel, arXiv:1606.08415): y of `count` numbers.
  virtual void gelu_forward(std::int64_t count, ConstValues x, Values y) = 0;
  virtual void gelu_backward(std::int64_t count, ConstValues dy, ConstValues x, Values dx) = 0;
  /// SwiGLU (Shazeer, arXiv:2002.05202): x is rows x 2 width (gate, then up), y = silu(gate) * up, rows x
  /// width.
  virtual void swiglu_forward(std::int64_t rows, std::int64_t width, ConstValues x, Values y) = 0;
  virtual void swiglu_backward(std::int64_t rows, std::int64_t width, ConstValues dy, ConstValues x,
                               Values dx) = 0;

  /// Rotates pairs (i, i + size / 2) of each head by position * base^(-2 i / size) (RoPE, arXiv:2104.09864,
  /// in the half-split form that Llama's published weights use); `sign` -1 turns back (the backward pass). In
  /// place on the first heads x size numbers of each row; rows are `stride` numbers apart (queries and keys
  /// stand side by side), and a row's position is row % sequence.
  virtual void rope(std::int64_t rows, std::int64_t sequence, std::int64_t heads, std::int64_t size,
                    std::int64_t stride, double base, int sign, Values x) = 0;

  /// o = softmax(q k^T / sqrt(size)) v, block by block; log_sum: rows x heads, kept for the backward pass. q,
  /// k, v and o may be columns of wider rows, `qkv_stride` numbers apart; o is rows x heads x size.
  virtual void attention_forward(const AttentionShape& shape, ConstValues q, ConstValues k, ConstValues v,
                                 std::int64_t qkv_stride, Values o, Values log_sum) = 0;
  /// dq, dk, dv (same strides as q, k, v) are overwritten.
  virtual void attention_backward(const AttentionShape& shape, ConstValues d_o, ConstValues q, ConstValues k,
                                  ConstValues v, std::int64_t qkv_stride, ConstValues o, ConstValues log_sum,
                                  Values dq, Values dk, Values dv) = 0;

  /// y[r] = table[token[r] - first] (zero where another rank holds the row) + position[r % sequence] (null:
  /// none).
  virtual void embedding_forward(std::int64_t rows, std::int64_t width, std::int64_t sequence,
                                 const std::int32_t* tokens, ConstValues table, std::int64_t first,
                                 std::int64_t vocabulary, ConstValues position, Values y) = 0;
  /// dtable, dposition (null: none) accumulate, in the same order whatever the number of threads.
  virtual void embedding_backward(std::int64_t rows, std::int64_t width, std::int64_t sequence,
                                  const std::int32_t* tokens, ConstValues dy, Values dtable,
                                  std::int64_t first, std::int64_t vocabulary, Values dposition) = 0;

  /// First half of the fused head: per row the largest logit of this rank's part of the vocabulary, the sum
  /// of exp(logit - largest), and the logit of the target (0 where another rank holds it). All of
  /// exact_of(element). The ranks of a tensor-parallel group combine them; one rank alone has them as they
  /// are.
  virtual void head_forward(const HeadShape& shape, ConstValues x, ConstValues weight,
                            const std::int32_t* targets, Values largest, Values sum, Values target_logit) = 0;
  /// Second half: with log_sum[r] = largest + log(sum) over the whole vocabulary, the gradient of scale * sum
  /// over rows of (log_sum - target logit): dx is overwritten (with tensor parallelism it is this rank's
  /// part of a sum), dW accumulates unless told otherwise. Logits are computed again, block by block, but for
  /// those that the latest head_forward kept: where that was called with the same x,
  /// weight and shape, what they point to must not have changed since.
  virtual void head_backward(const HeadShape& shape, ConstValues x, ConstValues weight,
                             const std::int32_t* targets, ConstValues log_sum, double scale, Values dx,
                             Values dweight, bool accumulate = true) = 0;

  /// y += x, `count` numbers of the element.
  virtual void add(std::int64_t count, ConstValues x, Values y) = 0;
  /// y += x, `count` numbers of exact_of(element).
  virtual void add_exact(std::int64_t count, ConstValues x, Values y) = 0;
  /// Sum of squares of `count` numbers of exact_of(element), in f64, in a fixed order.
  virtual double sum_of_squares(std::int64_t count, ConstValues x) = 0;
  /// The same, added to a number in the device's memory; only begun where the device works by itself. The
  /// base's is for memory that the host sees.
  virtual void add_squares(std::int64_t count, ConstValues x, double* sum);
  /// After head_forward, on one rank that has the whole vocabulary or with what its group made of it:
  /// log_sum[r] = largest + log(sum) (may be `largest`), and *loss += the sum over rows of log_sum - target
  /// logit, in f64 and a fixed order. All in the device's memory; only begun, as above.
  virtual void head_loss(std::int64_t rows, ConstValues largest, ConstValues sum, ConstValues target_logit,
                         Values log_sum, double* loss);
  /// *sum += their checksum (checksum.h), bf16 as the f32 that it is; in the device's memory, only begun, as
  /// above.
  virtual void add_checksum(const HeldElements& held, ConstValues values, std::uint64_t* sum);
  /// AdamW (Loshchilov and Hutter, arXiv:1711.05101) on master weights, moments and gradients of
  /// exact_of(element) (moments: unless they are narrow); writes `weights` of the element too where it
  /// differs (bf16; else it is not looked at), and clears the gradients.
  virtual void adamw(std::int64_t count, const AdamW& settings, Values master, Values first_moment,
                     Values second_moment, Values gradient, Values weights) = 0;
};

/// On the processor cores, with `threads` threads. f64: plain loops and OpenBLAS; f32 and bf16: oneDNN and
/// loops of our own. The result does not depend on anything but operands, shapes and the number of threads.
std::unique_ptr<Operators> host_operators(Element element, int threads);
/// The same, to ask beforehand what it would need: reserve_* allocate nothing, scratch_bytes() counts what
/// they would, and nothing else may be called.
std::unique_ptr<Operators> host_operators_counting(Element element, int threads);

}  // namespace assay::device
