// Layer norm and RMS norm, one block a row; and sums over rows into columns (gradients of norms and biases):
// every block sums some rows, in their order, and the blocks' sums are added in theirs. The result depends on
// the shape alone.
#include <stdexcept>

#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

constexpr int most_threads = 512;
constexpr double norm_epsilon = 1e-5;

/// Whole warps, with at least two packs for each thread where the row is long.
template <int N>
unsigned threads_for(Index width) {
  constexpr Index unit = 64;
  const Index wanted = (width / N + 1) / 2;
  return static_cast<unsigned>(smaller((wanted / unit + 1) * unit, most_threads));
}

template <int N, bool centred, typename E>
__global__ void __launch_bounds__(most_threads)
    norm_forward(Index rows, Index width, const E* x, const E* gamma, const E* beta, E* y, Exact<E>* mean,
                 Exact<E>* deviation) {
  using X = Exact<E>;
  __shared__ X scratch[most_warps];
  const Index first = static_cast<Index>(threadIdx.x) * N, step = static_cast<Index>(blockDim.x) * N;
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const E* const in = x + row * width;
    X middle = 0;
    if constexpr (centred) {
      X sums[1] = {0};
      for (Index c = first; c < width; c += step) {
        const auto values = load_pack<N>(in + c);
#pragma unroll
        for (int n = 0; n < N; ++n) sums[0] += widen(values.at[n]);
      }
      block_sums(sums, scratch);
      middle = sums[0] / static_cast<X>(width);
    }
    X squares[1] = {0};
    for (Index c = first; c < width; c += step) {
      const auto values = load_pack<N>(in + c);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const X value = widen(values.at[n]) - middle;
        squares[0] += value * value;
      }
    }
    block_sums(squares, scratch);
    const X scale = X{1} / square_root(squares[0] / static_cast<X>(width) + static_cast<X>(norm_epsilon));
    for (Index c = first; c < width; c += step) {
      const auto values = load_pack<N>(in + c), by = load_pack<N>(gamma + c);
      Pack<E, N> shift{}, out;
      if constexpr (centred) shift = load_pack<N>(beta + c);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        X value = (widen(values.at[n]) - middle) * scale * widen(by.at[n]);
        if constexpr (centred) value += widen(shift.at[n]);
        out.at[n] = Narrow<E>::from(value);
      }
      store_pack(y + row * width + c, out);
    }
    if (threadIdx.x == 0) {
      if constexpr (centred) mean[row] = middle;
      deviation[row] = scale;
    }
  }
}

template <int N, bool centred, typename E>
__global__ void __launch_bounds__(most_threads)
    norm_backward(Index rows, Index width, const E* dy, const E* x, const E* gamma, const Exact<E>* mean,
                  const Exact<E>* deviation, E* dx) {
  using X = Exact<E>;
  __shared__ X scratch[2 * most_warps];
  const Index first = static_cast<Index>(threadIdx.x) * N, step = static_cast<Index>(blockDim.x) * N;
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const E* const in = x + row * width;
    const E* const up = dy + row * width;
    E* const out = dx + row * width;
    const X middle = centred ? mean[row] : X{0}, scale = deviation[row];
    X sums[2] = {0, 0};  // of the gradient by the normalised row, and of its product with that
    for (Index c = first; c < width; c += step) {
      const auto values = load_pack<N>(in + c), outer = load_pack<N>(up + c), by = load_pack<N>(gamma + c);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const X by_normal = widen(outer.at[n]) * widen(by.at[n]);
        if constexpr (centred) sums[0] += by_normal;
        sums[1] += by_normal * ((widen(values.at[n]) - middle) * scale);
      }
    }
    block_sums(sums, scratch);
    const X sum = sums[0] / static_cast<X>(width), product = sums[1] / static_cast<X>(width);
    for (Index c = first; c < width; c += step) {
      const auto values = load_pack<N>(in + c), outer = load_pack<N>(up + c), by = load_pack<N>(gamma + c);
      auto result = load_pack<N>(out + c);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const X by_normal = widen(outer.at[n]) * widen(by.at[n]);
        const X normal = (widen(values.at[n]) - middle) * scale;
        result.at[n] = Narrow<E>::from(widen(result.at[n]) + scale * (by_normal - sum - normal * product));
      }
      store_pack(out + c, result);
    }
  }
}

// ---- Sums over rows

