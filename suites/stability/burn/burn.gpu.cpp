#include "suites/device/gpu/gpu.h"
#include "suites/stability/burn/burn_kernels.h"
#include "suites/stability/burn/pattern.h"

namespace assay::bench::stability {

namespace {

constexpr unsigned threads_per_block = 256;
constexpr unsigned most_warps = threads_per_block;  // of a block, whatever a warp's width
constexpr std::uint64_t most_blocks = 8192;

struct alignas(16) TwoWords {
  std::uint64_t at[2];
};

dim3 blocks_for(std::uint64_t packs) {
  const std::uint64_t blocks = (packs + threads_per_block - 1) / threads_per_block;
  return dim3(static_cast<unsigned>(blocks < 1 ? 1 : blocks > most_blocks ? most_blocks : blocks));
}

gpu::Stream stream_of(const gpu::Queue& queue) {
  return static_cast<gpu::Stream>(queue.stream());
}

/// Each thread counts by itself and keeps its first place: where nothing is wrong no atomic is executed.
struct OwnDifferences {
  unsigned long long count = 0;
  DifferentPlace place;

  __device__ void note(unsigned by, std::uint64_t when, std::uint64_t index, std::uint64_t found,
                       std::uint64_t expected) {
    if (count == 0) {
      place.when = when;
      place.index = index;
      place.found = found;
      place.expected = expected;
    }
    count += by;
  }
  __device__ void add_to(Differences* all) const {
    if (count == 0) return;
    atomicAdd(&all->count, count);
    const unsigned long long slot = atomicAdd(&all->taken, 1ull);
    if (slot < most_places) all->places[slot] = place;
  }
};

__global__ void compare_results(TwoWords* found, const TwoWords* right, std::uint64_t packs,
                                unsigned element_bytes, std::uint64_t when, bool spoil,
                                Differences* differences) {
  OwnDifferences own;
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x,
                      in_a_word = 8 / element_bytes, spoilt = when % spoilt_every;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < packs;
       i += step) {
    const TwoWords here = found[i], expected = right[i];
#pragma unroll
    for (unsigned word = 0; word < 2; ++word) {
      if (here.at[word] == expected.at[word]) continue;
      const WordComparison one = compare_words(here.at[word], expected.at[word], element_bytes);
      own.note(one.count, when, (2 * i + word) * in_a_word + one.first, one.found, one.expected);
    }
    if (spoil && i % spoilt_every == spoilt) found[i] = {{~expected.at[0], ~expected.at[1]}};
  }
  own.add_to(differences);
}

__global__ void fill_words(TwoWords* words, std::uint64_t packs, std::uint64_t first,
                           std::uint64_t generation) {
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < packs;
       i += step)
    words[i] = {{pattern_word(first + 2 * i, generation), pattern_word(first + 2 * i + 1, generation)}};
}

__global__ void visit_words(TwoWords* words, std::uint64_t packs, std::uint64_t first,
                            std::uint64_t generation, bool write, Differences* differences) {
  OwnDifferences own;
  const bool backwards = generation % 2 == 1;
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t at = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < packs;
       at += step) {
    const std::uint64_t i = backwards ? packs - 1 - at : at;
    const TwoWords here = words[i];
    TwoWords next;
#pragma unroll
    for (unsigned word = 0; word < 2; ++word) {
      const std::uint64_t index = first + 2 * i + word, expected = pattern_word(index, generation);
      if (here.at[word] != expected) own.note(1, generation, index, here.at[word], expected);
      next.at[word] = pattern_word(index, generation + 1);
    }
    if (write) words[i] = next;
  }
  own.add_to(differences);
}

/// Sums of integers are the same in any order.
__global__ void add_fingerprint(const TwoWords* data, std::uint64_t packs, unsigned long long* sum) {
  __shared__ unsigned long long scratch[most_warps];
  unsigned long long own = 0;
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < packs;
       i += step) {
    const TwoWords here = data[i];
    own += random_bits(here.at[0], 2 * i) + random_bits(here.at[1], 2 * i + 1);
  }
  own = gpu::block_sum(own, scratch);
  if (threadIdx.x == 0) atomicAdd(sum, own);
}

}  // namespace

void compare_on_gpu(gpu::Queue& queue, void* found, const void* right, std::size_t bytes,
                    unsigned element_bytes, std::uint64_t when, bool spoil, Differences* differences) {
  const std::uint64_t packs = bytes / sizeof(TwoWords);
  gpu::launch(compare_results, blocks_for(packs), dim3(threads_per_block), 0, stream_of(queue),
              static_cast<TwoWords*>(found), static_cast<const TwoWords*>(right), packs, element_bytes, when,
              spoil, differences);
}

void fill_on_gpu(gpu::Queue& queue, void* words, std::size_t count, std::uint64_t first,
                 std::uint64_t generation) {
  const std::uint64_t packs = count / 2;
  gpu::launch(fill_words, blocks_for(packs), dim3(threads_per_block), 0, stream_of(queue),
              static_cast<TwoWords*>(words), packs, first, generation);
}

void visit_on_gpu(gpu::Queue& queue, void* words, std::size_t count, std::uint64_t first,
                  std::uint64_t generation, bool write, Differences* differences) {
  const std::uint64_t packs = count / 2;
  gpu::launch(visit_words, blocks_for(packs), dim3(threads_per_block), 0, stream_of(queue),
              static_cast<TwoWords*>(words), packs, first, generation, write, differences);
}

void fingerprint_on_gpu(gpu::Queue& queue, const void* data, std::size_t bytes, unsigned long long* sum) {
  const std::uint64_t packs = bytes / sizeof(TwoWords);
  gpu::launch(add_fingerprint, blocks_for(packs), dim3(threads_per_block), 0, stream_of(queue),
              static_cast<const TwoWords*>(data), packs, sum);
}

}  // namespace assay::bench::stability
