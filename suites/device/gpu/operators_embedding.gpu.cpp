// The embedding's rows and their gradients. Rows of one token are added in their order without atomics: a
// first kernel sorts the rows by token (each thread counts what stands before its row: the list is short, and
// everybody reads the same part of it at a time), a second one walks each token's rows.
#include "suites/device/gpu/operator_kernels.h"

namespace assay::gpu {

namespace {

constexpr int threads_per_block = 256;

unsigned threads_for(Index numbers) {
  constexpr Index unit = 64;  // whole warps
  return static_cast<unsigned>(smaller((numbers + unit - 1) / unit * unit, threads_per_block));
}

template <int N, typename E>
__global__ void __launch_bounds__(threads_per_block)
    look_up(Index rows, Index width, Index sequence, const std::int32_t* tokens, const E* table, Index first,
            Index vocabulary, const E* position, E* y) {
  using X = Exact<E>;
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const Index token = tokens[row] - first;
    const bool here = token >= 0 && token < vocabulary;
    for (Index c = static_cast<Index>(threadIdx.x) * N; c < width; c += static_cast<Index>(blockDim.x) * N) {
      Pack<E, N> word{}, place{};
      if (here) word = load_pack<N>(table + token * width + c);
      if (position != nullptr) place = load_pack<N>(position + row % sequence * width + c);
#pragma unroll
      for (int n = 0; n < N; ++n) {
        const X sum = widen(word.at[n]) + widen(place.at[n]);
        word.at[n] = Narrow<E>::from(sum);
      }
      store_pack(y + row * width + c, word);
    }
  }
}

/// order[how many rows have a smaller token, or the same one earlier] = row.
__global__ void __launch_bounds__(threads_per_block)
    sort_rows(int rows, const std::int32_t* tokens, std::int32_t* order) {
  __shared__ std::int32_t some[threads_per_block];
  const int row = static_cast<int>(blockIdx.x) * threads_per_block + static_cast<int>(threadIdx.x);
  const std::int32_t mine = row < rows ? tokens[row] : 0;
  int before = 0;
  for (int from = 0; from < rows; from += threads_per_block) {
    const int count = rows - from < threads_per_block ? rows - from : threads_per_block;
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < count)
      some[threadIdx.x] = tokens[from + static_cast<int>(threadIdx.x)];
    __syncthreads();
#pragma unroll 8
    for (int i = 0; i < count; ++i) before += some[i] < mine || (some[i] == mine && from + i < row) ? 1 : 0;
  }
  if (row < rows) order[before] = row;
}

/// One block a place in the order; that where a token's rows begin adds them up: as many at a time as it has
/// threads, so that their addresses are known before their numbers come.
template <int N, typename E>
__global__ void __launch_bounds__(threads_per_block)
    add_rows_of_tokens(int rows, Index width, const std::int32_t* tokens, const std::int32_t* order,
                       const E* dy, Exact<E>* dtable, Index first, Index vocabulary) {
  using X = Exact<E>;
  __shared__ std::int32_t own_rows[threads_per_block];
  __shared__ int own_count;
  const int begin = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x),
            threads = static_cast<int>(blockDim.x);
  const std::int32_t token = tokens[order[begin]];
  if (begin > 0 && tokens[order[begin - 1]] == token) return;
  const Index word = token - first;
  if (word < 0 || word >= vocabulary) return;
  for (Index start = 0; start < width; start += static_cast<Index>(threads) * N) {
    const Index c = start + thread * N;
    X sums[N] = {};
    for (int from = begin, count = threads; count == threads; from += threads) {
      const int place = from + thread;
      const std::int32_t row = place < rows ? order[place] : 0;
      const bool own = place < rows && tokens[row] == token;  // the first of them are, since they are sorted
      __syncthreads();
      own_rows[thread] = row;
      if (thread == 0) own_count = 0;
      __syncthreads();
      if (own && (thread + 1 == threads || place + 1 == rows || tokens[order[place + 1]] != token))
        own_count = thread + 1;
      __syncthreads();
      count = own_count;
      if (c < width) {
#pragma unroll 4
        for (int i = 0; i < count; ++i) {
          const auto values = load_pack<N>(dy + own_rows[i] * width + c);
#pragma unroll
          for (int n = 0; n < N; ++n) sums[n] += widen(values.at[n]);
        }
      }
    }
    if (c < width) {
      X* const to = dtable + word * width + c;
      for (int n = 0; n < N; ++n) to[n] += sums[n];
    }
  }
}

