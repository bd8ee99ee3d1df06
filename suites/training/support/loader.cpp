#include "suites/training/support/loader.h"

#include <algorithm>
#include <string>

#include "reports/base/error.h"

namespace assay::training {

namespace {

std::vector<Shard> open_shards(const LoaderSettings& settings) {
  if (settings.shards.empty())
    throw bad_input("there are no shards of tokens to train on", "write some first");
  std::vector<Shard> shards;
  shards.reserve(settings.shards.size());
  for (const std::filesystem::path& path : settings.shards) {
    const Shard& shard = shards.emplace_back(path, settings.vocabulary);
    if (shard.tokens() <= settings.sequence) {
      throw bad_input("a sequence of " + std::to_string(settings.sequence) +
                          " tokens and its last target do not " + "fit into the shard's " +
                          std::to_string(shard.tokens()) + " tokens",
                      shard.tokens() > 1 ? "give a sequence of at most " +
                                               std::to_string(shard.tokens() - 1) + ", or write longer shards"
                                         : "write longer shards",
                      {path.string()});
    }
    shard.verify();
  }
  return shards;
}

SampleOrder order_of(const LoaderSettings& settings, const std::vector<Shard>& shards) {
  std::vector<std::int64_t> tokens;
  for (const Shard& shard : shards) tokens.push_back(shard.tokens());
  return {settings.seed, settings.sequence, tokens};
}

}  // namespace

Loader::Loader(const LoaderSettings& settings, bench::Clock& clock)
    : settings_(settings),
      clock_(clock),
      shards_(open_shards(settings)),
      order_(order_of(settings, shards_)),
      slots_(static_cast<std::size_t>(std::max<std::int64_t>(2, settings.ahead))),
      sample_(static_cast<std::size_t>(settings.sequence) + 1),
      scratch_(sample_.size()) {
  const auto tokens = static_cast<std::size_t>(settings.micro_batch * settings.sequence);
  for (Slot& slot : slots_) {
    slot.inputs.resize(tokens);
    slot.targets.resize(tokens);
    slot.batch.inputs = slot.inputs;
    slot.batch.targets = slot.targets;
  }
  thread_ = std::thread([this] { read_ahead(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

const TokenBatch& Loader::next() {
  const double begin_s = clock_.now_s();
  std::unique_lock lock(mutex_);
  returned_ = taken_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return filled_ > taken_ || failure_ != nullptr; });
  // What was read before the failure is still good.
  if (filled_ <= taken_) std::rethrow_exception(failure_);
  const Slot& slot = slots_[static_cast<std::size_t>(taken_) % slots_.size()];
  ++taken_;
  lock.unlock();
  last_wait_s_ = clock_.now_s() - begin_s;
  total_wait_s_ += last_wait_s_;
  return slot.batch;
}

std::int64_t Loader::queue_bytes(const LoaderSettings& settings) {
  const std::int64_t slots = std::max<std::int64_t>(2, settings.ahead);
  const auto token = static_cast<std::int64_t>(sizeof(std::int32_t));
  return slots * 2 * settings.micro_batch * settings.sequence * token +
         (settings.sequence + 1) * (token + static_cast<std::int64_t>(sizeof(std::uint16_t)));
}

void Loader::read_ahead() {
  try {
    for (std::int64_t number = 0;; ++number) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock,
                      [&] { return stop_ || number - returned_ < static_cast<std::int64_t>(slots_.size()); });
        if (stop_) return;
      }
      fill(slots_[static_cast<std::size_t>(number) % slots_.size()], number);
      {
        const std::lock_guard lock(mutex_);
        filled_ = number + 1;
      }
      changed_.notify_all();
    }
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

void Loader::fill(Slot& slot, std::int64_t number) {
  const std::int64_t per_step = settings_.global_batch / (settings_.micro_batch * settings_.data_ranks);
  slot.batch.step = settings_.first_step + number / per_step;
  slot.batch.micro_batch = number % per_step;
  for (std::int64_t row = 0; row < settings_.micro_batch; ++row) {
    const SamplePlace place =
        order_.place(sample_number(slot.batch.step, settings_.global_batch, settings_.data_rank,
                                   settings_.data_ranks, slot.batch.micro_batch, settings_.micro_batch, row));
    shards_[place.shard].read(place.first_token, sample_, scratch_);
    std::copy(sample_.begin(), sample_.end() - 1, slot.inputs.begin() + row * settings_.sequence);
    std::copy(sample_.begin() + 1, sample_.end(), slot.targets.begin() + row * settings_.sequence);
  }
}

}  // namespace assay::training
