// A cluster that exists in numbers only, for tests: what a group of nodes takes, with faults that are
// planted.
//
// A two-level tree, node i on leaf i / nodes_per_leaf. The time of a group is the factor of its slowest part
// times (1 + noise), times `span_cost` when it spans several leaves and (size / 32)^growth: shapes differ, as
// they do.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runners/isolate/isolation.h"

namespace assay {

struct SimulatedCluster {
  std::size_t nodes = 1024, nodes_per_leaf = 32;
  double noise = 0.03, span_cost = 1.25, growth = 0.0, base_s = 0.4;
  double spurious_failures = 0;                             ///< of good launches
  std::map<std::size_t, double> slow_nodes;                 ///< factor of time
  std::map<std::size_t, double> slow_leaves, slow_uplinks;  ///< any traffic through the switch; only upward
  std::map<std::pair<std::size_t, std::size_t>, double> trunks;  ///< leaves, ascending
  std::map<std::pair<std::size_t, std::size_t>, double> links;   ///< nodes, ascending
  bool faults_fail = false;                                      ///< instead of being slow
  std::mt19937_64 random{1};

  static std::string name(std::size_t node) {
    char text[16];
    std::snprintf(text, sizeof text, "n%04zu", node);
    return text;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < nodes; ++i) all.push_back(name(i));
    return all;
  }
  std::string topology() const {
    std::string text;
    const std::size_t leaves = (nodes + nodes_per_leaf - 1) / nodes_per_leaf;
    for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
      char line[80];
      std::snprintf(line, sizeof line, "SwitchName=leaf%02zu Nodes=n[%04zu-%04zu]\n", leaf,
                    leaf * nodes_per_leaf, std::min(nodes, (leaf + 1) * nodes_per_leaf) - 1);
      text += line;
    }
    return text + "SwitchName=spine Switches=leaf[00-" + (leaves < 11 ? "0" : "") +
           std::to_string(leaves - 1) + "]\n";
  }

  double worst(const std::vector<std::size_t>& group) const {
    double factor = 1;
    std::set<std::size_t> members(group.begin(), group.end()), leaves;
    for (const std::size_t node : group) leaves.insert(node / nodes_per_leaf);
    const auto feel = [&](const auto& faults, const auto& touched) {
      for (const auto& [where, slow] : faults) {
        if (touched(where)) factor = std::max(factor, slow);
      }
    };
    feel(slow_nodes, [&](std::size_t node) { return members.contains(node); });
    feel(slow_leaves, [&](std::size_t leaf) { return group.size() > 1 && leaves.contains(leaf); });
    feel(slow_uplinks, [&](std::size_t leaf) { return leaves.size() > 1 && leaves.contains(leaf); });
    feel(trunks,
         [&](const auto& ends) { return leaves.contains(ends.first) && leaves.contains(ends.second); });
    feel(links,
         [&](const auto& ends) { return members.contains(ends.first) && members.contains(ends.second); });
    return factor;
  }

  IsolationOutcome launch(const std::vector<std::size_t>& group) {
    const double factor = worst(group);
    IsolationOutcome outcome;
    const double chance = std::uniform_real_distribution<double>(0, 1)(random);
    outcome.completed = !((faults_fail && factor > 1) || chance < spurious_failures);
    const bool spans = group.front() / nodes_per_leaf != group.back() / nodes_per_leaf;
    outcome.value = base_s * (faults_fail ? 1 : factor) * (spans ? span_cost : 1) *
                    std::pow(static_cast<double>(group.size()) / 32, growth) *
                    std::max(0.1, 1 + noise * std::normal_distribution<double>()(random));
    return outcome;
  }

  /// Searches to the end.
  IsolationResult search(bool with_topology, IsolationSettings settings = {}) {
    if (faults_fail) settings.trouble = Trouble::failed;
    std::optional<Topology> tree;
    if (with_topology) tree = parse_topology(topology(), "topology.conf");
    Isolation isolation(names(), tree, settings);
    while (const auto round = isolation.next()) {
      std::vector<IsolationOutcome> outcomes;
      for (const IsolationGroup& group : *round) outcomes.push_back(launch(group.nodes));
      isolation.tell(outcomes);
    }
    return isolation.result();
  }
};

/// "node n0001; trunk leaf01 leaf02", sorted; what was not confirmed is left out. "" when nothing was found.
inline std::string accused(const IsolationResult& result) {
  std::vector<std::string> all;
  for (const IsolationFinding& finding : result.findings) {
    std::string text;
    switch (finding.kind) {
      case IsolationFinding::Kind::node:
        text = "node";
        break;
      case IsolationFinding::Kind::leaf_switch:
        text = "switch";
        break;
      case IsolationFinding::Kind::trunk:
        text = "trunk";
        break;
      case IsolationFinding::Kind::group:
        text = "group";
        break;
      case IsolationFinding::Kind::links:
        text = "links";
        break;
      case IsolationFinding::Kind::not_confirmed:
        continue;
    }
    if (finding.names.size() > 8) {
      text += " " + finding.names.front() + "..." + finding.names.back();
    } else {
      for (const std::string& name : finding.names) text += " " + name;
    }
    all.push_back(text);
  }
  std::sort(all.begin(), all.end());
  std::string line;
  for (const std::string& one : all) line += (line.empty() ? "" : "; ") + one;
  return line;
}

}  // namespace assay
