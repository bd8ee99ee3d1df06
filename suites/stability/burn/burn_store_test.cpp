// Patterns and comparisons by hand, on the host and on a GPU: the one that this build is for, or the emulated
// one.
#include "suites/stability/burn/burn_store.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
#include "suites/stability/burn/pattern.h"
#if !ASSAY_GPU_COMPILED
#include "suites/device/gpu/emulation_settings.h"
#endif

namespace assay::bench::stability {
namespace {

TEST(BurnPattern, IsWhatItsNameSays) {
  EXPECT_EQ(pattern_word(3, 0), 24u);
  EXPECT_EQ(pattern_word(3, 1), 0xffffffffffffffe7u);
  EXPECT_EQ(pattern_word(5, 2), 32u);
  EXPECT_EQ(pattern_word(67, 2), 8u);
  EXPECT_EQ(pattern_word(5, 3), ~std::uint64_t{32});
  EXPECT_EQ(pattern_word(0, 4), 0x5555555555555555u);
  EXPECT_EQ(pattern_word(1, 4), 0xaaaaaaaaaaaaaaaau);
  EXPECT_EQ(pattern_word(1, 5), 0x5555555555555555u);
  EXPECT_EQ(pattern_word(9, 6), random_bits(0, 9));
  EXPECT_EQ(pattern_word(9, 7), ~random_bits(0, 9));
  // The second turn: the walking one is a bit further, the alternate bits have changed places.
  EXPECT_EQ(pattern_word(5, 10), 64u);
  EXPECT_EQ(pattern_word(0, 12), 0xaaaaaaaaaaaaaaaau);
  EXPECT_EQ(pattern_word(9, 14), random_bits(1, 9));
  EXPECT_STREQ(pattern_name(11), "walking one, inverted");
}

TEST(BurnDifferences, AreFoundInTheirElement) {
  const WordComparison halves = compare_words(0x1111222233334444u, 0x1111222033334445u, 2);
  EXPECT_EQ(halves.count, 2u);
  EXPECT_EQ(halves.first, 0u);
  EXPECT_EQ(halves.found, 0x4444u);
  EXPECT_EQ(halves.expected, 0x4445u);
  const WordComparison second = compare_words(0x1111222233334444u, 0x1111222033334444u, 2);
  EXPECT_EQ(second.count, 1u);
  EXPECT_EQ(second.first, 2u);
  EXPECT_EQ(second.found, 0x2222u);
  const WordComparison floats = compare_words(0x1111222233334444u, 0x1111222033334444u, 4);
  EXPECT_EQ(floats.first, 1u);
  EXPECT_EQ(floats.found, 0x11112222u);
  EXPECT_EQ(compare_words(1, 2, 8).count, 1u);
  EXPECT_EQ(compare_words(1, 2, 8).expected, 2u);
  EXPECT_EQ(compare_words(7, 7, 8).count, 0u);
}

enum class Kind { host, gpu_one_way, gpu_the_other };

/// A store, and memory where it works.
class BurnStoreTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::host) {
      store_ = host_burn_store();
      return;
    }
    if constexpr (gpu::compiled) {
      const device::Selected selected = device::gpu(0, 1);
      if (selected.device == nullptr) GTEST_SKIP() << selected.missing;
    }
#if !ASSAY_GPU_COMPILED
    using gpu::emulation::Order;
    const bool ascending = GetParam() == Kind::gpu_one_way;
    gpu::emulation::configure(ascending ? 32 : 64, ascending ? Order::ascending : Order::descending);
#endif
    queue_ = std::make_unique<gpu::Queue>();
    store_ = gpu_burn_store(*queue_);
  }
  void TearDown() override {
    for (void* memory : allocated_) gpu::release_bytes(memory);
  }

  /// Where the store sees a copy of these words.
  std::uint64_t* placed(const std::vector<std::uint64_t>& words) {
    const std::size_t bytes = words.size() * sizeof(std::uint64_t);
    if (GetParam() == Kind::host) {
      here_.push_back(words);
      return here_.back().data();
    }
    allocated_.push_back(gpu::allocate_bytes(bytes));
    queue_->copy(allocated_.back(), words.data(), bytes);
    queue_->finish();
    return static_cast<std::uint64_t*>(allocated_.back());
  }
  void set(std::uint64_t* at, std::uint64_t value) {
    if (GetParam() == Kind::host) {
      *at = value;
      return;
    }
    queue_->copy(at, &value, sizeof value);
    queue_->finish();
  }
  std::vector<std::uint64_t> read(const std::uint64_t* at, std::size_t count) {
    std::vector<std::uint64_t> words(count);
    if (GetParam() == Kind::host) {
      std::memcpy(words.data(), at, count * sizeof(std::uint64_t));
    } else {
      queue_->copy(words.data(), at, count * sizeof(std::uint64_t));
      queue_->finish();
    }
    return words;
  }

  std::unique_ptr<gpu::Queue> queue_;
  std::unique_ptr<BurnStore> store_;
  std::vector<std::vector<std::uint64_t>> here_;
  std::vector<void*> allocated_;
};

std::vector<std::uint64_t> numbers(std::size_t count) {
  std::vector<std::uint64_t> words(count);
  for (std::size_t i = 0; i < count; ++i) words[i] = random_bits(5, i);
  return words;
}

constexpr std::size_t count = 2 * 300;  // 300 packs

