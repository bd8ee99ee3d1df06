#include "runners/isolate/isolation.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "runners/isolate/simulated_cluster_testing.h"

namespace assay {
namespace {

std::string node(std::size_t i) {
  return "node " + SimulatedCluster::name(i);
}
std::string leaf(std::size_t i) {
  return (i < 10 ? "leaf0" : "leaf") + std::to_string(i);
}

/// Plants a fault of a factor and says what must be accused. Factor 0: it fails.
using Plant = std::function<std::string(SimulatedCluster&, double, std::mt19937_64&)>;

std::string single(SimulatedCluster& c, double f, std::mt19937_64& r) {
  const std::size_t i = r() % 1024;
  c.slow_nodes[i] = f;
  return node(i);
}
std::string two_leaves(SimulatedCluster& c, double f, std::mt19937_64& r) {
  const std::size_t i = r() % 512, j = 512 + r() % 512;
  c.slow_nodes[i] = c.slow_nodes[j] = f;
  return node(i) + "; " + node(j);
}
std::string one_leaf(SimulatedCluster& c, double f, std::mt19937_64& r) {
  const std::size_t base = r() % 32 * 32, i = base + r() % 16, j = base + 16 + r() % 16;
  c.slow_nodes[i] = c.slow_nodes[j] = f;
  return node(i) + "; " + node(j);
}
std::string leaf_switch(SimulatedCluster& c, double f, std::mt19937_64& r) {
  const std::size_t i = r() % 32;
  c.slow_leaves[i] = f;
  return "switch " + leaf(i);
}
std::string uplink(SimulatedCluster& c, double f, std::mt19937_64& r) {
  const std::size_t i = r() % 32;
  c.slow_uplinks[i] = f;
  return "switch " + leaf(i);
}
std::string trunk(SimulatedCluster& c, double f, std::mt19937_64& r) {
  const std::size_t i = r() % 31, j = i + 1 + r() % (31 - i);
  c.trunks[{i, j}] = f;
  return "trunk " + leaf(i) + " " + leaf(j);
}

struct Count {
  int right = 0, falsely = 0;
  std::vector<std::size_t> launches;
};

/// Many seeds. Never an accusation that was not planted; never more than 80 launches.
Count many(const char* name, const Plant& plant, double factor, int seeds, bool topology = true) {
  Count count;
  for (int seed = 0; seed < seeds; ++seed) {
    SimulatedCluster cluster;
    cluster.random.seed(static_cast<std::uint64_t>(seed) * 7919 + 13);
    cluster.faults_fail = factor == 0;
    std::mt19937_64 places(static_cast<std::uint64_t>(seed) + 1);
    const std::string wanted = plant(cluster, factor == 0 ? 2 : factor, places);
    const IsolationResult result = cluster.search(topology);
    const std::string got = accused(result);
    count.right += got == wanted ? 1 : 0;
    for (std::size_t from = 0; from < got.size();) {
      const std::size_t end = std::min(got.find("; ", from), got.size());
      if (wanted.find(got.substr(from, end - from)) == std::string::npos) ++count.falsely;
      from = end + 2;
    }
    count.launches.push_back(result.launches);
    EXPECT_LE(result.launches, 80U);
  }
  std::sort(count.launches.begin(), count.launches.end());
  std::printf("%-22s %5.2f: %d of %d named, %d falsely, launches median %zu, max %zu\n", name, factor,
              count.right, seeds, count.falsely, count.launches[count.launches.size() / 2],
              count.launches.back());
  return count;
}

struct Kind {
  const char* name;
  Plant plant;
};
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{{"one node", single},          {"two, two switches", two_leaves},
                                     {"two, one switch", one_leaf}, {"leaf switch", leaf_switch},
                                     {"its links upward", uplink},  {"trunk", trunk}};
  return all;
}

TEST(Isolation, FaultsThatFailAreNamedWithin80Launches) {
  for (const Kind& kind : kinds()) EXPECT_EQ(many(kind.name, kind.plant, 0, 30).right, 30) << kind.name;
}

TEST(Isolation, SlownessOf30PercentIsNamedWithin80LaunchesAt3PercentNoise) {
  for (const Kind& kind : kinds()) {
    const Count count = many(kind.name, kind.plant, 1.3, 40);
    EXPECT_EQ(count.right, 40) << kind.name;
    EXPECT_EQ(count.falsely, 0) << kind.name;
  }
}

TEST(Isolation, SlownessOf15PercentIsNamedMostly) {
  for (const Kind& kind : kinds()) {
    const Count count = many(kind.name, kind.plant, 1.15, 40);
    EXPECT_GE(count.right, 38) << kind.name;
    EXPECT_EQ(count.falsely, 0) << kind.name;
  }
}

TEST(Isolation, NodesAreFoundWithoutATopology) {
  EXPECT_EQ(many("one node, no topology", single, 1.3, 20, false).right, 20);
}

TEST(Isolation, HundredCleanRunsAccuseNobody) {
  const Plant nothing = [](SimulatedCluster&, double, std::mt19937_64&) { return std::string(); };
  for (const double factor : {1.15, 0.0}) {
    const Count count = many("clean", nothing, factor, 100);
    EXPECT_EQ(count.right, 100);
    EXPECT_EQ(count.falsely, 0);
  }
}

TEST(Isolation, TheCountingSeesAPlantedMistake) {
  const Plant mistaken = [](SimulatedCluster& cluster, double factor, std::mt19937_64&) {
    cluster.slow_nodes[77] = factor;
    return node(78);
  };
  const Count count = many("planted mistake", mistaken, 1.3, 3);
  EXPECT_EQ(count.right, 0);
  EXPECT_EQ(count.falsely, 3);
}

TEST(Isolation, TheFirstAndTheLastOfEverythingAreFound) {
  for (const std::size_t i : {0U, 15U, 16U, 31U, 992U, 1023U}) {
    SimulatedCluster cluster;
    cluster.slow_nodes[i] = 1.3;
    EXPECT_EQ(accused(cluster.search(true)), node(i));
  }
  for (const auto& [a, b] : std::vector<std::pair<std::size_t, std::size_t>>{{0, 31}, {0, 4}, {30, 31}}) {
    SimulatedCluster cluster;
    cluster.trunks[{a, b}] = 1.3;
    EXPECT_EQ(accused(cluster.search(true)), "trunk " + leaf(a) + " " + leaf(b));
  }
}

TEST(Isolation, FewNodes) {
  for (const std::size_t count : {2U, 3U, 5U, 17U}) {
    for (const bool fails : {false, true}) {
      for (std::size_t bad = 0; bad < count; ++bad) {
        SimulatedCluster cluster;
        cluster.nodes = count;
        cluster.nodes_per_leaf = 64;
        cluster.faults_fail = fails;
        EXPECT_EQ(accused(cluster.search(false)), "") << count;
        cluster.slow_nodes[bad] = 1.3;
        EXPECT_EQ(accused(cluster.search(false)), node(bad)) << count << (fails ? " fails" : " slow");
      }
    }
  }
}

TEST(Isolation, ALinkBetweenTwoNodesIsLeftToTheRounds) {
  SimulatedCluster cluster;
  cluster.nodes = 5;
  cluster.links[{1, 3}] = 1.3;
  const IsolationResult result = cluster.search(false);
  EXPECT_EQ(accused(result), "links n0001 n0003");
  EXPECT_NE(describe(result).find("fabric/links"), std::string::npos);
}

TEST(Isolation, WhenAllIsBadNobodyIsNamed) {
  SimulatedCluster cluster;
  cluster.faults_fail = true;
  for (std::size_t i = 0; i < 32; ++i) cluster.slow_leaves[i] = 2;
  const IsolationResult result = cluster.search(true);
  EXPECT_EQ(accused(result), "");
  ASSERT_FALSE(result.notes.empty());
  EXPECT_NE(result.notes[0].find("nothing good to compare"), std::string::npos);
}

TEST(Isolation, RoundsAreDisjointAndTheSameOutcomesGiveTheSameSearch) {
  SimulatedCluster cluster;
  cluster.slow_nodes[500] = 1.3;
  const auto tree = parse_topology(cluster.topology(), "t");
  Isolation first(cluster.names(), tree), second(cluster.names(), tree);
  while (const auto round = first.next()) {
    std::vector<char> used(cluster.nodes, 0);
    std::vector<IsolationOutcome> outcomes;
    for (const IsolationGroup& group : *round) {
      EXPECT_FALSE(group.nodes.empty());
      for (const std::size_t one : group.nodes) {
        EXPECT_FALSE(used[one]) << group.purpose;
        used[one] = 1;
      }
      outcomes.push_back(cluster.launch(group.nodes));
    }
    const auto again = second.next();
    ASSERT_TRUE(again);
    for (std::size_t i = 0; i < round->size(); ++i) EXPECT_EQ((*again)[i].nodes, (*round)[i].nodes);
    first.tell(outcomes);
    second.tell(outcomes);
  }
  EXPECT_FALSE(second.next());
  EXPECT_EQ(accused(second.result()), node(500));
}

TEST(Isolation, TheBudgetIsSaidBeforehand) {
  SimulatedCluster cluster;
  const Isolation isolation(cluster.names(), parse_topology(cluster.topology(), "t"));
  EXPECT_EQ(isolation.budget(), 80U);
  EXPECT_NE(isolation.describe_budget().find("1024 nodes: at most 80 launches"), std::string::npos);
  EXPECT_NE(isolation.describe_budget().find("32 leaf switches"), std::string::npos);
}

TEST(Isolation, WhatCannotBeSearchedIsRefused) {
  EXPECT_THROW(Isolation({"a"}, {}), Error);
  EXPECT_THROW(Isolation({"a", "a"}, {}), Error);
  EXPECT_THROW(Isolation({"a", "b"}, parse_topology("SwitchName=s Nodes=a", "t")), Error);
  IsolationSettings silent;
  silent.noise = 0;
  EXPECT_THROW(Isolation({"a", "b"}, {}, silent), Error);
  Isolation isolation({"a", "b"}, {});
  EXPECT_THROW(isolation.tell({}), Error);
  const auto round = isolation.next();
  ASSERT_TRUE(round);
  EXPECT_THROW(isolation.tell({}), Error);
  EXPECT_THROW(isolation.tell(std::vector<IsolationOutcome>(round->size(), {true, -1})), Error);
}

}  // namespace
}  // namespace assay