/// One block a position.
template <int N, typename E>
__global__ void __launch_bounds__(threads_per_block)
    add_rows_of_positions(Index rows, Index width, Index sequence, const E* dy, Exact<E>* dposition) {
  using X = Exact<E>;
  const Index position = blockIdx.x;
  for (Index c = static_cast<Index>(threadIdx.x) * N; c < width; c += static_cast<Index>(blockDim.x) * N) {
    X sums[N] = {};
    for (Index row = position; row < rows; row += sequence) {
      const auto values = load_pack<N>(dy + row * width + c);
#pragma unroll
      for (int n = 0; n < N; ++n) sums[n] += widen(values.at[n]);
    }
    X* const to = dposition + position * width + c;
    for (int n = 0; n < N; ++n) to[n] += sums[n];
  }
}

}  // namespace

template <typename E>
void begin_embedding_forward(Stream stream, Index rows, Index width, Index sequence,
                             const std::int32_t* tokens, const E* table, Index first, Index vocabulary,
                             const E* position, E* y) {
  if (rows == 0) return;
  constexpr int n = pack_of<E>;
  const bool packs = aligned(table, position, y) && width % n == 0;
  const auto begin = [&](auto kernel, Index numbers) {
    launch(kernel, blocks_for(rows, 1), threads_for(numbers), 0, stream, rows, width, sequence, tokens, table,
           first, vocabulary, position, y);
  };
  packs ? begin(look_up<n, E>, width / n) : begin(look_up<1, E>, width);
}

template <typename E>
void begin_embedding_backward(Stream stream, Index rows, Index width, Index sequence,
                              const std::int32_t* tokens, const E* dy, Exact<E>* dtable, Index first,
                              Index vocabulary, Exact<E>* dposition, std::int32_t* order) {
  if (rows == 0) return;
  constexpr int n = pack_of<E>;
  const bool packs = aligned(dy) && width % n == 0;
  for (Index done = 0; done < rows; done += most_ordered_rows) {
    const int count = static_cast<int>(smaller(most_ordered_rows, rows - done));
    launch(sort_rows, blocks_for(count, threads_per_block), threads_per_block, 0, stream, count,
           tokens + done, order);
    const auto begin = [&](auto kernel, Index numbers) {
      launch(kernel, static_cast<unsigned>(count), threads_for(numbers), 0, stream, count, width,
             tokens + done, static_cast<const std::int32_t*>(order), dy + done * width, dtable, first,
             vocabulary);
    };
    packs ? begin(add_rows_of_tokens<n, E>, width / n) : begin(add_rows_of_tokens<1, E>, width);
  }
  if (dposition == nullptr) return;
  const auto begin = [&](auto kernel, Index numbers) {
    launch(kernel, static_cast<unsigned>(smaller(sequence, rows)), threads_for(numbers), 0, stream, rows,
           width, sequence, dy, dposition);
  };
  packs ? begin(add_rows_of_positions<n, E>, width / n) : begin(add_rows_of_positions<1, E>, width);
}

#define ASSAY_INSTANTIATE(E)                                                                               \
  template void begin_embedding_forward(Stream, Index, Index, Index, const std::int32_t*, const E*, Index, \
                                        Index, const E*, E*);                                              \
  template void begin_embedding_backward(Stream, Index, Index, Index, const std::int32_t*, const E*,       \
                                         Exact<E>*, Index, Index, Exact<E>*, std::int32_t*);
ASSAY_GPU_FOR_ELEMENTS(ASSAY_INSTANTIATE)
#undef ASSAY_INSTANTIATE

}  // namespace assay::gpu