TEST_P(BurnStoreTest, OneBitOfOneElementIsLocated) {
  const std::vector<std::uint64_t> words = numbers(count);
  std::uint64_t *found = placed(words), *right = placed(words);
  store_->compare(found, right, count * 8, 2, 41, false);
  EXPECT_EQ(store_->take().count, 0u);
  set(found + 101, words[101] ^ (std::uint64_t{1} << 37));  // bit 5 of its third half word
  store_->compare(found, right, count * 8, 2, 42, false);
  const Differences one = store_->take();
  EXPECT_EQ(one.count, 1u);
  ASSERT_EQ(one.taken, 1u);
  EXPECT_EQ(one.places[0].when, 42u);
  EXPECT_EQ(one.places[0].index, 101u * 4 + 2);
  EXPECT_EQ(one.places[0].found ^ one.places[0].expected, 32u);
  EXPECT_EQ(one.places[0].expected, words[101] >> 32 & 0xffff);
  EXPECT_EQ(store_->take().count, 0u) << "what was taken comes again";
}

TEST_P(BurnStoreTest, AllThatIsWrongIsCountedAndTheFirstPlacesAreKept) {
  const std::vector<std::uint64_t> words = numbers(count);
  std::vector<std::uint64_t> wrong = words;
  for (std::size_t i = 100; i < 200; ++i) wrong[i] = ~wrong[i];
  std::uint64_t *found = placed(wrong), *right = placed(words);
  store_->compare(found, right, count * 8, 4, 1, false);
  const Differences many = store_->take();
  EXPECT_EQ(many.count, 200u);
  EXPECT_GE(many.taken, static_cast<unsigned>(most_places));
  for (int i = 0; i < most_places; ++i) {
    EXPECT_GE(many.places[i].index, 200u);
    EXPECT_LT(many.places[i].index, 400u);
    if (i > 0) {
      EXPECT_LT(many.places[i - 1].index, many.places[i].index);
    }
  }
}

TEST_P(BurnStoreTest, WhatIsNotComputedAgainIsFound) {
  const std::vector<std::uint64_t> words = numbers(count);
  std::uint64_t *found = placed(words), *right = placed(words);
  store_->compare(found, right, count * 8, 4, 3, true);
  EXPECT_EQ(store_->take().count, 0u);
  // Packs 3, 64, 125, 186 and 247 of 300: four elements of 4 bytes in each.
  const std::vector<std::uint64_t> after = read(found, count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(after[i], i / 2 % 61 == 3 ? ~words[i] : words[i]) << i;
  store_->compare(found, right, count * 8, 4, 4, true);
  const Differences stale = store_->take();
  EXPECT_EQ(stale.count, 20u);
  EXPECT_EQ(stale.places[0].index, 12u);
}

TEST_P(BurnStoreTest, MemoryHoldsItsPatternsAndLosesNoBitUnseen) {
  constexpr std::uint64_t first = 1000;
  std::uint64_t* const memory = placed(numbers(count));
  store_->fill(memory, count, first, 0);
  for (std::uint64_t generation = 0; generation < 9; ++generation) {
    const std::vector<std::uint64_t> now = read(memory, count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(now[i], pattern_word(first + i, generation));
    store_->visit(memory, count, first, generation, false);
    store_->visit(memory, count, first, generation, true);
    EXPECT_EQ(store_->take().count, 0u);
  }
  set(memory + 7, pattern_word(first + 7, 9) ^ 256);
  store_->visit(memory, count, first, 9, true);
  const Differences one = store_->take();
  EXPECT_EQ(one.count, 1u);
  EXPECT_EQ(one.places[0].when, 9u);
  EXPECT_EQ(one.places[0].index, first + 7);
  EXPECT_EQ(one.places[0].found ^ one.places[0].expected, 256u);
  store_->visit(memory, count, first, 10, false);
  EXPECT_EQ(store_->take().count, 0u) << "it was written again";
  // An address line that is stuck: a word lies where another belongs.
  set(memory + 3, pattern_word(first + 5, 10));
  store_->visit(memory, count, first, 10, false);
  EXPECT_EQ(store_->take().count, 1u);
}

TEST_P(BurnStoreTest, FingerprintsAreTheHostsAndChangeWithEachBit) {
  const std::vector<std::uint64_t> words = numbers(count);
  std::uint64_t* const data = placed(words);
  const std::uint64_t before = store_->fingerprint(data, count * 8);
  EXPECT_EQ(before, host_burn_store()->fingerprint(words.data(), count * 8));
  set(data + 599, words[599] ^ 1);
  EXPECT_NE(store_->fingerprint(data, count * 8), before);
  set(data + 599, words[0]);
  set(data, words[599]);
  EXPECT_NE(store_->fingerprint(data, count * 8), before) << "words changed places";
}

std::string name_of_kind(const testing::TestParamInfo<Kind>& info) {
  switch (info.param) {
    case Kind::host:
      return "host";
    case Kind::gpu_one_way:
      return "gpu_one_way";
    case Kind::gpu_the_other:
      break;
  }
  return "gpu_the_other";
}

INSTANTIATE_TEST_SUITE_P(Stores, BurnStoreTest,
                         testing::Values(Kind::host, Kind::gpu_one_way, Kind::gpu_the_other), name_of_kind);

}  // namespace
}  // namespace assay::bench::stability
