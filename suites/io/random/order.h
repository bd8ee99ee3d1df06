// Which block is read when: pure, without a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

/// The data set: every one of `writers` ranks wrote `shards` files of `shard_bytes`.
struct DataSet {
  int writers = 1;
  int shards = 1;
  std::uint64_t shard_bytes = 0;

  std::uint64_t files() const {
    return static_cast<std::uint64_t>(writers) * static_cast<std::uint64_t>(shards);
  }
};

/// A block in file number writer * shards + shard of the data set.
struct Place {
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
};

/// `uniform`: all blocks of one writer's files, each once, in random order; the first `operations` of them
/// (0: all).
std::vector<Place> uniform_order(const DataSet& set, int writer, std::uint64_t block_bytes,
                                 std::uint64_t operations, std::uint64_t key);

/// `data_loader`: an epoch is a random order of all samples of the whole set, dealt out in turn to `readers`
/// (as many as writers) of which this one is `reader`; a sample is read as its blocks in their order. The
/// first `operations` blocks of the reader's share, in whole samples (at least one; 0: all).
std::vector<Place> epoch_order(const DataSet& set, int reader, std::uint64_t sample_bytes,
                               std::uint64_t block_bytes, std::uint64_t operations, std::uint64_t key);

}  // namespace assay::bench