constexpr int column_threads = 16, row_threads = 16, summing_threads = column_threads * row_threads;
constexpr Index most_chunks = 128, least_rows = 64;

/// What is summed in a column: of x alone, or dy and dy times the normalised x.
template <typename E>
struct Plain {
  static constexpr int sums = 1;
  const E* x;
  template <int N>
  __device__ void add(Index row, Index width, Index c, Exact<E> (&to)[sums][N]) const {
    const auto values = load_pack<N>(x + row * width + c);
#pragma unroll
    for (int n = 0; n < N; ++n) to[0][n] += widen(values.at[n]);
  }
};

template <bool centred, typename E>
struct ByNorm {
  static constexpr int sums = centred ? 2 : 1;
  const E *dy, *x;
  const Exact<E>*mean, *deviation;
  template <int N>
  __device__ void add(Index row, Index width, Index c, Exact<E> (&to)[sums][N]) const {
    using X = Exact<E>;
    const X middle = centred ? mean[row] : X{0}, scale = deviation[row];
    const auto values = load_pack<N>(x + row * width + c), outer = load_pack<N>(dy + row * width + c);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const X up = widen(outer.at[n]);
      to[0][n] += up * ((widen(values.at[n]) - middle) * scale);
      if constexpr (centred) to[1][n] += up;
    }
  }
};

/// Block (x, y) sums chunk y of the rows of columns x * column_threads * N and on: partial[y][sum][column].
template <int N, typename X, typename Summand>
__global__ void __launch_bounds__(summing_threads)
    sum_chunks(Index rows, Index width, Index rows_of_chunk, Summand summand, X* partial) {
  constexpr int sums = Summand::sums;
  __shared__ X scratch[sums][row_threads][column_threads * N];
  const int column_thread = static_cast<int>(threadIdx.x) % column_threads,
            row_thread = static_cast<int>(threadIdx.x) / column_threads;
  const Index first_column = static_cast<Index>(blockIdx.x) * column_threads * N;
  const Index c = first_column + column_thread * N;
  const Index first = static_cast<Index>(blockIdx.y) * rows_of_chunk,
              last = smaller(first + rows_of_chunk, rows);
  X mine[sums][N] = {};
  if (c < width)
    for (Index row = first + row_thread; row < last; row += row_threads)
      summand.template add<N>(row, width, c, mine);
  for (int s = 0; s < sums; ++s)
    for (int n = 0; n < N; ++n) scratch[s][row_thread][column_thread * N + n] = mine[s][n];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < column_threads * N; i += summing_threads)
    if (first_column + i < width)
      for (int s = 0; s < sums; ++s) {
        X sum{};
        for (int r = 0; r < row_threads; ++r) sum += scratch[s][r][i];
        partial[(static_cast<Index>(blockIdx.y) * sums + s) * width + first_column + i] = sum;
      }
}

template <typename X>
__global__ void __launch_bounds__(summing_threads)
    add_chunks(Index chunks, Index width, int sums, bool accumulate, const X* partial, X* first_sums,
               X* second_sums) {
  const Index i = static_cast<Index>(blockIdx.x) * summing_threads + threadIdx.x;
  if (i >= width * sums) return;
  const Index s = i / width, c = i - s * width;
  X sum{};
#pragma unroll 8
  for (Index chunk = 0; chunk < chunks; ++chunk) sum += partial[(chunk * sums + s) * width + c];
  X* const to = (s == 0 ? first_sums : second_sums) + c;
  *to = accumulate ? *to + sum : sum;
}

template <int N, typename X, typename Summand>
void sum_rows(Stream stream, Index rows, Index width, bool packs, const Summand& summand, bool accumulate,
              X* first_sums, X* second_sums, const Partial& partial) {
  constexpr Index sums = Summand::sums;
  const Index place = static_cast<Index>(partial.bytes / sizeof(X)) / (sums * width);
  if (place == 0)
    throw std::logic_error("rows of " + std::to_string(width) + " numbers are too wide for sums");
  const Index wanted = smaller(smaller((rows + least_rows - 1) / least_rows, most_chunks), place);
  const Index rows_of_chunk = wanted == 0 ? 1 : (rows + wanted - 1) / wanted;
  const Index chunks = (rows + rows_of_chunk - 1) / rows_of_chunk;
  X* const memory = static_cast<X*>(partial.memory);
  if (chunks > 0) {
    const auto blocks = [&](Index each) {
      return dim3(static_cast<unsigned>((width + each - 1) / each), static_cast<unsigned>(chunks));
    };
    if (packs && width % N == 0)
      launch(sum_chunks<N, X, Summand>, blocks(column_threads * N), summing_threads, 0, stream, rows, width,
             rows_of_chunk, summand, memory);
    else
      launch(sum_chunks<1, X, Summand>, blocks(column_threads), summing_threads, 0, stream, rows, width,
             rows_of_chunk, summand, memory);
  }
  launch(add_chunks<X>, blocks_for(width * sums, summing_threads), summing_threads, 0, stream, chunks, width,
         static_cast<int>(sums), accumulate, static_cast<const X*>(memory), first_sums, second_sums);
}

}  // namespace

