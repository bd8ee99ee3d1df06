#include "suites/fabric/pingpong/pingpong.h"

#include <gtest/gtest.h>

#include <set>

#include "suites/fabric/pingpong/pairs.h"
#include "suites/fabric/support/placement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

using Nodes = std::vector<std::string>;
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

TEST(FarthestPair, IsTheLastRankOnAnotherNode) {
  EXPECT_EQ(farthest_pair({"a", "a"}), (RankPair{0, 1}));
  EXPECT_EQ(farthest_pair({"a", "a", "a"}), (RankPair{0, 2}));
  EXPECT_EQ(farthest_pair({"a", "a", "b", "b"}), (RankPair{0, 3}));
  EXPECT_EQ(farthest_pair({"a", "b", "a"}), (RankPair{0, 1}));  // dealt out in turn: the last is at home
}

TEST(HalfToHalf, PairsAreDisjointAndAcrossNodes) {
  EXPECT_EQ(half_to_half({"a", "a", "b", "b"}, 0), (std::vector<RankPair>{{0, 2}, {1, 3}}));
  EXPECT_EQ(half_to_half({"a", "b", "a", "b"}, 0), (std::vector<RankPair>{{0, 1}, {2, 3}}));
  EXPECT_EQ(half_to_half({"a", "a", "b", "b"}, 1), (std::vector<RankPair>{{0, 2}}));
  EXPECT_EQ(half_to_half({"a", "a", "a", "a", "a"}, 0), (std::vector<RankPair>{{0, 2}, {1, 3}}));
  EXPECT_EQ(half_to_half({"a", "a"}, 7).size(), 1u);
  for (int ranks = 2; ranks <= 65; ++ranks) {
    for (const int nodes : {1, 2, 3, 4}) {
      Nodes names;
      for (int rank = 0; rank < ranks; ++rank) names.push_back("n" + std::to_string(rank % nodes));
      const auto pairs = half_to_half(names, 0);
      std::set<int> used;
      for (const RankPair& pair : pairs) {
        used.insert(pair.first);
        used.insert(pair.second);
      }
      EXPECT_EQ(pairs.size(), static_cast<std::size_t>(ranks / 2));
      EXPECT_EQ(used.size(), 2 * pairs.size());
      if (nodes == 1) {
        EXPECT_EQ(across_nodes(pairs, names), 0);
      } else if (ranks % (2 * nodes) == 0) {
        EXPECT_EQ(across_nodes(pairs, names), ranks / 2);
      }
    }
  }
}

TEST(Placement, RanksOfANodeAreInARow) {
  const Nodes dealt{"b", "a", "b", "a", "c"};
  EXPECT_EQ(ranks_by_node(dealt), (std::vector<int>{0, 2, 1, 3, 4}));
  EXPECT_EQ(most_on_a_node(dealt, {0, 1, 2}), 2);
  EXPECT_EQ(transport(dealt, {0, 2}), "shared memory");
  EXPECT_EQ(transport(dealt, {0, 1}), "network (not identified)");
}

TEST(Window, FitsItsMemory) {
  EXPECT_EQ(window_messages(64, 8, 1), 64);
  EXPECT_EQ(window_messages(64, 0, 1), 64);
  EXPECT_EQ(window_messages(64, 4 * mebibyte, 1), 64);
  EXPECT_EQ(window_messages(64, 4 * mebibyte, 2), 32);
  EXPECT_EQ(window_messages(64, 64 * mebibyte, 1), 4);
  EXPECT_EQ(window_messages(64, 1024 * mebibyte, 1), 1);
}

TEST(Window, MessagesOfAnIteration) {
  EXPECT_EQ(messages_of_iteration(TalkPattern::pingpong, 64, 1), 1);
  EXPECT_EQ(messages_of_iteration(TalkPattern::window, 64, 1), 64);
  EXPECT_EQ(messages_of_iteration(TalkPattern::bidirectional, 64, 1), 128);
  EXPECT_EQ(messages_of_iteration(TalkPattern::message_rate, 64, 3), 192);
}

TEST(TalkRing, IsEvenForAPingpongAndNeverSmallerThanTheCacheNeeds) {
  // 1 MiB on two ranks: 2 MiB a slot, 33 slots exceed 2 x 32 MiB; there and back makes it 34.
  EXPECT_EQ(pingpong_ring(mebibyte, 2, 32 * mebibyte), 34);
  EXPECT_EQ(pingpong_ring(mebibyte, 1, 32 * mebibyte), 16);  // 65 would be too many: a cache case
  EXPECT_EQ(pingpong_ring(0, 2, 32 * mebibyte), 16);
  EXPECT_EQ(pingpong_ring(64 * mebibyte, 2, 32 * mebibyte), 2);
  EXPECT_EQ(window_ring(64 * 8, 2, 32 * mebibyte), 16);
  EXPECT_EQ(window_ring(64 * mebibyte, 2, 32 * mebibyte), 1);  // one window is beyond the cache
  EXPECT_EQ(window_ring(16 * mebibyte, 2, 32 * mebibyte), 3);
}

TEST(PingpongSpec, RefusesWhatMeansNothing) {
  const Benchmark& benchmark = find_benchmark("fabric/pingpong");
  ProcessGroup group;
  const Context context{group};
  const auto reason = [&](const Parameters& given) {
    return benchmark.unsupported(complete_parameters(benchmark.spec, given, {}), context);
  };
  const std::string window = "window";
  EXPECT_EQ(reason({}), "");
  EXPECT_EQ(reason({{"bytes", std::int64_t{0}}}), "");
  EXPECT_EQ(reason({{"mode", std::string("latency")}}), "");
  EXPECT_NE(reason({{"mode", std::string("latency")}, {"pattern", window}}).find("mode=throughput"),
            std::string::npos);
  EXPECT_NE(reason({{"pattern", std::string("message_rate")}, {"pairs", std::int64_t{2}}}).find("pairs=0"),
            std::string::npos);
}

}  // namespace
}  // namespace assay::bench
