// The loops of operators_kernels.h but for attention. Included by the file of each vector width inside a
// namespace of its own, after operators_numbers.h.

constexpr double norm_epsilon = 1e-5;

template <typename E>
void layer_norm_forward(Index first_row, Index last_row, Index width, const E* x, const E* gamma,
                        const E* beta, E* y, exact_t<E>* mean, exact_t<E>* deviation) {
  using X = exact_t<E>;
  const X inverse_width = X{1} / static_cast<X>(width);
  for (Index r = first_row; r < last_row; ++r) {
    const E* const in = x + r * width;
    E* const out = y + r * width;
    X sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (Index c = 0; c < width; ++c) sum += load(in[c]);
    const X middle = sum * inverse_width;
#pragma omp simd reduction(+ : squares)
    for (Index c = 0; c < width; ++c) {
      const X centred = load(in[c]) - middle;
      squares += centred * centred;
    }
    const X scale = X{1} / square_root(squares * inverse_width + static_cast<X>(norm_epsilon));
#pragma omp simd
    for (Index c = 0; c < width; ++c)
      store(out[c], (load(in[c]) - middle) * scale * load(gamma[c]) + load(beta[c]));
    mean[r] = middle;
    deviation[r] = scale;
  }
}

template <typename E>
void layer_norm_backward(Index first_row, Index last_row, Index width, const E* dy, const E* x,
                         const E* gamma, const exact_t<E>* mean, const exact_t<E>* deviation, E* dx) {
  using X = exact_t<E>;
  const X inverse_width = X{1} / static_cast<X>(width);
  for (Index r = first_row; r < last_row; ++r) {
    const E* const in = x + r * width;
    const E* const up = dy + r * width;
    E* const out = dx + r * width;
    const X middle = mean[r], scale = deviation[r];
    X sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (Index c = 0; c < width; ++c) {
      const X by_normal = load(up[c]) * load(gamma[c]);
      sum += by_normal;
      product += by_normal * ((load(in[c]) - middle) * scale);
    }
    sum *= inverse_width;
    product *= inverse_width;
#pragma omp simd
    for (Index c = 0; c < width; ++c) {
      const X by_normal = load(up[c]) * load(gamma[c]), normal = (load(in[c]) - middle) * scale;
      store(out[c], load(out[c]) + scale * (by_normal - sum - normal * product));
    }
  }
}

template <typename E>
void layer_norm_parameters(Index rows, Index width, Index first_column, Index last_column, const E* dy,
                           const E* x, const exact_t<E>* mean, const exact_t<E>* deviation,
                           exact_t<E>* dgamma, exact_t<E>* dbeta) {
  using X = exact_t<E>;
  for (Index r = 0; r < rows; ++r) {
    const E* const in = x + r * width;
    const E* const up = dy + r * width;
    const X middle = mean[r], scale = deviation[r];
#pragma omp simd
    for (Index c = first_column; c < last_column; ++c) {
      dgamma[c] += load(up[c]) * ((load(in[c]) - middle) * scale);
      dbeta[c] += load(up[c]);
    }
  }
}

template <typename E>
void rms_norm_forward(Index first_row, Index last_row, Index width, const E* x, const E* gamma, E* y,
                      exact_t<E>* deviation) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const E* const in = x + r * width;
    E* const out = y + r * width;
    X squares = 0;
#pragma omp simd reduction(+ : squares)
    for (Index c = 0; c < width; ++c) squares += load(in[c]) * load(in[c]);
    const X scale = X{1} / square_root(squares / static_cast<X>(width) + static_cast<X>(norm_epsilon));
#pragma omp simd
    for (Index c = 0; c < width; ++c) store(out[c], load(in[c]) * scale * load(gamma[c]));
    deviation[r] = scale;
  }
}

