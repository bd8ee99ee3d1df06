// Silent data corruption: the same work of the same input by the same kernels gives the same bits wherever it
// runs. Where the fingerprints of such records differ, the minority computes something else.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace assay {

struct CaseResults;
struct NodeFacts;

/// What one record of a case says of the bits that it computed. The texts belong to somebody else.
struct Computed {
  std::string_view node;  ///< of rank 0
  int nodes = 1;          ///< of its process group
  int campaign = 0;       ///< 0: this one; negative: earlier ones
  int start = 0;
  /// Path key "fingerprint": a word, then in brackets what it is of: "77b0... (3 steps, seed 7)". Words are
  /// compared where the rest is the same: starts with other seeds have other fingerprints.
  std::string_view fingerprint;
  std::string_view kernels = {};  ///< what decides the rounding, a "name value" a line
  std::string_view machine = {};  ///< the same of the node: its processor and caches
};

/// Node (of rank 0), campaign, start.
using Launched = std::tuple<std::string, int, int>;

struct FingerprintComparison {
  std::set<Launched> disbelieved;      ///< these records are not valid
  std::vector<std::string> sentences;  ///< who, where and against whom; those with most launches first
  std::vector<std::string> notes;      ///< what was not compared, and why
};

/// `all`: the records of one case that would count. Every node has one vote, shared out over its launches;
/// what more than half of all votes say is right and the others' records are not believed. Without such a
/// majority none is. `benchmark`: how to call what they compute. Time: O(n log n).
FingerprintComparison compare_fingerprints(const std::string& benchmark, const std::vector<Computed>& all);

/// The same for a case's results. `earlier`: launches of earlier campaigns count too. `facts`: of the nodes.
FingerprintComparison compare_fingerprints(const CaseResults& results, const std::vector<NodeFacts>& facts,
                                           bool earlier);

}  // namespace assay
