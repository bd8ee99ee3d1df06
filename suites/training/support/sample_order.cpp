#include "suites/training/support/sample_order.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "suites/training/support/generator.h"

namespace assay::training {

std::int64_t shuffled(std::uint64_t seed, std::uint64_t epoch, std::int64_t count, std::int64_t place) {
  const RandomBits bits(seed, Stream::shuffle, epoch);
  const int half = (std::bit_width(static_cast<std::uint64_t>(count - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  auto at = static_cast<std::uint64_t>(place);
  do {
    std::uint64_t left = at >> half, right = at & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (bits((round << 32) + right) & mask);
      left = right;
      right = next;
    }
    at = (left << half) | right;
  } while (at >= static_cast<std::uint64_t>(count));
  return static_cast<std::int64_t>(at);
}

SampleOrder::SampleOrder(std::uint64_t seed, std::int64_t sequence,
                         std::span<const std::int64_t> shard_tokens)
    : seed_(seed), sequence_(sequence) {
  std::int64_t samples = 0;
  for (const std::int64_t tokens : shard_tokens) {
    if (tokens <= sequence) throw std::invalid_argument("a shard without a sample");
    samples += (tokens - 1) / sequence;
    ends_.push_back(samples);
  }
  if (ends_.empty()) throw std::invalid_argument("no shard");
}

SamplePlace SampleOrder::place(std::int64_t number) const {
  const std::int64_t epoch = number / samples_per_epoch();
  const std::int64_t sample =
      shuffled(seed_, static_cast<std::uint64_t>(epoch), samples_per_epoch(), number % samples_per_epoch());
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), sample);
  const std::int64_t before = end == ends_.begin() ? 0 : *(end - 1);
  return {static_cast<std::size_t>(end - ends_.begin()), (sample - before) * sequence_, epoch};
}

std::int64_t sample_number(std::int64_t step, std::int64_t global_batch, std::int64_t data_rank,
                           std::int64_t data_ranks, std::int64_t micro_batch, std::int64_t micro_batch_size,
                           std::int64_t row) {
  return step * global_batch + data_rank * (global_batch / data_ranks) + micro_batch * micro_batch_size + row;
}

}  // namespace assay::training
