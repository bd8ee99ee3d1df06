// Attention in blocks (the streaming softmax of Milakov and Gimelshein, arXiv:1805.02867, and the backward
// pass of Dao et al., arXiv:2205.14135): of the score matrix only 64 x 64 numbers exist at a time. Included
// after operators_loops.h in the namespace of each vector width.
//
// A block is computed in X whatever E is: keys and values are widened once per task. Blocks on the diagonal
// are done in strips of 16 queries, so that little is computed only to be masked.

constexpr Index block_queries = 64, block_keys = 64, strip_queries = 16;
constexpr Index vector_bytes = ASSAY_VECTOR_BYTES;

template <typename X>
struct VectorOf {
  typedef X type __attribute__((vector_size(ASSAY_VECTOR_BYTES), aligned(sizeof(X)), may_alias));
};
template <typename X>
constexpr Index lanes = vector_bytes / static_cast<Index>(sizeof(X));

ASSAY_INLINE Index rounded_up(Index count, Index to) {
  return (count + to - 1) / to * to;
}
ASSAY_INLINE Index smaller(Index a, Index b) {
  return a < b ? a : b;
}

/// C (+)= A B for M rows and N vectors of columns, held in registers. A is addressed by two strides, so that
/// it may be transposed; B and C are row-major.
template <int M, int N, typename X>
ASSAY_INLINE void product_tile(Index depth, const X* a, Index a_row, Index a_column, const X* b, Index b_row,
                               X* c, Index c_row, bool accumulate) {
  using Vector = typename VectorOf<X>::type;
  Vector sums[M][N] = {};
  for (Index p = 0; p < depth; ++p) {
    Vector columns[N];
    for (int j = 0; j < N; ++j) columns[j] = *reinterpret_cast<const Vector*>(b + p * b_row + j * lanes<X>);
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < N; ++j) sums[i][j] += a[i * a_row + p * a_column] * columns[j];
  }
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) {
      Vector& out = *reinterpret_cast<Vector*>(c + i * c_row + j * lanes<X>);
      out = accumulate ? out + sums[i][j] : sums[i][j];
    }
}

template <int M, typename X>
void product_rows(Index columns, Index depth, const X* a, Index a_row, Index a_column, const X* b,
                  Index b_row, X* c, Index c_row, bool accumulate) {
  Index j = 0;
  for (; j + ASSAY_TILE_VECTORS * lanes<X> <= columns; j += ASSAY_TILE_VECTORS * lanes<X>)
    product_tile<M, ASSAY_TILE_VECTORS, X>(depth, a, a_row, a_column, b + j, b_row, c + j, c_row, accumulate);
  for (; j < columns; j += lanes<X>)
    product_tile<M, 1, X>(depth, a, a_row, a_column, b + j, b_row, c + j, c_row, accumulate);
}

/// C (+)= A B, rows x depth times depth x columns; `columns` is a multiple of the lanes.
template <typename X>
void block_product(Index rows, Index columns, Index depth, const X* a, Index a_row, Index a_column,
                   const X* b, Index b_row, X* c, Index c_row, bool accumulate) {
  Index i = 0;
  for (; i + ASSAY_TILE_ROWS <= rows; i += ASSAY_TILE_ROWS)
    product_rows<ASSAY_TILE_ROWS, X>(columns, depth, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row,
                                     c_row, accumulate);
  for (; i + 2 <= rows; i += 2)
    product_rows<2, X>(columns, depth, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row,
                       accumulate);
  for (; i < rows; ++i)
    product_rows<1, X>(columns, depth, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row,
                       accumulate);
}

/// Rows of `size` numbers, times scale, padded with zeros to `padded`.
template <typename E>
void widen_rows(const E* from, Index stride, Index rows, Index size, Index padded, exact_t<E> scale,
                exact_t<E>* to) {
  for (Index r = 0; r < rows; ++r) {
#pragma omp simd
    for (Index d = 0; d < size; ++d) to[r * padded + d] = load(from[r * stride + d]) * scale;
    for (Index d = size; d < padded; ++d) to[r * padded + d] = 0;
  }
}

