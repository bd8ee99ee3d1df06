#include "runners/isolate/topology.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reports/base/error.h"

namespace assay {
namespace {

std::string complaint(const std::string& text) {
  try {
    parse_topology(text, "topology.conf");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Topology, ReadsATreeOfThreeLevels) {
  const Topology tree = parse_topology(
      "# made by hand\n"
      "SwitchName=leaf1 Nodes=n[001-032]   # first rack\n"
      "switchname=leaf2 nodes=n[033-064] LinkSpeed=400\n"
      "\n"
      "SwitchName=leaf3 \\\n"
      "   Nodes=n[065-070],login1\n"
      "SwitchName=pod1 Switches=leaf[1-2]\n"
      "SwitchName=pod2 Switches=leaf3\n"
      "SwitchName=core Switches=pod[1-2]\n",
      "topology.conf");
  EXPECT_EQ(tree.switches.size(), 6U);
  EXPECT_EQ(tree.levels(), 3);
  const auto leaves = tree.leaves();
  ASSERT_EQ(leaves.size(), 3U);
  EXPECT_EQ(leaves[1]->name, "leaf2");
  EXPECT_EQ(leaves[1]->nodes.back(), "n064");
  EXPECT_EQ(leaves[2]->nodes.size(), 7U);
  EXPECT_EQ(leaves[2]->line, 5);
}

TEST(Topology, FatTreesWrittenOutWholeAreRead) {
  const Topology tree = parse_topology(
      "SwitchName=core1 Switches=edge[1-2]\nSwitchName=core2 Switches=edge[1-2]\n"
      "SwitchName=edge1 Nodes=a[1-2]\nSwitchName=edge2 Nodes=b[1-2]\n",
      "t");
  EXPECT_EQ(tree.levels(), 2);
  EXPECT_EQ(tree.leaves().size(), 2U);
}

TEST(Topology, EachMistakeIsNamedWithItsLine) {
  EXPECT_NE(complaint("").find("no switch"), std::string::npos);
  EXPECT_NE(complaint("SwitchName=a Nodes=n1\nSwitchName=a Nodes=n2").find("topology.conf:2"),
            std::string::npos);
  EXPECT_NE(
      complaint("SwitchName=a Nodes=n[1-3]\n\nSwitchName=b Nodes=n3").find("topology.conf:3: node 'n3'"),
      std::string::npos);
  EXPECT_NE(complaint("SwitchName=a Nods=n1").find("did you mean 'Nodes'"), std::string::npos);
  EXPECT_NE(complaint("SwitchName=leaf1 Nodes=n1\nSwitchName=b Switches=leav1").find("'leaf1'"),
            std::string::npos);
  EXPECT_NE(complaint("SwitchName=a Switches=b\nSwitchName=b Switches=a").find("below itself"),
            std::string::npos);
  EXPECT_NE(complaint("SwitchName=a").find("nothing below"), std::string::npos);
  EXPECT_NE(complaint("Nodes=n1").find("names no switch"), std::string::npos);
  EXPECT_NE(complaint("SwitchName=a Nodes=").find("no value"), std::string::npos);
  EXPECT_NE(complaint("SwitchName=a Nodes=n1 Nodes=n2").find("twice"), std::string::npos);
  EXPECT_NE(complaint("# x\nSwitchName=a Nodes=n[1-").find("topology.conf:2"), std::string::npos);
  EXPECT_EQ(complaint("SwitchName=a Nodes=n1"), "accepted");
}

}  // namespace
}  // namespace assay
