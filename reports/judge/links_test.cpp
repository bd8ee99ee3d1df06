// Node or cable: planted faults are found, each by its name, and nothing else is.
#include "reports/judge/links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <set>

namespace assay {
namespace {

using testing::HasSubstr;
using Names = std::set<std::string>;

/// Noise of a generator of our own: the same everywhere.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 2 + 1) {}
  double uniform() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t x = (state_ ^ (state_ >> 33)) * 0xff51afd7ed558ccdu;
    return (static_cast<double>((x ^ (x >> 32)) >> 11) + 0.5) / 9007199254740992.0;
  }
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(uniform() * static_cast<double>(n)); }

 private:
  std::uint64_t state_;
};

std::string node_name(std::size_t i) {
  std::string digits = std::to_string(i);
  return "n" + std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

using Rate = std::function<double(std::size_t, std::size_t)>;

LinkMatrix simulated(std::size_t n, std::uint64_t seed, double noise, const Rate& rate) {
  Noise random(seed);
  LinkMatrix matrix;
  matrix.message_bytes = 1 << 20;
  for (std::size_t i = 0; i < n; ++i) matrix.endpoints.push_back({node_name(i), static_cast<int>(i)});
  matrix.codes.reserve(pair_count(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      matrix.codes.push_back(link_code(12e9 * rate(i, j) * std::exp(noise * random.normal())));
    }
  }
  return matrix;
}

Names nodes_of(const LinkDiagnosis& found) {
  Names names;
  for (const SlowNode& node : found.nodes) names.insert(node.name);
  return names;
}

Names links_of(const LinkDiagnosis& found) {
  Names names;
  for (const SlowLink& link : found.links) names.insert(link.first + "-" + link.second);
  return names;
}

struct Planted {
  std::set<std::size_t> nodes;
  std::set<std::pair<std::size_t, std::size_t>> links;

  Names node_names() const {
    Names names;
    for (const std::size_t i : nodes) names.insert(node_name(i));
    return names;
  }
  Names link_names() const {
    Names names;
    for (const auto& [i, j] : links) names.insert(node_name(i) + "-" + node_name(j));
    return names;
  }
  /// The slowest thing on the way limits a pair.
  Rate slowest_limits(double factor = 0.7) const {
    return [this, factor](std::size_t i, std::size_t j) {
      return nodes.count(i) + nodes.count(j) + links.count({i, j}) > 0 ? factor : 1.0;
    };
  }
};

/// Links apart from the slow nodes: those would be slow anyway.
Planted planted(std::size_t n, std::size_t nodes, std::size_t links, std::uint64_t seed) {
  Noise random(seed + 1000003);
  Planted result;
  while (result.nodes.size() < nodes) result.nodes.insert(random.below(n));
  while (result.links.size() < links) {
    const std::size_t i = random.below(n), j = random.below(n);
    if (i < j && result.nodes.count(i) + result.nodes.count(j) == 0) result.links.insert({i, j});
  }
  return result;
}

/// Empty when exactly what was planted is found.
std::string mistake(std::size_t n, std::size_t nodes, std::size_t links, std::uint64_t seed) {
  const Planted truth = planted(n, nodes, links, seed);
  const LinkDiagnosis found = diagnose_links(simulated(n, seed, 0.03, truth.slowest_limits()));
  if (nodes_of(found) == truth.node_names() && links_of(found) == truth.link_names() &&
      found.partly_slow == 0 && found.blocks.empty() && found.note.empty()) {
    return {};
  }
  std::string text = std::to_string(n) + " nodes, seed " + std::to_string(seed) + ": " + found.note;
  for (const SlowNode& node : found.nodes) text += sentence(node) + "; ";
  for (const SlowLink& link : found.links) text += sentence(link) + "; ";
  return text;
}

/// Below ten endpoints noise of 3 % can look like a fault, or hide one: seen in 5 of 220,000 matrices.
void expect_found(std::size_t n, std::size_t nodes, std::size_t links, std::uint64_t seeds) {
  std::uint64_t wrong = 0;
  std::string first;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const std::string text = mistake(n, nodes, links, seed);
    if (!text.empty() && wrong++ == 0) first = text;
  }
  EXPECT_LE(wrong, n < 10 ? seeds / 300 : 0) << first;
}

TEST(Links, NothingPlantedNothingBlamed) {
  for (const std::size_t n : {4U, 5U, 6U, 7U, 8U, 9U, 12U, 16U}) expect_found(n, 0, 0, 500);
  for (const std::size_t n : {32U, 33U, 64U}) expect_found(n, 0, 0, 100);
  expect_found(400, 0, 0, 3);
}

