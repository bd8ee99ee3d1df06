#include "suites/collectives/support/factors.h"

#include <gtest/gtest.h>

namespace assay::bench {
namespace {

using enum CollectiveKind;

TEST(Factors, AreThoseOfNcclTests) {
  // By hand from doc/PERFORMANCE.md.
  EXPECT_DOUBLE_EQ(busbw_factor(allreduce, 1), 0);
  EXPECT_DOUBLE_EQ(busbw_factor(allreduce, 2), 1);
  EXPECT_DOUBLE_EQ(busbw_factor(allreduce, 3), 4.0 / 3.0);
  EXPECT_DOUBLE_EQ(busbw_factor(allreduce, 8), 1.75);
  for (const CollectiveKind kind : {reduce_scatter, allgather, alltoall}) {
    EXPECT_DOUBLE_EQ(busbw_factor(kind, 2), 0.5);
    EXPECT_DOUBLE_EQ(busbw_factor(kind, 3), 2.0 / 3.0);
    EXPECT_DOUBLE_EQ(busbw_factor(kind, 8), 0.875);
  }
  for (const CollectiveKind kind : {broadcast, reduce}) {
    EXPECT_DOUBLE_EQ(busbw_factor(kind, 2), 1);
    EXPECT_DOUBLE_EQ(busbw_factor(kind, 257), 1);
  }
}

TEST(Factors, BlocksTakeWhatDividesAmongTheRanks) {
  EXPECT_EQ(whole_elements(allgather, 8, 4, 2), 2);
  EXPECT_EQ(whole_elements(allgather, 8, 4, 3), 0);  // less than an element each
  // 1 MiB = 262144 elements of 4 B; three blocks of 87381 leave one element out.
  EXPECT_EQ(whole_elements(allgather, 1 << 20, 4, 3), 262143);
  EXPECT_EQ(whole_elements(reduce_scatter, 16, 4, 3), 0);  // a quarter would be left out
  EXPECT_EQ(whole_elements(alltoall, 12, 4, 3), 3);
  EXPECT_EQ(whole_elements(allreduce, 16, 4, 3), 4);    // no blocks
  EXPECT_EQ(whole_elements(allreduce, 1023, 4, 3), 0);  // never part of an element
  EXPECT_EQ(whole_elements(broadcast, 2, 4, 3), 0);
}

TEST(Factors, TheNearestSizeIsAWholeMessage) {
  EXPECT_EQ(nearest_bytes(allgather, 8, 4, 3), 12);
  EXPECT_EQ(nearest_bytes(alltoall, 16, 4, 3), 12);
  EXPECT_EQ(nearest_bytes(reduce_scatter, 20, 8, 2), 16);
  EXPECT_EQ(nearest_bytes(allreduce, 6, 4, 3), 8);
  EXPECT_EQ(nearest_bytes(broadcast, 2, 4, 3), 4);
  for (int ranks = 2; ranks < 40; ++ranks) {
    for (const std::int64_t bytes : {1, 100, 1000, 99999}) {
      EXPECT_GT(whole_elements(allgather, nearest_bytes(allgather, bytes, 4, ranks), 4, ranks), 0);
    }
  }
}

}  // namespace
}  // namespace assay::bench
