#include "suites/training/support/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "reports/base/error.h"
#include "suites/training/support/temporary_folder.h"

namespace assay::training {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// Each reading is a second after the one before.
class CountingClock final : public bench::Clock {
 public:
  double now_s() override { return now_s_ += 1; }

 private:
  double now_s_ = 0;
};

TEST(SampleOrder, ShuffledIsAPermutationThatDependsOnSeedAndEpoch) {
  for (const std::int64_t count : {1, 2, 3, 5, 16, 17, 1000}) {
    std::set<std::int64_t> seen;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = shuffled(7, 2, count, i);
      EXPECT_GE(at, 0);
      EXPECT_LT(at, count);
      seen.insert(at);
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
  }
  const auto order = [](std::uint64_t seed, std::uint64_t epoch) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < 50; ++i) all.push_back(shuffled(seed, epoch, 50, i));
    return all;
  };
  EXPECT_EQ(order(7, 2), order(7, 2));
  EXPECT_NE(order(7, 2), order(7, 3));
  EXPECT_NE(order(7, 2), order(8, 2));
}

TEST(SampleOrder, SamplesLieWhereTheyShould) {
  // 10 tokens hold 3 samples of 3 and a target; 7 hold 2; 4 hold 1.
  const std::vector<std::int64_t> tokens{10, 7, 4};
  const SampleOrder order(1, 3, tokens);
  EXPECT_EQ(order.samples_per_epoch(), 6);
  std::set<std::pair<std::size_t, std::int64_t>> places;
  for (std::int64_t i = 0; i < 6; ++i) places.insert({order.place(i).shard, order.place(i).first_token});
  EXPECT_EQ(places,
            (std::set<std::pair<std::size_t, std::int64_t>>{{0, 0}, {0, 3}, {0, 6}, {1, 0}, {1, 3}, {2, 0}}));
  EXPECT_EQ(order.place(5).epoch, 0);
  EXPECT_EQ(order.place(6).epoch, 1);
}

TEST(SampleOrder, RanksAndMicroBatchesShareAStepsSamples) {
  // 12 samples a step over 2 ranks in micro-batches of 3: rank 1's second one begins with sample 12 step + 9.
  EXPECT_EQ(sample_number(0, 12, 1, 2, 1, 3, 0), 9);
  EXPECT_EQ(sample_number(5, 12, 1, 2, 1, 3, 2), 71);
}

/// Two shards whose tokens are their own places: shard 0 has 0..30, shard 1 has 1000..1016.
class LoaderFiles : public testing::Test {
 protected:
  void SetUp() override {
    write(0, 0, 31);
    write(1, 1000, 17);
    settings_.vocabulary = 2000;
    settings_.sequence = 5;
    settings_.micro_batch = 1;
    settings_.global_batch = 1;
    settings_.seed = 3;
  }

  void write(int number, std::int32_t first, std::size_t count) {
    std::vector<std::int32_t> tokens(count);
    std::iota(tokens.begin(), tokens.end(), first);
    settings_.shards.push_back(folder_.file("shard_" + std::to_string(number)));
    write_shard(settings_.shards.back(), tokens, 2000, {});
  }