/// Up to block_keys rows, transposed to size x block_keys; missing rows are zeros.
template <typename E>
void widen_transposed(const E* from, Index stride, Index rows, Index size, exact_t<E>* to) {
  for (Index d = 0; d < size; ++d) {
#pragma omp simd
    for (Index r = 0; r < rows; ++r) to[d * block_keys + r] = load(from[r * stride + d]);
    for (Index r = rows; r < block_keys; ++r) to[d * block_keys + r] = 0;
  }
}

/// Where the pieces of a task's scratch start, in numbers of X.
template <typename X>
struct AttentionScratch {
  AttentionScratch(const AttentionShape& shape, bool backward) {
    padded = rounded_up(shape.size, lanes<X>);
    key_blocks = (shape.sequence + block_keys - 1) / block_keys;
    const Index all = shape.sequence * padded, transposed = key_blocks * shape.size * block_keys;
    keys_transposed = take(transposed);
    values_transposed = backward ? take(transposed) : 0;
    keys = backward ? take(all) : 0;
    values = backward ? 0 : take(all);
    dkeys = backward ? take(all) : 0;
    dvalues = backward ? take(all) : 0;
    queries = take(block_queries * padded);
    douts = backward ? take(block_queries * padded) : 0;
    sums = take(block_queries * padded);
    scores = take(block_queries * block_keys);
    dscores = backward ? take(block_queries * block_keys) : 0;
    row1 = take(block_queries);
    row2 = take(block_queries);
  }
  Index padded = 0, key_blocks = 0, total = 0;
  Index keys_transposed, values_transposed, keys, values, dkeys, dvalues, queries, douts, sums, scores,
      dscores, row1, row2;

 private:
  Index take(Index count) {
    const Index start = total;
    total += rounded_up(count, 16);
    return start;
  }
};

template <typename E>
Index attention_scratch(const AttentionShape& shape, bool backward) {
  return AttentionScratch<exact_t<E>>(shape, backward).total;
}

