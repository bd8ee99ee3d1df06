#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "suites/fabric/congestion/impact.h"
#include "suites/fabric/congestion/roles.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
using Ranks = std::vector<int>;

TEST(CongestionRoles, RanksAreInterleavedWhereNodesAreFew) {
  const CongestionRoles one_node = deal_roles({"a", "a", "a", "a"}, 0.5);
  EXPECT_FALSE(one_node.whole_nodes);
  EXPECT_EQ(one_node.victims, (Ranks{1, 3}));
  EXPECT_EQ(one_node.congestors, (Ranks{0, 2}));
  // Dealt out in turn: each node has a victim and a congestor all the same.
  const CongestionRoles two_nodes = deal_roles({"a", "b", "a", "b"}, 0.5);
  EXPECT_EQ(two_nodes.victims, (Ranks{2, 3}));
  EXPECT_EQ(two_nodes.congestors, (Ranks{0, 1}));
}

TEST(CongestionRoles, FourNodesAreDealtOutWhole) {
  const CongestionRoles roles = deal_roles({"a", "a", "b", "b", "c", "c", "d", "d"}, 0.5);
  EXPECT_TRUE(roles.whole_nodes);
  EXPECT_EQ(roles.victims, (Ranks{2, 3, 6, 7}));
  EXPECT_EQ(roles.congestors, (Ranks{0, 1, 4, 5}));
}

TEST(CongestionRoles, EveryRankHasOneRoleAndThereAreTwoOfEach) {
  for (int ranks = 4; ranks <= 40; ++ranks) {
    for (const double share : {0.0, 0.2, 0.5, 0.8, 1.0}) {
      for (const int per_node : {1, 3, 100}) {
        std::vector<std::string> nodes;
        for (int rank = 0; rank < ranks; ++rank) nodes.push_back("n" + std::to_string(rank / per_node));
        const CongestionRoles roles = deal_roles(nodes, share);
        std::set<int> all(roles.victims.begin(), roles.victims.end());
        all.insert(roles.congestors.begin(), roles.congestors.end());
        EXPECT_EQ(all.size(), static_cast<std::size_t>(ranks));
        EXPECT_EQ(roles.victims.size() + roles.congestors.size(), all.size());
        EXPECT_GE(roles.victims.size(), 2u);
        EXPECT_GE(roles.congestors.size(), 2u);
        if (per_node == 1) {
          const double wanted = std::clamp(share * ranks, 2.0, ranks - 2.0);
          EXPECT_NEAR(static_cast<double>(roles.victims.size()), wanted, 0.5);
        }
      }
    }
  }
}

TEST(RandomRing, IsAnotherOneForEachPassAndHasEverybodyOnce) {
  std::set<Ranks> rings;
  for (std::int64_t pass = 0; pass < 20; ++pass) {
    Ranks ring = ring_of_pass(9, 7, pass);
    rings.insert(ring);
    EXPECT_EQ(ring, ring_of_pass(9, 7, pass));
    for (int member = 0; member < 9; ++member) {
      const RingNeighbours around = neighbours(ring, member);
      EXPECT_NE(around.left, member);
      EXPECT_EQ(neighbours(ring, around.right).left, member);  // who sends to whom is the same on both sides
      EXPECT_EQ(neighbours(ring, around.left).right, member);
    }
    std::sort(ring.begin(), ring.end());
    EXPECT_EQ(ring, (Ranks{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  }
  EXPECT_GE(rings.size(), 19u);
  EXPECT_EQ(neighbours(ring_of_pass(2, 1, 0), 0).left, 1);
  EXPECT_EQ(neighbours(ring_of_pass(2, 1, 0), 0).right, 1);
}

TEST(Tally, MeanAndPercentileOfOperations) {
  const ProcessGroup alone;
  OperationTally tally;
  EXPECT_EQ(tally.over(alone).count, 0u);
  // 990 operations of 1 us and ten of 101 us: the mean is 2 us; 99 of 100 take no longer than 1 us.
  for (int i = 0; i < 990; ++i) tally.add(1e-6);
  for (int i = 0; i < 10; ++i) tally.add(101e-6);
  const OperationSummary summary = tally.over(alone);
  EXPECT_EQ(summary.count, 1000u);
  EXPECT_NEAR(summary.mean_s, 2e-6, 1e-12);
  EXPECT_NEAR(summary.p99_s, 1e-6, 0.011e-6);
  // One more slow one, and the 99th percentile is slow.
  for (int i = 0; i < 2; ++i) tally.add(101e-6);
  EXPECT_NEAR(tally.over(alone).p99_s, 101e-6, 1.2e-6);
  // What the clock cannot see, and what takes for ever, are counted.
  tally.add(0);
  tally.add(1e6);
  EXPECT_EQ(tally.over(alone).count, 1004u);
}

TEST(Impact, IsAFactorOrNothing) {
  EXPECT_DOUBLE_EQ(impact(2e-6, 5e-6).value_or(0), 2.5);
  EXPECT_DOUBLE_EQ(impact(2e-6, 2e-6).value_or(0), 1.0);
  EXPECT_FALSE(impact(0, 1e-6));
  EXPECT_FALSE(impact(1e-6, 0));
}

TEST(Impact, CongestorsThatDidNothingMakeItInvalid) {
  EXPECT_THAT(missing_congestion(0, "incast"), HasSubstr("the congestors did nothing"));
  EXPECT_THAT(missing_congestion(-1, "incast"), HasSubstr("incast"));
  EXPECT_EQ(missing_congestion(1, "incast"), "");
}

TEST(CongestionSpec, RefusesWhatDoesNotFit) {
  const Benchmark& benchmark = find_benchmark("fabric/congestion");
  EXPECT_EQ(benchmark.spec.minimum_ranks, 4);
  ProcessGroup group;
  const Context context{group};
  Parameters parameters = complete_parameters(benchmark.spec, {{"allreduce_bytes", std::int64_t{12}}}, {});
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("multiple of 8"));
}

}  // namespace
}  // namespace assay::bench
