// The loops of the host's operators: single-threaded pieces over a range of rows, columns or numbers, built
// once for each vector width (operators_plain.cpp, operators_avx2.cpp, operators_avx512.cpp) and chosen at
// run time, because the program itself is built for any x86-64. Which thread takes which piece is decided in
// operators.cpp.
//
// E is the element of activations (double, float, Bf16); X = exact_t<E> that of sums, statistics and weight
// gradients. Shapes are those of suites/device/operators.h.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "suites/device/adamw_factors.h"
#include "suites/device/operators.h"

namespace assay::device {

template <typename E>
using exact_t = std::conditional_t<std::is_same_v<E, double>, double, float>;

template <typename E>
struct Kernels {
  using X = exact_t<E>;
  using Index = std::int64_t;

  void (*layer_norm_forward)(Index first_row, Index last_row, Index width, const E* x, const E* gamma,
                             const E* beta, E* y, X* mean, X* deviation);
  /// dx of a range of rows.
  void (*layer_norm_backward)(Index first_row, Index last_row, Index width, const E* dy, const E* x,
                              const E* gamma, const X* mean, const X* deviation, E* dx);
  /// dgamma and dbeta of a range of columns, over all rows in their order: no partial sums, and the same
  /// result for any number of threads.
  void (*layer_norm_parameters)(Index rows, Index width, Index first_column, Index last_column, const E* dy,
                                const E* x, const X* mean, const X* deviation, X* dgamma, X* dbeta);
  void (*rms_norm_forward)(Index first_row, Index last_row, Index width, const E* x, const E* gamma, E* y,
                           X* deviation);
  void (*rms_norm_backward)(Index first_row, Index last_row, Index width, const E* dy, const E* x,
                            const E* gamma, const X* deviation, E* dx);
  void (*rms_norm_parameters)(Index rows, Index width, Index first_column, Index last_column, const E* dy,
                              const E* x, const X* deviation, X* dgamma);

  void (*gelu_forward)(Index count, const E* x, E* y);
  void (*gelu_backward)(Index count, const E* dy, const E* x, E* dx);
  void (*swiglu_forward)(Index first_row, Index last_row, Index width, const E* x, E* y);
  void (*swiglu_backward)(Index first_row, Index last_row, Index width, const E* dy, const E* x, E* dx);
  /// `cosines` and `sines` (with the sign of the turn): sequence x size / 2.
  void (*rope)(Index first_row, Index last_row, Index sequence, Index heads, Index size, Index stride,
               const X* cosines, const X* sines, X sign, E* x);

  /// One task: query heads of one key and value head of one sequence. A task may be split in `parts`, which
  /// share out the blocks of queries. `scratch`: attention_scratch(shape) numbers.
  Index (*attention_scratch)(const AttentionShape& shape, bool backward);
  void (*attention_forward)(const AttentionShape& shape, Index sequence, Index kv_head, Index part,
                            Index parts, const E* q, const E* k, const E* v, Index stride, E* o, X* log_sum,
                            X* scratch);
  void (*attention_backward)(const AttentionShape& shape, Index sequence, Index kv_head, const E* d_o,
                             const E* q, const E* k, const E* v, Index stride, const E* o, const X* log_sum,
                             E* dq, E* dk, E* dv, X* scratch);

  void (*embedding_forward)(Index first_row, Index last_row, Index width, Index sequence,
                            const std::int32_t* tokens, const E* table, Index first, Index vocabulary,
                            const E* position, E* y);
  void (*embedding_backward)(Index rows, Index width, Index first_column, Index last_column, Index sequence,
                             const std::int32_t* tokens, const E* dy, X* dtable, Index first,
                             Index vocabulary, X* dposition);

  /// Takes a block of logits (rows x columns, columns [first, first + columns) of the vocabulary) into the
  /// running maximum and sum; `fresh` starts them.
  void (*head_scan)(Index first_row, Index last_row, Index columns, const X* logits,
                    const std::int32_t* targets, Index first, bool fresh, X* largest, X* sum,
                    X* target_logit);
  /// gradient = (exp(logit - log_sum) - [target]) * scale; may be in place.
  void (*head_gradient)(Index first_row, Index last_row, Index columns, const X* logits,
                        const std::int32_t* targets, Index first, const X* log_sum, X scale, E* gradient);

  /// sums[c] += the sum over rows of x[r][c], for a range of columns.
  void (*column_sums)(Index rows, Index width, Index first_column, Index last_column, const E* x, X* sums);
  void (*add)(Index count, const E* x, E* y);
  void (*add_exact)(Index count, const X* x, X* y);
  void (*round)(Index count, const X* x, E* y);
  double (*sum_of_squares)(Index count, const X* x);
  /// Numbers [first, last) of all; `clear`s the gradients.
  void (*adamw)(Index first, Index last, const AdamWFactors& factors, bool clear, X* master, X* first_moment,
                X* second_moment, X* gradient, E* weights);
  void (*adamw_narrow)(Index first, Index last, const AdamWFactors& factors, bool clear, X* master,
                       Bf16* first_moment, Bf16* second_moment, X* gradient, E* weights);
  /// e^x of `count` numbers; for tests of its error.
  void (*exponential)(Index count, const X* x, X* y);
  const char* vectors;  ///< "AVX-512"
};

template <typename E>
const Kernels<E>& plain_kernels();
#if defined(__x86_64__)
template <typename E>
const Kernels<E>& avx2_kernels();  ///< needs AVX2 and FMA
template <typename E>
const Kernels<E>& avx512_kernels();  ///< needs AVX-512 F, BW, DQ and VL
#endif

/// The widest that this processor has.
template <typename E>
const Kernels<E>& kernels();

}  // namespace assay::device
