// Which node hangs on which switch: read from the text of Slurm's topology.conf, the form of topology/tree
//
//   SwitchName=leaf1 Nodes=n[001-032]
//   SwitchName=spine1 Switches=leaf[1-8] LinkSpeed=400
//
// Rules, as https://slurm.schedmd.com/topology.conf.html has them: keys in any case; '#' begins a comment;
// a backslash at the end of a line continues it; names are lists with ranges, "a,n[001-032,040]", where the
// width of the first number is kept. LinkSpeed is accepted and not used. A switch may hang on several
// switches above it (a fat tree written out whole); a node may hang on one switch only, else it is not known
// which of them a group through it tests.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct TopologySwitch {
  std::string name;
  std::vector<std::string> nodes;     ///< directly below it
  std::vector<std::string> switches;  ///< directly below it
  int line = 0;
};

struct Topology {
  std::vector<TopologySwitch> switches;  ///< as in the file

  /// Those with nodes directly below them.
  std::vector<const TopologySwitch*> leaves() const;
  /// Longest way from a leaf to a switch without one above: 1 is leaves alone, 2 is leaf and spine; 0: empty.
  int levels() const;
};

/// Throws Error(bad_input) with FILE:LINE for an unknown or repeated key, a switch named twice, a node on two
/// switches, a switch below that is not defined, a circle, a switch with nothing below, and an empty file.
Topology parse_topology(std::string_view text, std::string_view file);

}  // namespace assay