TEST(Links, OneSlowNodeIsARow) {
  for (const std::size_t n : {4U, 5U, 6U, 7U, 8U, 9U, 16U}) expect_found(n, 1, 0, 300);
  for (const std::size_t n : {33U, 64U}) expect_found(n, 1, 0, 100);
}

TEST(Links, OneSlowLinkIsACell) {
  for (const std::size_t n : {4U, 5U, 6U, 7U, 8U, 9U, 16U}) expect_found(n, 0, 1, 300);
  for (const std::size_t n : {33U, 64U}) expect_found(n, 0, 1, 100);
}

TEST(Links, SeveralAtOnceAreToldApart) {
  expect_found(12, 1, 1, 200);
  expect_found(24, 2, 3, 200);
  expect_found(64, 3, 5, 100);
  expect_found(256, 12, 20, 10);
}

TEST(Links, AThousandNodes) {
  expect_found(1000, 3, 5, 1);
  EXPECT_EQ(mistake(1000, 40, 30, 2), "");
}

TEST(Links, NodesThatMultiplyAreFoundToo) {
  // The other law: each slow node takes its share, two of them their product.
  const auto rate = [](std::size_t i, std::size_t j) {
    const auto share = [](std::size_t k) { return k == 3 || k == 9 ? 0.7 : 1.0; };
    return share(i) * share(j);
  };
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const LinkDiagnosis found = diagnose_links(simulated(16, seed, 0.03, rate));
    EXPECT_EQ(nodes_of(found), (Names{"n003", "n009"}));
    EXPECT_TRUE(found.links.empty());
  }
}

TEST(Links, FactorsAreThoseThatWerePlanted) {
  Planted truth;
  truth.nodes = {17};
  truth.links = {{3, 20}};
  const LinkDiagnosis found = diagnose_links(simulated(64, 5, 0, truth.slowest_limits()));
  ASSERT_EQ(found.nodes.size(), 1U);
  EXPECT_NEAR(found.nodes[0].factor, 0.7, 1e-3);
  ASSERT_EQ(found.links.size(), 1U);
  EXPECT_NEAR(found.links[0].factor, 0.7, 1e-3);
  EXPECT_NEAR(found.median / 12e9, 1, 1e-3);
  EXPECT_EQ(found.pairs, 2016U);
  EXPECT_EQ(sentence(found.nodes[0]), "node n017 is slow on all its links: 0.70 of the others (63 pairs)");
  EXPECT_EQ(sentence(found.links[0]),
            "link n003 - n020: 0.70 of what its nodes reach elsewhere; cable, port or adapter between them");
}

TEST(Links, NodesThatDifferALittleAreNotBlamed) {
  // A machine whose nodes scatter by 2 % of their own is no machine with bad nodes.
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Noise own(seed);
    std::vector<double> node;
    for (int i = 0; i < 48; ++i) node.push_back(1 + 0.02 * own.normal());
    const LinkDiagnosis found = diagnose_links(
        simulated(48, seed, 0.03, [&](std::size_t i, std::size_t j) { return node[i] * node[j]; }));
    EXPECT_TRUE(found.nodes.empty()) << seed;
    EXPECT_TRUE(found.links.empty()) << seed;
  }
}

TEST(Links, TheNoiseIsThatOfTheMachine) {
  // At 15 % noise a link at 0.7 is nothing special; a node still is.
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Planted truth = planted(64, 1, 1, seed);
    const LinkDiagnosis found = diagnose_links(simulated(64, seed, 0.15, truth.slowest_limits()));
    EXPECT_EQ(nodes_of(found), truth.node_names());
    EXPECT_TRUE(found.links.empty());
    EXPECT_NEAR(found.noise, 0.15, 0.03);
  }
}

// ---- What one matrix cannot tell
// ---------------------------------------------------------------------------

TEST(Links, TwoAndThreeEndpointsTellNoNodeFromALink) {
  for (const std::size_t n : {2U, 3U}) {
    Planted truth;
    truth.nodes = {0};
    const LinkDiagnosis found = diagnose_links(simulated(n, 1, 0, truth.slowest_limits()));
    EXPECT_TRUE(found.nodes.empty());
    EXPECT_TRUE(found.links.empty());
    EXPECT_THAT(found.note, HasSubstr(std::to_string(n) + " endpoints are too few"));
    EXPECT_EQ(found.pairs, pair_count(n));
  }
  Planted truth;
  truth.nodes = {0};
  EXPECT_THAT(diagnose_links(simulated(3, 1, 0, truth.slowest_limits())).note,
              HasSubstr("the slowest pair reaches 0.70 of the fastest"));
}

