#include "suites/io/random/order.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace assay::bench {
namespace {

using Count = std::map<std::pair<std::uint64_t, std::uint64_t>, int>;

TEST(Order, AnEpochReadsEverySampleOfAllRanksOnce) {
  for (const int ranks : {1, 2, 3, 7}) {
    const DataSet set{ranks, 3, 10 * 8192};
    Count times;
    for (int reader = 0; reader < ranks; ++reader) {
      const auto places = epoch_order(set, reader, 8192, 4096, 0, 5);
      EXPECT_EQ(places.size(), 60u);  // 3 shards of 10 samples of 2 blocks
      for (std::size_t i = 0; i < places.size(); ++i) {
        ++times[{places[i].file, places[i].offset}];
        if (i % 2 == 1) {  // the blocks of a sample come in their order
          EXPECT_EQ(places[i].file, places[i - 1].file);
          EXPECT_EQ(places[i].offset, places[i - 1].offset + 4096);
        }
      }
    }
    EXPECT_EQ(times.size(), set.files() * 20);
    for (const auto& [place, count] : times) {
      EXPECT_EQ(count, 1);
      EXPECT_LT(place.first, set.files());
      EXPECT_LT(place.second, set.shard_bytes);
    }
  }
}

TEST(Order, UniformReadsEachBlockOfOneWriterOnce) {
  const DataSet set{4, 2, 16 * 4096};
  Count times;
  for (const Place& place : uniform_order(set, 3, 4096, 0, 9)) ++times[{place.file, place.offset}];
  EXPECT_EQ(times.size(), 32u);
  for (const auto& [place, count] : times) {
    EXPECT_EQ(count, 1);
    EXPECT_TRUE(place.first == 6 || place.first == 7);
    EXPECT_EQ(place.second % 4096, 0u);
  }
}

TEST(Order, StopsAfterSoManyOperations) {
  const DataSet set{2, 2, 16 * 4096};
  EXPECT_EQ(uniform_order(set, 0, 4096, 5, 1).size(), 5u);
  EXPECT_EQ(uniform_order(set, 0, 4096, 500, 1).size(), 32u);
  EXPECT_EQ(epoch_order(set, 0, 16384, 4096, 9, 1).size(), 8u);  // two whole samples
  EXPECT_EQ(epoch_order(set, 0, 16384, 4096, 1, 1).size(), 4u);  // at least one
}

TEST(Order, AnotherPassIsAnotherOrder) {
  const DataSet set{1, 1, 1000 * 4096};
  const auto one = uniform_order(set, 0, 4096, 0, 1);
  const auto other = uniform_order(set, 0, 4096, 0, 2);
  int alike = 0;
  for (std::size_t i = 0; i < one.size(); ++i) alike += one[i].offset == other[i].offset ? 1 : 0;
  EXPECT_LT(alike, 12);
}

}  // namespace
}  // namespace assay::bench
