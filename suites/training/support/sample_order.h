// In which order samples are trained on. Pure: any place of any epoch is computed from its number alone, so
// that a resumed run and every layout see the same samples in the same steps.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace assay::training {

/// A permutation of [0, count), one for each seed and epoch: a Feistel network of four rounds on the smallest
/// even number of bits that holds count, walked on until it lands below count (Black and Rogaway, "Ciphers
/// with Arbitrary Finite Domains", 2002). No table.
std::int64_t shuffled(std::uint64_t seed, std::uint64_t epoch, std::int64_t count, std::int64_t place);

/// Where a sample of sequence + 1 tokens lies. Sample i of a shard begins at token i * sequence: neighbours
/// share one token, which is a target in one and an input in the other.
struct SamplePlace {
  std::size_t shard = 0;
  std::int64_t first_token = 0;
  std::int64_t epoch = 0;

  bool operator==(const SamplePlace&) const = default;
};

class SampleOrder {
 public:
  /// `shard_tokens`: tokens of each shard, each more than `sequence` (a fault of the program otherwise).
  SampleOrder(std::uint64_t seed, std::int64_t sequence, std::span<const std::int64_t> shard_tokens);

  std::int64_t samples_per_epoch() const { return ends_.back(); }
  /// Sample number `number` of the whole training, from 0, epoch after epoch.
  SamplePlace place(std::int64_t number) const;

 private:
  std::uint64_t seed_;
  std::int64_t sequence_;
  std::vector<std::int64_t> ends_;  ///< samples in the shards up to and with this one
};

/// The number in the whole training of sequence `row` of a micro-batch: a step takes the next global_batch
/// samples, each data-parallel rank a contiguous block of them, micro-batch after micro-batch.
std::int64_t sample_number(std::int64_t step, std::int64_t global_batch, std::int64_t data_rank,
                           std::int64_t data_ranks, std::int64_t micro_batch, std::int64_t micro_batch_size,
                           std::int64_t row);

}  // namespace assay::training