TEST(Links, RanksOfOneNodeDoNotUseTheFabric) {
  // Four nodes of two ranks; memory is ten times faster, and the second node's adapter is slow.
  LinkMatrix matrix = simulated(8, 3, 0.03, [](std::size_t i, std::size_t j) {
    if (i / 2 == j / 2) return 10.0;
    return i / 2 == 1 || j / 2 == 1 ? 0.6 : 1.0;
  });
  for (std::size_t i = 0; i < 8; ++i) matrix.endpoints[i] = {node_name(i / 2), static_cast<int>(i)};
  const LinkDiagnosis found = diagnose_links(matrix);
  EXPECT_EQ(found.pairs, 24U);
  EXPECT_EQ(nodes_of(found), (Names{"n001 rank 2", "n001 rank 3"}));
  EXPECT_THAT(sentence(found.nodes[0]), HasSubstr("n001 rank "));
  // Two nodes of two ranks: each has two links across, too few.
  LinkMatrix two = simulated(4, 3, 0.03, [](std::size_t, std::size_t) { return 1.0; });
  for (std::size_t i = 0; i < 4; ++i) two.endpoints[i] = {node_name(i / 2), static_cast<int>(i)};
  EXPECT_THAT(diagnose_links(two).note, HasSubstr("too few"));
}

TEST(Links, PairsThatWereNotMeasuredAreNoZeros) {
  LinkMatrix matrix = simulated(16, 3, 0.03, [](std::size_t, std::size_t) { return 1.0; });
  for (std::size_t p = 0; p < matrix.codes.size(); p += 3) matrix.codes[p] = 0;
  const LinkDiagnosis found = diagnose_links(matrix);
  EXPECT_EQ(found.pairs, 80U);
  EXPECT_TRUE(found.nodes.empty());
  EXPECT_TRUE(found.links.empty());
  // A star: leaving out those with one link leaves none.
  std::fill(matrix.codes.begin() + 15, matrix.codes.end(), 0);
  EXPECT_THAT(diagnose_links(matrix).note, HasSubstr("the links known are too few"));
  std::fill(matrix.codes.begin(), matrix.codes.end(), 0);
  EXPECT_THAT(diagnose_links(matrix).note, HasSubstr("too few"));
}

// ---- Fabrics with levels
// -----------------------------------------------------------------------------------

/// Switches of the sizes given; between them `between`.
Rate two_levels(const std::vector<std::size_t>& sizes, double between) {
  return [sizes, between](std::size_t i, std::size_t j) {
    const auto group = [&](std::size_t k) {
      std::size_t g = 0;
      while (k >= sizes[g]) k -= sizes[g++];
      return g;
    };
    return group(i) == group(j) ? 1.0 : between;
  };
}

TEST(Links, AFabricOfTwoLevelsBlamesNobody) {
  const std::vector<std::vector<std::size_t>> fabrics = {
      {4, 4},   {5, 3},  {6, 2},           {8, 8},       {12, 4},         {32, 32}, {40, 24},
      {48, 16}, {62, 2}, {16, 16, 16, 16}, {40, 12, 12}, {30, 20, 10, 4}, {33, 31}};
  for (const auto& sizes : fabrics) {
    std::size_t n = 0;
    for (const std::size_t size : sizes) n += size;
    for (const double between : {0.5, 0.7, 0.25, 0.9}) {
      // One link of 63 at 1 instead of 0.9 clears nobody at 3 % noise: "slow on all but one" is what there
      // is.
      if (sizes == std::vector<std::size_t>{62, 2} && between == 0.9) continue;
      for (std::uint64_t seed = 0; seed < 15; ++seed) {
        const LinkDiagnosis found = diagnose_links(simulated(n, seed, 0.03, two_levels(sizes, between)));
        ASSERT_TRUE(found.nodes.empty()) << sentence(found.nodes[0]) << "; " << n << " nodes, first group of "
                                         << sizes[0] << ", between " << between << ", seed " << seed;
        ASSERT_TRUE(found.links.empty()) << sentence(found.links[0]) << "; " << n << " nodes, first group of "
                                         << sizes[0] << ", between " << between << ", seed " << seed;
      }
    }
  }
}

TEST(Links, TheSmallerGroupIsToldAsAPartOfTheFabric) {
  const LinkDiagnosis found = diagnose_links(simulated(64, 1, 0.03, two_levels({48, 16}, 0.5)));
  EXPECT_EQ(found.partly_slow, 16U);
  EXPECT_THAT(partly_sentence(found.partly, found.partly_slow), HasSubstr("16 nodes (n0"));
  EXPECT_THAT(partly_sentence(found.partly, found.partly_slow), HasSubstr("are slow to most others (0.5"));
  const LinkDiagnosis halves = diagnose_links(simulated(64, 1, 0.03, two_levels({32, 32}, 0.5)));
  EXPECT_EQ(halves.partly_slow, 0U);
  EXPECT_THAT(halves.note, HasSubstr("49 % of the 2016 links are faster"));
}

