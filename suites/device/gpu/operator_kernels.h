// The kernels of the GPU's operators as operators.gpu.cpp begins them: each function launches on the stream
// and returns. Shapes and meanings are those of suites/device/operators.h; X = Exact<E>. For *.gpu.cpp.
#pragma once

#include "suites/device/adamw_factors.h"
#include "suites/device/gpu/kernel_numbers.h"
#include "suites/device/operators.h"

namespace assay::gpu {

/// Memory of a fixed size that sums over many rows are split into: partial sums, added in their order.
struct Partial {
  void* memory = nullptr;
  std::size_t bytes = 0;
};

// ---- operators_elementwise.gpu.cpp
template <typename E>
void begin_gelu_forward(Stream stream, Index count, const E* x, E* y);
template <typename E>
void begin_gelu_backward(Stream stream, Index count, const E* dy, const E* x, E* dx);
template <typename E>
void begin_swiglu_forward(Stream stream, Index rows, Index width, const E* x, E* y);
template <typename E>
void begin_swiglu_backward(Stream stream, Index rows, Index width, const E* dy, const E* x, E* dx);
/// Tables of sequence x size / 2 numbers.
template <typename E>
void begin_rope(Stream stream, Index rows, Index sequence, Index heads, Index size, Index stride,
                const Exact<E>* cosines, const Exact<E>* sines, int sign, E* x);
/// y += x.
template <typename T>
void begin_add(Stream stream, Index count, const T* x, T* y);
/// y = x, rounded.
template <typename E>
void begin_round(Stream stream, Index count, const Exact<E>* x, E* y);
/// y[r] += bias, for products that have none.
template <typename E>
void begin_add_bias(Stream stream, Index rows, Index width, const E* bias, E* y);
// ---- operators_update.gpu.cpp
/// `factors` has place for one AdamWFactors. M: Exact<E>, or bf16 (narrow moments).
template <typename E, typename M>
void begin_adamw(Stream stream, Index count, const device::AdamW& settings, Exact<E>* master, M* first_moment,
                 M* second_moment, Exact<E>* gradient, E* weights, device::AdamWFactors* factors);
/// *result = the sum, or += it; `partial` has place for most_partials f64 numbers.
inline constexpr int most_partials = 1024;
template <typename T>
void begin_sum_of_squares(Stream stream, Index count, const T* x, double* partial, bool accumulate,
                          double* result);
/// *sum += the checksum.
template <typename E>
void begin_checksum(Stream stream, const device::HeldElements& held, const E* values, std::uint64_t* sum);
/// log_sum = largest + log(sum) (may be `largest`); *loss += the sum of log_sum - target_logit.
template <typename X>
void begin_head_loss(Stream stream, Index rows, const X* largest, const X* sum, const X* target_logit,
                     X* log_sum, double* partial, double* loss);

// ---- operators_norms.gpu.cpp
/// `beta` null: RMS norm, without mean.
template <typename E>
void begin_norm_forward(Stream stream, Index rows, Index width, const E* x, const E* gamma, const E* beta,
                        E* y, Exact<E>* mean, Exact<E>* deviation);
/// `mean` null: RMS norm.
template <typename E>
void begin_norm_backward(Stream stream, Index rows, Index width, const E* dy, const E* x, const E* gamma,
                         const Exact<E>* mean, const Exact<E>* deviation, E* dx);
/// dgamma and dbeta (null with RMS norm) accumulate.
template <typename E>
void begin_norm_parameters(Stream stream, Index rows, Index width, const E* dy, const E* x,
                           const Exact<E>* mean, const Exact<E>* deviation, Exact<E>* dgamma, Exact<E>* dbeta,
                           const Partial& partial);
/// sums (+)= the sum over rows of x.
template <typename E>
void begin_column_sums(Stream stream, Index rows, Index width, const E* x, Exact<E>* sums, bool accumulate,
                       const Partial& partial);

// ---- operators_embedding.gpu.cpp
template <typename E>
void begin_embedding_forward(Stream stream, Index rows, Index width, Index sequence,
                             const std::int32_t* tokens, const E* table, Index first, Index vocabulary,
                             const E* position, E* y);
/// `order` has place for most_ordered_rows numbers.
inline constexpr Index most_ordered_rows = Index{1} << 16;
template <typename E>
void begin_embedding_backward(Stream stream, Index rows, Index width, Index sequence,
                              const std::int32_t* tokens, const E* dy, Exact<E>* dtable, Index first,
                              Index vocabulary, Exact<E>* dposition, std::int32_t* order);

// ---- operators_head.gpu.cpp
/// A block of logits (rows x columns) joins the running maximum and sum; `fresh` starts them.
template <typename X>
void begin_head_scan(Stream stream, Index rows, Index columns, const X* logits, const std::int32_t* targets,
                     Index first, bool fresh, X* largest, X* sum, X* target_logit);
/// gradient = (exp(logit - log_sum) - [target]) scale; may be in place.
template <typename E>
void begin_head_gradient(Stream stream, Index rows, Index columns, const Exact<E>* logits,
                         const std::int32_t* targets, Index first, const Exact<E>* log_sum, double scale,
                         E* gradient);

// ---- operators_attention.gpu.cpp: any element; operators_attention_fragments.gpu.cpp: bf16
template <typename E>
struct AttentionForward {
  device::AttentionShape shape;
  const E *q, *k, *v;
  Index stride;
  E* o;
  Exact<E>* log_sum;
};
template <typename E>
struct AttentionBackward {
  device::AttentionShape shape;
  const E *d_o, *q, *k, *v;
  Index stride;
  const E* o;
  const Exact<E>* log_sum;
  E *dq, *dk, *dv;
  Exact<E>* product;  ///< rows x heads: d_o . o, made by begin_attention_products
};
/// Heads larger than this are refused.
inline constexpr Index most_head_size = 256;
template <typename E>
void begin_attention_forward(Stream stream, const AttentionForward<E>& call);
template <typename E>
void begin_attention_products(Stream stream, const AttentionBackward<E>& call);
template <typename E>
void begin_attention_backward(Stream stream, const AttentionBackward<E>& call);

/// Whether the kernels on matrix fragments take such heads.
bool fragments_take(const device::AttentionShape& shape);
void begin_attention_forward_on_fragments(Stream stream, const AttentionForward<device::Bf16>& call);
void begin_attention_backward_on_fragments(Stream stream, const AttentionBackward<device::Bf16>& call);

/// Instantiates what a file defines, for every element.
#define ASSAY_GPU_FOR_ELEMENTS(macro) macro(double) macro(float) macro(device::Bf16)

}  // namespace assay::gpu
