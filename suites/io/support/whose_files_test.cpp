#include "suites/io/support/whose_files.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::bench {
namespace {

using Nodes = std::vector<std::string>;

std::vector<int> readers(const Nodes& nodes, bool shared) {
  std::vector<int> all;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank)
    all.push_back(whose_files(nodes, static_cast<int>(rank), shared));
  EXPECT_EQ(std::set<int>(all.begin(), all.end()).size(), nodes.size()) << "each rank's files once";
  return all;
}

TEST(WhoseFiles, OneNodeReadsTheNextRanks) {
  EXPECT_EQ(readers({"a"}, true), (std::vector<int>{0}));
  EXPECT_EQ(readers({"a", "a", "a"}, true), (std::vector<int>{1, 2, 0}));
  EXPECT_FALSE(all_from_another_node({"a", "a", "a"}, true));
  EXPECT_FALSE(all_from_another_node({"a"}, true));
}

TEST(WhoseFiles, BlocksOfRanksAreSkipped) {
  EXPECT_EQ(readers({"a", "a", "b", "b"}, true), (std::vector<int>{2, 3, 0, 1}));
  EXPECT_TRUE(all_from_another_node({"a", "a", "b", "b"}, true));
}

TEST(WhoseFiles, RanksDealtOutOneByOneFindAnotherNodeToo) {
  // The number of ranks per node, 2, would lead back to the same node.
  EXPECT_EQ(readers({"a", "b", "a", "b"}, true), (std::vector<int>{1, 2, 3, 0}));
  EXPECT_TRUE(all_from_another_node({"a", "b", "a", "b"}, true));
}

TEST(WhoseFiles, UnevenNodesLeaveAsFewAtHomeAsPossible) {
  // Two of three ranks are on a: one of them must read what a wrote.
  readers({"a", "a", "b"}, true);
  EXPECT_FALSE(all_from_another_node({"a", "a", "b"}, true));
}

TEST(WhoseFiles, LocalDisksAreReadByTheirOwnNode) {
  EXPECT_EQ(readers({"a", "b", "a", "b"}, false), (std::vector<int>{2, 3, 0, 1}));
  EXPECT_FALSE(all_from_another_node({"a", "b"}, false));
}

}  // namespace
}  // namespace assay::bench