template <typename E>
void rms_norm_backward(Index first_row, Index last_row, Index width, const E* dy, const E* x, const E* gamma,
                       const exact_t<E>* deviation, E* dx) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const E* const in = x + r * width;
    const E* const up = dy + r * width;
    E* const out = dx + r * width;
    const X scale = deviation[r];
    X product = 0;
#pragma omp simd reduction(+ : product)
    for (Index c = 0; c < width; ++c) product += load(up[c]) * load(gamma[c]) * (load(in[c]) * scale);
    product /= static_cast<X>(width);
#pragma omp simd
    for (Index c = 0; c < width; ++c)
      store(out[c], load(out[c]) + scale * (load(up[c]) * load(gamma[c]) - load(in[c]) * scale * product));
  }
}

template <typename E>
void rms_norm_parameters(Index rows, Index width, Index first_column, Index last_column, const E* dy,
                         const E* x, const exact_t<E>* deviation, exact_t<E>* dgamma) {
  using X = exact_t<E>;
  for (Index r = 0; r < rows; ++r) {
    const E* const in = x + r * width;
    const E* const up = dy + r * width;
    const X scale = deviation[r];
#pragma omp simd
    for (Index c = first_column; c < last_column; ++c) dgamma[c] += load(up[c]) * (load(in[c]) * scale);
  }
}

// GELU in its tanh form is x / 2 * (1 + tanh u), u = sqrt(2 / pi) (x + 0.044715 x^3). Because
// (1 + tanh u) / 2 = 1 / (1 + e^-2u), it is x times a logistic function of 2u: no difference of nearly equal
// numbers.
template <typename X>
ASSAY_INLINE X logistic(X x) {
  return X{1} / (X{1} + exponential<X>(-x));
}
constexpr double gelu_slope = 1.5957691216057307118;  // 2 sqrt(2 / pi)
constexpr double gelu_cubic = 0.044715;

template <typename E>
void gelu_forward(Index count, const E* x, E* y) {
  using X = exact_t<E>;
  constexpr X slope = static_cast<X>(gelu_slope), cubic = static_cast<X>(gelu_cubic);
#pragma omp simd
  for (Index i = 0; i < count; ++i) {
    const X value = load(x[i]);
    store(y[i], value * logistic<X>(slope * (value + cubic * value * value * value)));
  }
}

template <typename E>
void gelu_backward(Index count, const E* dy, const E* x, E* dx) {
  using X = exact_t<E>;
  constexpr X slope = static_cast<X>(gelu_slope), cubic = static_cast<X>(gelu_cubic);
#pragma omp simd
  for (Index i = 0; i < count; ++i) {
    const X value = load(x[i]);
    const X gate = logistic<X>(slope * (value + cubic * value * value * value));
    const X inner = slope * (X{1} + 3 * cubic * value * value);
    store(dx[i], load(dy[i]) * (gate + value * gate * (X{1} - gate) * inner));
  }
}

template <typename E>
void swiglu_forward(Index first_row, Index last_row, Index width, const E* x, E* y) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const E* const gate = x + 2 * r * width;
    const E* const up = gate + width;
    E* const out = y + r * width;
#pragma omp simd
    for (Index c = 0; c < width; ++c) {
      const X value = load(gate[c]);
      store(out[c], value * logistic<X>(value) * load(up[c]));
    }
  }
}

template <typename E>
void swiglu_backward(Index first_row, Index last_row, Index width, const E* dy, const E* x, E* dx) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const E* const gate = x + 2 * r * width;
    const E* const up = gate + width;
    const E* const outer = dy + r * width;
    E* const dgate = dx + 2 * r * width;
    E* const dup = dgate + width;
#pragma omp simd
    for (Index c = 0; c < width; ++c) {
      const X value = load(gate[c]), factor = load(up[c]), by_out = load(outer[c]);
      const X open = logistic<X>(value);
      store(dgate[c], by_out * factor * open * (X{1} + value * (X{1} - open)));
      store(dup[c], by_out * value * open);
    }
  }
}