template <typename E>
void attention_forward(const AttentionShape& shape, Index sequence, Index kv_head, Index part, Index parts,
                       const E* q, const E* k, const E* v, Index stride, E* o, exact_t<E>* log_sum,
                       exact_t<E>* scratch) {
  using X = exact_t<E>;
  const AttentionScratch<X> at(shape, false);
  const Index length = shape.sequence, size = shape.size, padded = at.padded, base = sequence * length;
  const Index group = shape.heads / shape.kv_heads;
  X* const keys = scratch + at.keys_transposed;
  X* const values = scratch + at.values;
  X* const queries = scratch + at.queries;
  X* const sums = scratch + at.sums;
  X* const scores = scratch + at.scores;
  X* const largest = scratch + at.row1;
  X* const total = scratch + at.row2;
  const X scale = X{1} / square_root(static_cast<X>(size));

  for (Index j = 0; j < at.key_blocks; ++j)
    widen_transposed(k + (base + j * block_keys) * stride + kv_head * size, stride,
                     smaller(block_keys, length - j * block_keys), size, keys + j * size * block_keys);
  widen_rows(v + base * stride + kv_head * size, stride, length, size, padded, X{1}, values);

  for (Index unit = part; unit < group * at.key_blocks; unit += parts) {
    const Index head = kv_head * group + unit / at.key_blocks, i = unit % at.key_blocks;
    const Index first = base + i * block_queries, count = smaller(block_queries, length - i * block_queries);
    widen_rows(q + first * stride + head * size, stride, count, size, padded, scale, queries);
    for (Index n = 0; n < block_queries * padded; ++n) sums[n] = 0;
    for (Index j = 0; j <= i; ++j) {
      const bool diagonal = i == j;
      const Index step = diagonal ? strip_queries : block_queries;
      for (Index s = 0; s < count; s += step) {
        const Index rows = smaller(step, count - s), seen = diagonal ? s + rows : block_keys;
        X* const strip = scores + s * block_keys;
        block_product(rows, rounded_up(seen, lanes<X>), size, queries + s * padded, padded, Index{1},
                      keys + j * size * block_keys, block_keys, strip, block_keys, false);
        for (Index r = 0; r < rows; ++r) {
          X* const row = strip + r * block_keys;
          const Index valid = diagonal ? s + r + 1 : block_keys;
          X peak = j == 0 ? row[0] : largest[s + r];
#pragma omp simd reduction(max : peak)
          for (Index c = 0; c < valid; ++c) peak = row[c] > peak ? row[c] : peak;
          X sum = 0;
#pragma omp simd reduction(+ : sum)
          for (Index c = 0; c < valid; ++c) {
            row[c] = exponential<X>(row[c] - peak);
            sum += row[c];
          }
          for (Index c = valid; c < seen; ++c) row[c] = 0;
          if (j == 0) {
            total[s + r] = sum;
          } else {
            const X shrink = exponential<X>(largest[s + r] - peak);
            total[s + r] = total[s + r] * shrink + sum;
#pragma omp simd
            for (Index d = 0; d < padded; ++d) sums[(s + r) * padded + d] *= shrink;
          }
          largest[s + r] = peak;
        }
        block_product(rows, padded, seen, strip, block_keys, Index{1}, values + j * block_keys * padded,
                      padded, sums + s * padded, padded, true);
      }
    }
    for (Index r = 0; r < count; ++r) {
      const X inverse = X{1} / total[r];
      E* const out = o + ((first + r) * shape.heads + head) * size;
#pragma omp simd
      for (Index d = 0; d < size; ++d) store(out[d], sums[r * padded + d] * inverse);
      log_sum[(first + r) * shape.heads + head] =
          largest[r] + static_cast<X>(__builtin_log(static_cast<double>(total[r])));
    }
  }
}

