// Slow nodes and links in words.
#include <cstdio>

#include "reports/base/names.h"
#include "reports/judge/links.h"

namespace assay {

namespace {

constexpr std::size_t most_named = 8;

std::string factor_text(double factor) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", factor);
  return text;
}

std::string pairs_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " pair" : " pairs");
}

// "n017" is a node; "n017 rank 3" says itself what it is.
std::string with_kind(const std::string& name) {
  return name.find(" rank ") == std::string::npos ? "node " + name : name;
}

}  // namespace

std::string headline(const SlowNode& node) {
  if (node.by_its_best) return with_kind(node.name) + " reaches nobody at full speed";
  const std::string which = node.slow == node.pairs ? "all its links"
                                                    : std::to_string(node.slow) + " of its " +
                                                          std::to_string(node.pairs) + " links";
  return with_kind(node.name) + " is slow on " + which;
}

std::string headline(const SlowLink& link) {
  return "link " + link.first + " - " + link.second + " is slow";
}

std::string sentence(const SlowNode& node) {
  if (node.by_its_best) {
    return with_kind(node.name) + " reaches nobody at more than " + factor_text(node.factor) +
           " of what the others reach at their best (" + pairs_text(node.pairs) + ")";
  }
  return headline(node) + ": " + factor_text(node.factor) + " of the others (" + pairs_text(node.pairs) + ")";
}

std::string sentence(const SlowLink& link) {
  const std::string text = "link " + link.first + " - " + link.second + ": " + factor_text(link.factor) +
                           " of what its nodes reach elsewhere";
  if (link.only_in_company) {
    return text + " while others talk too, and " + factor_text(*link.alone) +
           " alone; contention on its path rather than the cable";
  }
  if (link.alone) {
    return text + ", " + factor_text(*link.alone) + " when alone; cable, port or adapter between them";
  }
  return text + "; cable, port or adapter between them";
}

std::string sentence(const SlowBlock& block) {
  std::string text = std::to_string(block.links) + " links among " + std::to_string(block.nodes) +
                     " nodes (" + join(block.names, ", ");
  if (block.nodes > block.names.size()) {
    text += " and " + std::to_string(block.nodes - block.names.size()) + " more";
  }
  return text + "): " + factor_text(block.factor) +
         " of what these nodes reach elsewhere; what their paths share, such as a switch or a trunk";
}

std::string partly_sentence(const std::vector<SlowNode>& partly, std::size_t all) {
  if (all == 1) {
    const SlowNode& node = partly.front();
    return with_kind(node.name) + " is slow on " + std::to_string(node.slow) + " of its " +
           std::to_string(node.pairs) + " links (" + factor_text(node.factor) +
           " of the others) and reaches the rest at full speed: routing or a part of the fabric, not the "
           "node "
           "by itself";
  }
  std::vector<std::string> names;
  for (const SlowNode& node : partly) {
    if (names.size() < most_named) names.push_back(node.name);
  }
  std::string text = std::to_string(all) + " nodes (" + join(names, ", ");
  if (all > names.size()) text += " and " + std::to_string(all - names.size()) + " more";
  return text + ") are slow to most others (" + factor_text(partly[partly.size() / 2].factor) +
         ") and reach some at full speed: the part of the fabric between them and the rest, not these nodes";
}

}  // namespace assay