TEST(Links, ASlowNodeIsFoundBehindLevels) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Rate levels = two_levels({16, 16, 16, 16}, 0.5);
    const LinkDiagnosis found = diagnose_links(simulated(64, seed, 0.03, [&](std::size_t i, std::size_t j) {
      const double node = i == 20 || j == 20 ? 0.6 : 1.0;
      return std::min(levels(i, j), node);
    }));
    ASSERT_EQ(nodes_of(found), Names{"n020"}) << seed;
    EXPECT_THAT(sentence(found.nodes[0]), HasSubstr("node n020 reaches nobody at more than 0."));
  }
}

TEST(Links, ANodeThatReachesSomeAtFullSpeedIsNotBlamedByItself) {
  const LinkDiagnosis found = diagnose_links(simulated(
      64, 4, 0.03, [](std::size_t i, std::size_t j) { return (i == 9 && j > 20) || j == 9 ? 0.5 : 1.0; }));
  EXPECT_TRUE(found.nodes.empty());
  ASSERT_EQ(found.partly_slow, 1U);
  EXPECT_THAT(partly_sentence(found.partly, 1), HasSubstr("node n009 is slow on 52 of its 63 links (0.5"));
}

TEST(Links, ASlowTrunkIsOneCauseNotManyCables) {
  // Sixteen nodes to a switch, 256 in all: what goes from the first switch to the second is slow.
  const LinkDiagnosis found = diagnose_links(simulated(
      256, 4, 0.03, [](std::size_t i, std::size_t j) { return i / 16 == 0 && j / 16 == 1 ? 0.5 : 1.0; }));
  EXPECT_TRUE(found.nodes.empty());
  EXPECT_TRUE(found.links.empty());
  ASSERT_EQ(found.blocks.size(), 1U);
  EXPECT_EQ(found.blocks[0].links, 256U);
  EXPECT_EQ(found.blocks[0].nodes, 32U);
  EXPECT_NEAR(found.blocks[0].factor, 0.5, 0.02);
  EXPECT_THAT(sentence(found.blocks[0]), HasSubstr("256 links among 32 nodes (n000, "));
}

TEST(Links, TooManySlowLinksAreNoSingleFaults) {
  // A torus-like machine: the farther, the slower; nobody is at fault.
  const LinkDiagnosis found = diagnose_links(simulated(64, 4, 0.03, [](std::size_t i, std::size_t j) {
    const std::size_t apart = std::min(j - i, 64 - (j - i));
    return apart > 28 ? 0.5 : 1.0;
  }));
  EXPECT_TRUE(found.nodes.empty());
  EXPECT_TRUE(found.links.empty());
  EXPECT_THAT(found.note, HasSubstr("too many for single faults"));
}

// ---- Measured again alone
// ----------------------------------------------------------------------------------

TEST(Links, AloneTellsTheCableFromContention) {
  // All pairs at once get half of what a pair gets alone.
  Planted truth;
  truth.links = {{3, 17}};
  LinkMatrix matrix = simulated(32, 2, 0.03, truth.slowest_limits(0.5));
  for (std::uint32_t i = 4; i < 12; ++i) matrix.alone.push_back({i, i + 12, 24e9});
  matrix.alone.push_back({3, 17, 13e9});
  const LinkDiagnosis cable = diagnose_links(matrix);
  ASSERT_EQ(cable.links.size(), 1U);
  EXPECT_NEAR(*cable.links[0].alone, 13.0 / 24, 0.03);
  EXPECT_FALSE(cable.links[0].only_in_company);
  EXPECT_THAT(sentence(cable.links[0]), HasSubstr("when alone; cable, port or adapter"));

  matrix.alone.back().rate = 24e9;
  const LinkDiagnosis contention = diagnose_links(matrix);
  ASSERT_EQ(contention.links.size(), 1U);
  EXPECT_TRUE(contention.links[0].only_in_company);
  EXPECT_THAT(sentence(contention.links[0]), HasSubstr("contention on its path"));

  // Without others to compare with, being alone says nothing.
  matrix.alone.erase(matrix.alone.begin(), matrix.alone.end() - 1);
  EXPECT_FALSE(diagnose_links(matrix).links[0].alone);
}

}  // namespace
}  // namespace assay