template <typename E>
void attention_backward(const AttentionShape& shape, Index sequence, Index kv_head, const E* d_o, const E* q,
                        const E* k, const E* v, Index stride, const E* o, const exact_t<E>* log_sum, E* dq,
                        E* dk, E* dv, exact_t<E>* scratch) {
  using X = exact_t<E>;
  const AttentionScratch<X> at(shape, true);
  const Index length = shape.sequence, size = shape.size, padded = at.padded, base = sequence * length;
  const Index group = shape.heads / shape.kv_heads;
  X* const keys_transposed = scratch + at.keys_transposed;
  X* const values_transposed = scratch + at.values_transposed;
  X* const keys = scratch + at.keys;
  X* const dkeys = scratch + at.dkeys;
  X* const dvalues = scratch + at.dvalues;
  X* const queries = scratch + at.queries;
  X* const douts = scratch + at.douts;
  X* const dqueries = scratch + at.sums;
  X* const scores = scratch + at.scores;
  X* const dscores = scratch + at.dscores;
  X* const product = scratch + at.row1;
  const X scale = X{1} / square_root(static_cast<X>(size));

  for (Index j = 0; j < at.key_blocks; ++j) {
    const Index from = (base + j * block_keys) * stride + kv_head * size;
    const Index count = smaller(block_keys, length - j * block_keys);
    widen_transposed(k + from, stride, count, size, keys_transposed + j * size * block_keys);
    widen_transposed(v + from, stride, count, size, values_transposed + j * size * block_keys);
  }
  widen_rows(k + base * stride + kv_head * size, stride, length, size, padded, X{1}, keys);
  for (Index n = 0; n < length * padded; ++n) dkeys[n] = dvalues[n] = 0;

  for (Index unit = 0; unit < group * at.key_blocks; ++unit) {
    const Index head = kv_head * group + unit / at.key_blocks, i = unit % at.key_blocks;
    const Index first = base + i * block_queries, count = smaller(block_queries, length - i * block_queries);
    const Index out = (first * shape.heads + head) * size, out_stride = shape.heads * size;
    widen_rows(q + first * stride + head * size, stride, count, size, padded, scale, queries);
    widen_rows(d_o + out, out_stride, count, size, padded, X{1}, douts);
    // sum over keys of P dP = dO . O, so that the row's sum is known before its blocks.
    for (Index r = 0; r < count; ++r) {
      X sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Index d = 0; d < size; ++d) sum += douts[r * padded + d] * load(o[out + r * out_stride + d]);
      product[r] = sum;
    }
    for (Index n = 0; n < block_queries * padded; ++n) dqueries[n] = 0;
    for (Index j = 0; j <= i; ++j) {
      const bool diagonal = i == j;
      const Index step = diagonal ? strip_queries : block_queries;
      for (Index s = 0; s < count; s += step) {
        const Index rows = smaller(step, count - s), seen = diagonal ? s + rows : block_keys;
        X* const strip = scores + s * block_keys;
        X* const dstrip = dscores + s * block_keys;
        block_product(rows, rounded_up(seen, lanes<X>), size, queries + s * padded, padded, Index{1},
                      keys_transposed + j * size * block_keys, block_keys, strip, block_keys, false);
        block_product(rows, rounded_up(seen, lanes<X>), size, douts + s * padded, padded, Index{1},
                      values_transposed + j * size * block_keys, block_keys, dstrip, block_keys, false);
        for (Index r = 0; r < rows; ++r) {
          X* const row = strip + r * block_keys;
          X* const drow = dstrip + r * block_keys;
          const Index valid = diagonal ? s + r + 1 : block_keys;
          const X offset = log_sum[(first + s + r) * shape.heads + head], whole = product[s + r];
#pragma omp simd
          for (Index c = 0; c < valid; ++c) {
            row[c] = exponential<X>(row[c] - offset);
            drow[c] = row[c] * (drow[c] - whole);
          }
          for (Index c = valid; c < seen; ++c) row[c] = drow[c] = 0;
        }
        block_product(seen, padded, rows, strip, Index{1}, block_keys, douts + s * padded, padded,
                      dvalues + j * block_keys * padded, padded, true);
        block_product(seen, padded, rows, dstrip, Index{1}, block_keys, queries + s * padded, padded,
                      dkeys + j * block_keys * padded, padded, true);
        block_product(rows, padded, seen, dstrip, block_keys, Index{1}, keys + j * block_keys * padded,
                      padded, dqueries + s * padded, padded, true);
      }
    }
    for (Index r = 0; r < count; ++r)
#pragma omp simd
      for (Index d = 0; d < size; ++d)
        store(dq[(first + r) * stride + head * size + d], dqueries[r * padded + d] * scale);
  }
  for (Index r = 0; r < length; ++r) {
    const Index to = (base + r) * stride + kv_head * size;
#pragma omp simd
    for (Index d = 0; d < size; ++d) {
      store(dk[to + d], dkeys[r * padded + d]);
      store(dv[to + d], dvalues[r * padded + d]);
    }
  }
}

template <typename E>
constexpr Kernels<E> table_of(const char* vectors) {
  return {layer_norm_forward<E>,
          layer_norm_backward<E>,
          layer_norm_parameters<E>,
          rms_norm_forward<E>,
          rms_norm_backward<E>,
          rms_norm_parameters<E>,
          gelu_forward<E>,
          gelu_backward<E>,
          swiglu_forward<E>,
          swiglu_backward<E>,
          rope<E>,
          attention_scratch<E>,
          attention_forward<E>,
          attention_backward<E>,
          embedding_forward<E>,
          embedding_backward<E>,
          head_scan<E>,
          head_gradient<E>,
          column_sums<E>,
          add<E>,
          add<exact_t<E>>,
          round_to<E>,
          sum_of_squares<E>,
          adamw<E, exact_t<E>>,
          adamw<E, Bf16>,
          exponentials<E>,
          vectors};
}
