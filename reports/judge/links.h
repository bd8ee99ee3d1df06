// Node or cable? What a matrix of pair rates says about which nodes and which links are slow.
//
// In logarithms a pair's rate is overall + node_i + node_j + residual (Tukey's median polish, in its
// symmetric form): a slow node is a row, a slow link is one cell. Medians let neither of them disturb the
// rest.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "reports/record/link_matrix.h"

namespace assay {

/// A node (or rank) that is slow on most of its links.
struct SlowNode {
  std::string name;
  double factor = 1;         ///< of what the others reach
  std::size_t slow = 0;      ///< of its links that are
  std::size_t pairs = 0;     ///< all of them that were measured
  bool by_its_best = false;  ///< told by its best links alone: the fabric's levels hide the rest
};

/// One link that is slow although its two nodes are not.
struct SlowLink {
  std::string first, second;
  double factor = 1;             ///< of what its nodes reach elsewhere, while others talk too
  std::optional<double> alone;   ///< the same when measured again alone, against other pairs alone
  bool only_in_company = false;  ///< alone it is as fast as others: contention, not the cable
};

/// Slow links so dense among a few nodes that they share a cause between these.
struct SlowBlock {
  std::vector<std::string> names;  ///< of the first few
  std::size_t nodes = 0, links = 0;
  double factor = 1;  ///< median
};

/// What one matrix says. Lists hold at most `most_listed`, slowest first; the counts are complete.
struct LinkDiagnosis {
  static constexpr std::size_t most_listed = 64;

  std::size_t endpoints = 0;
  std::size_t pairs = 0;        ///< measured and judged
  double median = 0;            ///< B/s of all of them
  double noise = 0;             ///< robust relative spread around the fit
  std::vector<SlowNode> nodes;  ///< slow on all (or nearly all) of their links
  std::size_t slow_nodes = 0;
  std::vector<SlowLink> links;
  std::size_t slow_links = 0;  ///< single ones; those of blocks are counted there
  std::vector<SlowBlock> blocks;
  /// Slow on most of their links and at full speed on the rest: a part of the fabric, not the node.
  std::vector<SlowNode> partly;
  std::size_t partly_slow = 0;
  std::string note;  ///< what cannot be told, or how the fabric is built; empty: nothing to add
};

/// Looks for what is slower than the rest explains. Named is a node below 0.95 of the others and more
/// than 4.5 robust standard deviations of all nodes away; a link below 0.90 of what its nodes reach elsewhere
/// and more than max(6, sqrt(2 ln pairs) + 2) standard deviations, so that a million links at 3 % noise
/// give no false alarm. With few links the spread leans on 3 %, as if 40 links more had shown it. Pairs on
/// one node are left out where there are several nodes: they do not use the fabric. Below 4 endpoints with 3
/// links each nothing can be blamed, and the note says so. Time n^2 per sweep, some ten sweeps: 1,000 nodes
/// well below a second.
LinkDiagnosis diagnose_links(const LinkMatrix& matrix);

// Sentences for people (link_words.cpp).

/// "node n017 is slow on all its links", "link n003 - n017 is slow": for the end of another sentence.
std::string headline(const SlowNode& node);
std::string headline(const SlowLink& link);

/// "node n017 is slow on all its links: 0.70 of the others (63 pairs)".
std::string sentence(const SlowNode& node);
/// "link n003 - n017: 0.68 of what its nodes reach elsewhere; cable, port or adapter between them".
std::string sentence(const SlowLink& link);
std::string sentence(const SlowBlock& block);
/// About all nodes that are partly slow together; `partly` is not empty.
std::string partly_sentence(const std::vector<SlowNode>& partly, std::size_t all);

}  // namespace assay