  std::string refusal() {
    try {
      Loader loader(settings_, clock_);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  TemporaryFolder folder_;
  LoaderSettings settings_;
  CountingClock clock_;
};

TEST_F(LoaderFiles, EverySampleIsSeenOnceAnEpochWithItsTargets) {
  Loader loader(settings_, clock_);
  ASSERT_EQ(loader.samples_per_epoch(), 6 + 3);
  std::vector<std::vector<std::int32_t>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::set<std::int32_t> begins;
    orders.emplace_back();
    for (int i = 0; i < 9; ++i) {
      const TokenBatch& batch = loader.next();
      EXPECT_EQ(batch.step, epoch * 9 + i);
      ASSERT_EQ(batch.inputs.size(), 5U);
      for (std::size_t t = 0; t < 5; ++t) {
        EXPECT_EQ(batch.inputs[t], batch.inputs[0] + static_cast<std::int32_t>(t));
        EXPECT_EQ(batch.targets[t], batch.inputs[t] + 1);
      }
      begins.insert(batch.inputs[0]);
      orders.back().push_back(batch.inputs[0]);
    }
    EXPECT_EQ(begins, (std::set<std::int32_t>{0, 5, 10, 15, 20, 25, 1000, 1005, 1010}));
  }
  EXPECT_NE(orders[0], orders[1]);
}

/// First tokens of all samples of `steps` steps, by step, in the order of ranks and micro-batches.
std::map<std::int64_t, std::vector<std::int32_t>> samples_of(LoaderSettings settings, bench::Clock& clock,
                                                             std::int64_t steps) {
  std::map<std::int64_t, std::vector<std::int32_t>> all;
  for (settings.data_rank = 0; settings.data_rank < settings.data_ranks; ++settings.data_rank) {
    Loader loader(settings, clock);
    const std::int64_t batches = settings.global_batch / settings.data_ranks / settings.micro_batch;
    for (std::int64_t i = 0; i < steps * batches; ++i) {
      const TokenBatch& batch = loader.next();
      EXPECT_EQ(batch.micro_batch, i % batches);
      for (std::int64_t row = 0; row < settings.micro_batch; ++row)
        all[batch.step].push_back(batch.inputs[static_cast<std::size_t>(row * settings.sequence)]);
    }
  }
  return all;
}

TEST_F(LoaderFiles, EveryLayoutSeesTheSameSamplesInEveryStep) {
  settings_.global_batch = 4;
  const auto serial = samples_of(settings_, clock_, 6);
  settings_.micro_batch = 2;
  EXPECT_EQ(samples_of(settings_, clock_, 6), serial);
  settings_.data_ranks = 2;
  EXPECT_EQ(samples_of(settings_, clock_, 6), serial);
  settings_.micro_batch = 1;
  settings_.data_ranks = 4;
  EXPECT_EQ(samples_of(settings_, clock_, 6), serial);
  // A resumed training goes on where it was.
  settings_.first_step = 4;
  auto rest = samples_of(settings_, clock_, 2);
  EXPECT_EQ(rest.at(4), serial.at(4));
  EXPECT_EQ(rest.at(5), serial.at(5));
  settings_.seed = 4;
  EXPECT_NE(samples_of(settings_, clock_, 2), rest);
}

TEST_F(LoaderFiles, TheWaitIsTold) {
  Loader loader(settings_, clock_);
  loader.next();
  EXPECT_EQ(loader.last_wait_s(), 1);  // two readings of the clock, whoever was faster
  loader.next();
  EXPECT_EQ(loader.total_wait_s(), 2);
}

TEST_F(LoaderFiles, ALoaderThatIsNotReadToItsEndStops) {
  for (int i = 0; i < 20; ++i) {
    Loader loader(settings_, clock_);
    if (i % 2 == 0) loader.next();
  }
}

TEST_F(LoaderFiles, BadShardsAreRefusedBeforeTheFirstBatch) {
  settings_.sequence = 17;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("shard_1"), HasSubstr("sequence of 17"), HasSubstr("17 tokens"),
                               HasSubstr("at most 16")));
  settings_.sequence = 16;
  EXPECT_EQ(refusal(), "nothing was thrown");
  settings_.vocabulary = 1999;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("2000"), HasSubstr("1999")));
  settings_.vocabulary = 2000;
  fs::resize_file(settings_.shards[1], 90);
  EXPECT_THAT(refusal(), HasSubstr("truncated"));
  fs::remove(settings_.shards[1]);
  EXPECT_THAT(refusal(), HasSubstr("cannot be opened"));
  settings_.shards.clear();
  EXPECT_THAT(refusal(), HasSubstr("no shards"));
}

TEST_F(LoaderFiles, WhatTheReadingThreadMeetsIsThrownToTheStep) {
  Loader loader(settings_, clock_);
  fs::resize_file(settings_.shards[0], 64);
  fs::resize_file(settings_.shards[1], 64);
  // At most the queue was read before.
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) loader.next();
      },
      Error);
  EXPECT_THROW(loader.next(), Error);
}

}  // namespace
}  // namespace assay::training