template <typename E>
void rope(Index first_row, Index last_row, Index sequence, Index heads, Index size, Index stride,
          const exact_t<E>* cosines, const exact_t<E>* sines, exact_t<E> sign, E* x) {
  using X = exact_t<E>;
  const Index half = size / 2;
  for (Index r = first_row; r < last_row; ++r) {
    const X* const cosine = cosines + (r % sequence) * half;
    const X* const sine = sines + (r % sequence) * half;
    for (Index h = 0; h < heads; ++h) {
      E* const low = x + r * stride + h * size;
      E* const high = low + half;
#pragma omp simd
      for (Index i = 0; i < half; ++i) {
        const X a = load(low[i]), b = load(high[i]), turn = sign * sine[i];
        store(low[i], a * cosine[i] - b * turn);
        store(high[i], b * cosine[i] + a * turn);
      }
    }
  }
}

template <typename E>
void embedding_forward(Index first_row, Index last_row, Index width, Index sequence,
                       const std::int32_t* tokens, const E* table, Index first, Index vocabulary,
                       const E* position, E* y) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const Index token = tokens[r] - first;
    const E* const word = token >= 0 && token < vocabulary ? table + token * width : nullptr;
    const E* const place = position != nullptr ? position + (r % sequence) * width : nullptr;
    E* const out = y + r * width;
    if (word != nullptr && place != nullptr) {
#pragma omp simd
      for (Index c = 0; c < width; ++c) store(out[c], load(word[c]) + load(place[c]));
    } else if (word != nullptr || place != nullptr) {
      const E* const only = word != nullptr ? word : place;
#pragma omp simd
      for (Index c = 0; c < width; ++c) out[c] = only[c];
    } else {
#pragma omp simd
      for (Index c = 0; c < width; ++c) store(out[c], X{0});
    }
  }
}

template <typename E>
void embedding_backward(Index rows, Index width, Index first_column, Index last_column, Index sequence,
                        const std::int32_t* tokens, const E* dy, exact_t<E>* dtable, Index first,
                        Index vocabulary, exact_t<E>* dposition) {
  for (Index r = 0; r < rows; ++r) {
    const E* const up = dy + r * width;
    const Index token = tokens[r] - first;
    if (token >= 0 && token < vocabulary) {
      exact_t<E>* const word = dtable + token * width;
#pragma omp simd
      for (Index c = first_column; c < last_column; ++c) word[c] += load(up[c]);
    }
    if (dposition != nullptr) {
      exact_t<E>* const place = dposition + (r % sequence) * width;
#pragma omp simd
      for (Index c = first_column; c < last_column; ++c) place[c] += load(up[c]);
    }
  }
}

template <typename E>
void head_scan(Index first_row, Index last_row, Index columns, const exact_t<E>* logits,
               const std::int32_t* targets, Index first, bool fresh, exact_t<E>* largest, exact_t<E>* sum,
               exact_t<E>* target_logit) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const X* const row = logits + r * columns;
    X block_largest = row[0], block_sum = 0;
#pragma omp simd reduction(max : block_largest)
    for (Index c = 0; c < columns; ++c) block_largest = row[c] > block_largest ? row[c] : block_largest;
    const X before = largest[r];
    const X now = fresh || block_largest > before ? block_largest : before;
#pragma omp simd reduction(+ : block_sum)
    for (Index c = 0; c < columns; ++c) block_sum += exponential<X>(row[c] - now);
    sum[r] = fresh ? block_sum : sum[r] * exponential<X>(before - now) + block_sum;
    largest[r] = now;
    const Index target = targets[r] - first;
    if (target >= 0 && target < columns)
      target_logit[r] = row[target];
    else if (fresh)
      target_logit[r] = 0;
  }
}

