#include "suites/io/random/order.h"

#include <algorithm>

#include "suites/io/support/permutation.h"

namespace assay::bench {

std::vector<Place> uniform_order(const DataSet& set, int writer, std::uint64_t block_bytes,
                                 std::uint64_t operations, std::uint64_t key) {
  const std::uint64_t per_shard = set.shard_bytes / block_bytes;
  const std::uint64_t blocks = per_shard * static_cast<std::uint64_t>(set.shards);
  const std::uint64_t first_file =
      static_cast<std::uint64_t>(writer) * static_cast<std::uint64_t>(set.shards);
  const Permutation order(blocks, key);
  std::vector<Place> places(operations == 0 ? blocks : std::min(operations, blocks));
  for (std::uint64_t i = 0; i < places.size(); ++i) {
    const std::uint64_t block = order(i);
    places[i] = {first_file + block / per_shard, block % per_shard * block_bytes};
  }
  return places;
}

std::vector<Place> epoch_order(const DataSet& set, int reader, std::uint64_t sample_bytes,
                               std::uint64_t block_bytes, std::uint64_t operations, std::uint64_t key) {
  const std::uint64_t per_shard = set.shard_bytes / sample_bytes;
  const std::uint64_t per_sample = sample_bytes / block_bytes;
  const auto readers = static_cast<std::uint64_t>(set.writers);
  std::uint64_t share = per_shard * static_cast<std::uint64_t>(set.shards);  // samples of one reader
  const Permutation order(share * readers, key);
  if (operations > 0) share = std::clamp(operations / per_sample, std::uint64_t{1}, share);
  std::vector<Place> places;
  places.reserve(share * per_sample);
  for (std::uint64_t i = 0; i < share; ++i) {
    const std::uint64_t sample = order(i * readers + static_cast<std::uint64_t>(reader));
    const std::uint64_t begin = sample % per_shard * sample_bytes;
    for (std::uint64_t block = 0; block < per_sample; ++block)
      places.push_back({sample / per_shard, begin + block * block_bytes});
  }
  return places;
}

}  // namespace assay::bench
