// Reads micro-batches ahead of the step that needs them: one thread, a bounded queue, nothing allocated after
// construction.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "suites/harness/clock.h"
#include "suites/training/support/sample_order.h"
#include "suites/training/support/shard.h"

namespace assay::training {

struct LoaderSettings {
  std::vector<std::filesystem::path> shards;
  std::int64_t vocabulary = 0;   ///< the model's
  std::int64_t sequence = 0;     ///< tokens of a sample; it reads one more, the last target
  std::int64_t micro_batch = 1;  ///< samples of one batch
  std::int64_t global_batch = 1;
  std::int64_t data_rank = 0, data_ranks = 1;
  std::uint64_t seed = 0;
  std::int64_t first_step = 0;  ///< where a resumed training goes on
  std::int64_t ahead = 4;       ///< batches in the queue
};

/// Inputs and targets of one micro-batch, micro_batch x sequence each: targets are the tokens after the
/// inputs.
struct TokenBatch {
  std::span<const std::int32_t> inputs, targets;
  std::int64_t step = 0;
  std::int64_t micro_batch = 0;  ///< within the step, on this rank
};

class Loader {
 public:
  /// Opens and verifies all shards before it returns. Throws Error(bad_input) for what is wrong with them,
  /// for no shards, and for a sequence that does not fit into each of them.
  Loader(const LoaderSettings& settings, bench::Clock& clock);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next micro-batch in order; the one before is given back. Throws what the reading thread met.
  const TokenBatch& next();

  /// How long the last call of `next` had to wait, and all calls together.
  double last_wait_s() const { return last_wait_s_; }
  double total_wait_s() const { return total_wait_s_; }
  std::int64_t samples_per_epoch() const { return order_.samples_per_epoch(); }

  /// What the queue takes.
  static std::int64_t queue_bytes(const LoaderSettings& settings);

 private:
  struct Slot {
    std::vector<std::int32_t> inputs, targets;
    TokenBatch batch;
  };

  void read_ahead();
  void fill(Slot& slot, std::int64_t number);

  LoaderSettings settings_;
  bench::Clock& clock_;
  std::vector<Shard> shards_;
  SampleOrder order_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> sample_;
  std::vector<std::uint16_t> scratch_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t filled_ = 0;    ///< batches that were read
  std::int64_t returned_ = 0;  ///< batches that the step is done with
  bool stop_ = false;
  std::exception_ptr failure_;

  std::int64_t taken_ = 0;  ///< batches that the step got
  double last_wait_s_ = 0, total_wait_s_ = 0;
  std::thread thread_;  ///< last: it uses the others
};

}  // namespace assay::training
