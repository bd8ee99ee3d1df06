// The domains that a search screens, and the most launches that it may take: pure functions of the nodes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "runners/isolate/isolation.h"

namespace assay {

/// Nodes that are screened together.
struct Domain {
  std::string name;
  std::vector<std::size_t> nodes;
  bool is_switch = false;  ///< exactly the nodes given that hang on the leaf switch `name`
};

/// Below this many nodes all pairs are launched instead.
inline constexpr std::size_t fewest_for_domains = 9;

/// One per leaf switch (those with a single node of ours joined to the one before); without topology, or with
/// fewer than two of them, runs of about sqrt(N) nodes in order. One domain per node below
/// fewest_for_domains.
std::vector<Domain> make_domains(const std::vector<std::string>& nodes,
                                 const std::optional<Topology>& topology);

/// Nodes of a group while halving: the median size of the domains.
std::size_t usual_size(const std::vector<Domain>& domains);

/// Parts of a search's budget, in launches.
struct Budget {
  std::size_t screen = 0;  ///< each domain, or each pair
  std::size_t doubt = 0;   ///< again, where one launch did not decide
  std::size_t inside = 0;  ///< halving and confirming two bad nodes, or one switch
  std::size_t across = 0;  ///< probing the boundaries and confirming one trunk
  /// What is found inside makes probing across needless.
  std::size_t total() const { return screen + doubt + (inside > across ? inside : across); }
};
Budget make_budget(const std::vector<Domain>& domains, const IsolationSettings& settings);

/// Launches per domain while screening: few domains must make up for each other as a reference.
std::size_t screen_repeats(const std::vector<Domain>& domains, Trouble trouble);

}  // namespace assay