template <typename E>
void head_gradient(Index first_row, Index last_row, Index columns, const exact_t<E>* logits,
                   const std::int32_t* targets, Index first, const exact_t<E>* log_sum, exact_t<E> scale,
                   E* gradient) {
  using X = exact_t<E>;
  for (Index r = first_row; r < last_row; ++r) {
    const X* const row = logits + r * columns;
    E* const out = gradient + r * columns;
    const X offset = log_sum[r];
    const Index target = targets[r] - first;
    const bool here = target >= 0 && target < columns;
    const X logit = here ? row[target] : X{0};
#pragma omp simd
    for (Index c = 0; c < columns; ++c) store(out[c], scale * exponential<X>(row[c] - offset));
    if (here) store(out[target], scale * (exponential<X>(logit - offset) - X{1}));
  }
}

template <typename E>
void column_sums(Index rows, Index width, Index first_column, Index last_column, const E* x,
                 exact_t<E>* sums) {
  for (Index r = 0; r < rows; ++r) {
    const E* const row = x + r * width;
#pragma omp simd
    for (Index c = first_column; c < last_column; ++c) sums[c] += load(row[c]);
  }
}

template <typename E>
void add(Index count, const E* x, E* y) {
#pragma omp simd
  for (Index i = 0; i < count; ++i) store(y[i], load(y[i]) + load(x[i]));
}

template <typename E>
void round_to(Index count, const exact_t<E>* x, E* y) {
#pragma omp simd
  for (Index i = 0; i < count; ++i) store(y[i], x[i]);
}

template <typename E>
double sum_of_squares(Index count, const exact_t<E>* x) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

/// A moment, stored as M: as it is, or in bf16 by chance.
template <typename X>
ASSAY_INLINE void store_moment(X& to, X value, std::uint32_t) {
  to = value;
}
template <typename X>
ASSAY_INLINE void store_moment(Bf16& to, X value, std::uint32_t random16) {
  to = to_bf16_by_chance(static_cast<float>(value), random16);
}

template <typename E, typename M>
void adamw(Index first, Index last, const AdamWFactors& factors, bool clear, exact_t<E>* master,
           M* first_moment, M* second_moment, exact_t<E>* gradient, E* weights) {
  using X = exact_t<E>;
  const X by = static_cast<X>(factors.gradient), keep1 = static_cast<X>(factors.keep1),
          take1 = static_cast<X>(factors.take1), keep2 = static_cast<X>(factors.keep2),
          take2 = static_cast<X>(factors.take2), rate = static_cast<X>(factors.rate),
          correction2 = static_cast<X>(factors.inverse_correction2),
          epsilon = static_cast<X>(factors.epsilon), shrink = static_cast<X>(factors.shrink);
  const auto updated = [&](Index i) __attribute__((always_inline)) {
    const X g = gradient[i] * by;
    const X m = keep1 * load(first_moment[i]) + take1 * g, v = keep2 * load(second_moment[i]) + take2 * g * g;
    const std::uint32_t random = std::is_same_v<M, X> ? 0 : rounding_bits(i, factors.rounding);
    store_moment(first_moment[i], m, random);
    store_moment(second_moment[i], v, random >> 16);
    return shrink * master[i] - rate * m / (square_root(v * correction2) + epsilon);
  };
  constexpr Index block = 2048;  // cleared while it is still in the first cache: one pass over memory
  for (Index start = first; start < last; start += block) {
    const Index end = start + block < last ? start + block : last;
    if constexpr (std::is_same_v<E, X>) {
      static_cast<void>(weights);
#pragma omp simd
      for (Index i = start; i < end; ++i) master[i] = updated(i);
    } else {
#pragma omp simd
      for (Index i = start; i < end; ++i) {
        const X weight = updated(i);
        master[i] = weight;
        store(weights[i], weight);
      }
    }
    if (!clear) continue;
#pragma omp simd
    for (Index i = start; i < end; ++i) gradient[i] = 0;
  }
}

template <typename E>
void exponentials(Index count, const exact_t<E>* x, exact_t<E>* y) {
#pragma omp simd
  for (Index i = 0; i < count; ++i) y[i] = exponential<exact_t<E>>(x[i]);
}