template <typename E>
void begin_norm_forward(Stream stream, Index rows, Index width, const E* x, const E* gamma, const E* beta,
                        E* y, Exact<E>* mean, Exact<E>* deviation) {
  if (rows == 0) return;
  constexpr int n = pack_of<E>;
  const bool packs = aligned(x, gamma, beta, y) && width % n == 0;
  const unsigned blocks = blocks_for(rows, 1),
                 threads = packs ? threads_for<n>(width) : threads_for<1>(width);
  const auto begin = [&](auto kernel) {
    launch(kernel, blocks, threads, 0, stream, rows, width, x, gamma, beta, y, mean, deviation);
  };
  if (beta != nullptr)
    packs ? begin(norm_forward<n, true, E>) : begin(norm_forward<1, true, E>);
  else
    packs ? begin(norm_forward<n, false, E>) : begin(norm_forward<1, false, E>);
}

template <typename E>
void begin_norm_backward(Stream stream, Index rows, Index width, const E* dy, const E* x, const E* gamma,
                         const Exact<E>* mean, const Exact<E>* deviation, E* dx) {
  if (rows == 0) return;
  constexpr int n = pack_of<E>;
  const bool packs = aligned(dy, x, gamma, dx) && width % n == 0;
  const unsigned blocks = blocks_for(rows, 1),
                 threads = packs ? threads_for<n>(width) : threads_for<1>(width);
  const auto begin = [&](auto kernel) {
    launch(kernel, blocks, threads, 0, stream, rows, width, dy, x, gamma, mean, deviation, dx);
  };
  if (mean != nullptr)
    packs ? begin(norm_backward<n, true, E>) : begin(norm_backward<1, true, E>);
  else
    packs ? begin(norm_backward<n, false, E>) : begin(norm_backward<1, false, E>);
}

template <typename E>
void begin_norm_parameters(Stream stream, Index rows, Index width, const E* dy, const E* x,
                           const Exact<E>* mean, const Exact<E>* deviation, Exact<E>* dgamma, Exact<E>* dbeta,
                           const Partial& partial) {
  if (mean != nullptr)
    sum_rows<pack_of<E>>(stream, rows, width, aligned(dy, x), ByNorm<true, E>{dy, x, mean, deviation}, true,
                         dgamma, dbeta, partial);
  else
    sum_rows<pack_of<E>>(stream, rows, width, aligned(dy, x), ByNorm<false, E>{dy, x, mean, deviation}, true,
                         dgamma, dbeta, partial);
}

template <typename E>
void begin_column_sums(Stream stream, Index rows, Index width, const E* x, Exact<E>* sums, bool accumulate,
                       const Partial& partial) {
  sum_rows<pack_of<E>>(stream, rows, width, aligned(x), Plain<E>{x}, accumulate, sums,
                       static_cast<Exact<E>*>(nullptr), partial);
}

#define ASSAY_INSTANTIATE(E)                                                                             \
  template void begin_norm_forward(Stream, Index, Index, const E*, const E*, const E*, E*, Exact<E>*,    \
                                   Exact<E>*);                                                           \
  template void begin_norm_backward(Stream, Index, Index, const E*, const E*, const E*, const Exact<E>*, \
                                    const Exact<E>*, E*);                                                \
  template void begin_norm_parameters(Stream, Index, Index, const E*, const E*, const Exact<E>*,         \
                                      const Exact<E>*, Exact<E>*, Exact<E>*, const Partial&);            \
  template void begin_column_sums(Stream, Index, Index, const E*, Exact<E>*, bool, const Partial&);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE

}  // namespace assay::gpu
