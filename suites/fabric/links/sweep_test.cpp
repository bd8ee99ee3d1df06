// Which pairs are measured again, and what goes on record.
#include "suites/fabric/links/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assay::bench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Pairs = std::vector<std::pair<int, int>>;

/// All pairs take 1 s, some more.
PairTimes sweep_with(std::size_t members,
                     const std::vector<std::tuple<std::size_t, std::size_t, float>>& slow) {
  PairTimes times(members);
  std::vector<float> seconds(pair_count(members), 1);
  for (const auto& [i, j, s] : slow) seconds[pair_index(members, i, j)] = s;
  times.take(seconds, true);
  return times;
}

TEST(PairTimes, MedianAndSlowest) {
  const PairTimes times = sweep_with(4, {{0, 1, 2}, {0, 2, 3}, {0, 3, 4}});
  EXPECT_DOUBLE_EQ(times.median_s(), 1.5);  // 1 1 1 2 3 4
  EXPECT_DOUBLE_EQ(times.slowest_s(), 4);
  EXPECT_DOUBLE_EQ(sweep_with(2, {{0, 1, 7}}).median_s(), 7);
}

TEST(PairTimes, TheSlowestComeFirst) {
  const PairTimes times = sweep_with(8, {{1, 2, 5}, {6, 7, 9}, {0, 4, 7}});
  EXPECT_EQ(times.slowest(3), (Pairs{{6, 7}, {0, 4}, {1, 2}}));
  EXPECT_THAT(times.slowest(0), IsEmpty());
  EXPECT_EQ(sweep_with(2, {}).slowest(8), (Pairs{{0, 1}}));
}

TEST(PairTimes, ASlowNodeDoesNotHideASlowLink) {
  // Node 5 is slow on all of its 63 links, and worse than the link 20 - 30.
  std::vector<std::tuple<std::size_t, std::size_t, float>> slow = {{20, 30, 3.0F}};
  for (std::size_t j = 0; j < 64; ++j) {
    if (j != 5) slow.emplace_back(std::min<std::size_t>(5, j), std::max<std::size_t>(5, j), 4.0F);
  }
  const Pairs again = sweep_with(64, slow).slowest(8);
  EXPECT_EQ(again.size(), 8U);
  EXPECT_EQ(std::count(again.begin(), again.end(), std::pair(20, 30)), 1);
  EXPECT_EQ(std::count_if(again.begin(), again.end(), [](auto p) { return p.first == 5 || p.second == 5; }),
            2);
}

TEST(PairTimes, OrdinaryPairsToCompareWith) {
  const PairTimes times = sweep_with(64, {{1, 2, 5}, {3, 4, 0.1F}});
  const Pairs ordinary = times.ordinary(8, {{1, 2}}, 7);
  EXPECT_EQ(ordinary.size(), 8U);
  EXPECT_EQ(std::set(ordinary.begin(), ordinary.end()).size(), 8U);
  for (const auto& pair : ordinary) {
    EXPECT_NE(pair, std::pair(1, 2));
    EXPECT_NE(pair, std::pair(3, 4));
    EXPECT_LT(pair.first, pair.second);
  }
  EXPECT_EQ(times.ordinary(8, {}, 7), times.ordinary(8, {}, 7));
  // Where all are among the slowest, there are none.
  EXPECT_THAT(sweep_with(2, {}).ordinary(8, {{0, 1}}, 7), IsEmpty());
  EXPECT_THAT(sweep_with(3, {}).ordinary(8, {{0, 1}}, 7),
              testing::UnorderedElementsAre(std::pair(0, 2), std::pair(1, 2)));
}

TEST(PairTimes, OfAThousandMembersTheRightOnesAreNamed) {
  const PairTimes times = sweep_with(1000, {{998, 999, 9}, {0, 1, 8}, {0, 999, 7}, {499, 500, 6}});
  EXPECT_EQ(times.slowest(4), (Pairs{{998, 999}, {0, 1}, {0, 999}, {499, 500}}));
}

TEST(PairTimes, TheRecordHoldsTheMeanOverSweepsThatCount) {
  PairTimes times(3);
  times.take({100, 100, 100}, false);  // a warm-up
  times.take({1, 2, 0}, true);
  times.take({3, 2, 0}, true);
  EXPECT_THAT(times.codes(4096), ElementsAre(link_code(2048), link_code(2048), 0));
  EXPECT_THAT(PairTimes(3).codes(4096), ElementsAre(0, 0, 0));
}

}  // namespace
}  // namespace assay::bench
