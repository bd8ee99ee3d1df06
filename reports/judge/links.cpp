#include "reports/judge/links.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "reports/judge/link_fit.h"
#include "reports/judge/statistics.h"

namespace assay {

namespace {

constexpr std::size_t fewest_endpoints = 4;
constexpr double median_cost = 1.2533;  // standard error of a median over that of a mean
constexpr double node_deviations = 4.5;
constexpr double node_factor = 0.95;
constexpr double link_factor = 0.90;
constexpr double best_share = 0.05;    // of an endpoint's links: its best
constexpr double single_share = 0.02;  // of all links: more slow ones are no single faults
constexpr double level_factor = 1.25;  // faster than the fit
constexpr double level_share = 0.05;   // of all links faster than explained: levels
constexpr std::size_t fewest_in_block = 6;
constexpr std::size_t names_in_block = 8;
constexpr std::size_t fewest_controls = 3;

struct SlowCell {
  std::size_t first, second;
  double residual;
};

class Diagnosis {
 public:
  Diagnosis(const LinkMatrix& matrix, const LinkTable& table)
      : matrix_(matrix), table_(table), names_(endpoint_names(matrix)) {}

  void run(LinkDiagnosis& result) {
    effects_ = polish_links(table_);
    noise_ = link_noise(table_, effects_);
    ordinary_ = median_of(effects_);
    result.noise = noise_;
    find_nodes(result);
    find_links(result);
  }

 private:
  const std::string& name(std::size_t i) const { return names_[table_.endpoint(i)]; }
  double residual(std::size_t i, std::size_t j) const {
    return table_.value(i, j) - effects_[i] - effects_[j];
  }

  SlowNode describe(std::size_t i, double effect) const {
    SlowNode node;
    node.name = name(i);
    node.factor = std::exp(effect);
    for (std::size_t j = 0; j < table_.size(); ++j) {
      if (!table_.measured(i, j)) continue;
      ++node.pairs;
      node.slow += table_.value(i, j) - ordinary_ - std::max(effects_[j], ordinary_) < effect / 2;
    }
    return node;
  }

  void find_nodes(LinkDiagnosis& result) {
    const std::size_t n = table_.size();
    const double links = static_cast<double>(2 * table_.pairs()) / static_cast<double>(n);
    const double scale = endpoint_spread(effects_, median_cost * noise_ / std::sqrt(links));
    const std::vector<double> best = best_links(table_, best_share);
    const double usual_best = median_of(best);
    // The best of few links scatters like one link; levels of the fabric are no noise.
    const double averaged = std::max(1.0, std::floor(best_share * links));
    const double best_scale = endpoint_spread(best, std::min(noise_, usual_link_noise) / std::sqrt(averaged));
    const auto lacks = [&](std::size_t i) { return best[i] - usual_best < -node_deviations * best_scale; };
    std::vector<std::size_t> suspects;
    std::vector<SlowNode> slow;
    for (std::size_t i = 0; i < n; ++i) {
      const double effect = effects_[i] - ordinary_;
      if (effect < std::log(node_factor) && -effect > node_deviations * scale) {
        suspects.push_back(i);
        continue;
      }
      // Where levels of the fabric hide it, a slow node is one that is nowhere as fast as others somewhere.
      const double lack = best[i] - usual_best;
      if (n >= few_link_endpoints && lack < std::log(link_factor) && lacks(i)) {
        slow.push_back(describe(i, lack));
        slow.back().by_its_best = true;
      }
    }
    // A slow node drags each of its links down. One that reaches some node at full speed can do it: the slow
    // part lies between them and the rest.
    for (const std::size_t i : suspects) {
      const double effect = effects_[i] - ordinary_;
      bool cleared = best[i] - usual_best > effect / 2;
      for (const std::size_t j : suspects) {
        if (cleared) break;
        if (!table_.measured(i, j)) continue;
        const double rate = table_.value(i, j) - 2 * ordinary_;
        cleared = rate > effect / 2 && rate > effect + link_deviations() * noise_;
      }
      if (cleared) result.partly.push_back(describe(i, effect));
      // Neither: too weak to tell one from the other.
      if (!cleared && lacks(i)) slow.push_back(describe(i, effect));
    }
    const auto keep = [](std::vector<SlowNode>& nodes) {
      std::stable_sort(nodes.begin(), nodes.end(),
                       [](const SlowNode& a, const SlowNode& b) { return a.factor < b.factor; });
      if (nodes.size() > LinkDiagnosis::most_listed) nodes.resize(LinkDiagnosis::most_listed);
    };
    result.slow_nodes = slow.size();
    result.partly_slow = result.partly.size();
    keep(slow);
    keep(result.partly);
    result.nodes = std::move(slow);
  }

  /// How far from the fit chance takes none of so many links.
  double link_deviations() const {
    return std::max(6.0, std::sqrt(2 * std::log(static_cast<double>(table_.pairs()))) + 2);
  }

  void find_links(LinkDiagnosis& result) {
    const double limit = std::max(link_deviations() * noise_, -std::log(link_factor));
    const double fast_limit = std::max(2 * noise_, std::log(level_factor));
    const auto tolerated = 10 + static_cast<std::size_t>(single_share * static_cast<double>(table_.pairs()));
    std::vector<SlowCell> slow;
    std::size_t fast = 0, all_slow = 0;
    for (std::size_t i = 0; i < table_.size(); ++i) {
      for (std::size_t j = i + 1; j < table_.size(); ++j) {
        if (!table_.measured(i, j)) continue;
        const double rest = residual(i, j);
        fast += rest > fast_limit;
        if (rest >= -limit) continue;
        ++all_slow;
        if (slow.size() <= tolerated) slow.push_back({i, j, rest});
      }
    }
    const auto percent = [&](std::size_t count) {
      return std::to_string(static_cast<int>(
                 std::lround(100.0 * static_cast<double>(count) / static_cast<double>(table_.pairs())))) +
             " %";
    };
    if (all_slow > tolerated) {
      result.note = percent(all_slow) + " of the " + std::to_string(table_.pairs()) +
                    " links are slower than their nodes are elsewhere: too many for single faults; these "
                    "paths are longer, shared by more pairs or loaded by others";
      return;
    }
    if (static_cast<double>(fast) > level_share * static_cast<double>(table_.pairs())) {
      result.note = percent(fast) + " of the " + std::to_string(table_.pairs()) +
                    " links are faster than the others: the fabric has levels or groups, and links are "
                    "compared with the slower kind";
    }
    take_blocks(slow, result);
    std::sort(slow.begin(), slow.end(),
              [](const SlowCell& a, const SlowCell& b) { return a.residual < b.residual; });
    result.slow_links = slow.size();
    if (slow.size() > LinkDiagnosis::most_listed) slow.resize(LinkDiagnosis::most_listed);
    for (const SlowCell& cell : slow) {
      SlowLink link{name(cell.first), name(cell.second), std::exp(cell.residual), std::nullopt, false};
      add_alone(cell, limit, link);
      result.links.push_back(std::move(link));
    }
  }

  // Moves links that are dense among their nodes (more links than nodes, connected) to blocks.
  void take_blocks(std::vector<SlowCell>& slow, LinkDiagnosis& result) const {
    std::map<std::size_t, std::size_t> leader;
    const auto lead = [&](std::size_t i) {
      leader.try_emplace(i, i);
      while (leader[i] != i) i = leader[i] = leader[leader[i]];
      return i;
    };
    for (const SlowCell& cell : slow) leader[lead(cell.first)] = lead(cell.second);
    std::map<std::size_t, std::vector<SlowCell>> parts;
    std::map<std::size_t, std::set<std::size_t>> members;
    for (const SlowCell& cell : slow) {
      const std::size_t part = lead(cell.first);
      parts[part].push_back(cell);
      members[part].insert({cell.first, cell.second});
    }
    std::vector<SlowCell> single;
    for (const auto& [part, cells] : parts) {
      const auto& nodes = members[part];
      if (cells.size() < fewest_in_block || cells.size() <= nodes.size()) {
        single.insert(single.end(), cells.begin(), cells.end());
        continue;
      }
      SlowBlock block;
      block.nodes = nodes.size();
      block.links = cells.size();
      std::vector<double> rest;
      for (const SlowCell& cell : cells) rest.push_back(cell.residual);
      block.factor = std::exp(median_in_place(rest));
      for (const std::size_t i : nodes) {
        if (block.names.size() < names_in_block) block.names.push_back(name(i));
      }
      result.blocks.push_back(std::move(block));
    }
    slow = std::move(single);
  }

  // How much better a pair does alone than among others, compared with what other pairs gain by it.
  void add_alone(const SlowCell& cell, double limit, SlowLink& link) const {
    std::vector<double> gains;
    std::optional<double> own;
    std::map<std::size_t, std::size_t> place;
    for (std::size_t i = 0; i < table_.size(); ++i) place[table_.endpoint(i)] = i;
    for (const LinkAlone& one : matrix_.alone) {
      const auto first = place.find(one.first), second = place.find(one.second);
      if (first == place.end() || second == place.end()) continue;
      const std::size_t i = first->second, j = second->second;
      if (!table_.measured(i, j)) continue;
      const double gain = std::log(one.rate) - effects_[i] - effects_[j];
      if (i == cell.first && j == cell.second) {
        own = gain;
      } else if (residual(i, j) > -limit / 2) {
        gains.push_back(gain);
      }
    }
    if (!own || gains.size() < fewest_controls) return;
    const double rest = *own - median_in_place(gains);
    link.alone = std::exp(rest);
    link.only_in_company = rest > std::max(cell.residual / 2, std::log(link_factor));
  }

  const LinkMatrix& matrix_;
  const LinkTable& table_;
  std::vector<std::string> names_;
  std::vector<double> effects_;
  double noise_ = 0;
  double ordinary_ = 0;  ///< effect of an ordinary endpoint: half of the overall level
};

// Two or three endpoints: every cell is fitted exactly, so nothing can stand out.
void say_too_few(const LinkMatrix& matrix, LinkDiagnosis& result) {
  std::vector<double> rates;
  for (const std::uint16_t code : matrix.codes) {
    if (code != 0) rates.push_back(rate_of_code(code));
  }
  result.pairs = rates.size();
  const std::size_t all = matrix.endpoints.size();
  result.note = (all < fewest_endpoints ? std::to_string(all) + " endpoints are too few"
                                        : "the links known are too few") +
                std::string(
                    " to tell a slow node from a slow link: it takes at least 4 endpoints, each with "
                    "links to 3 on other nodes");
  if (rates.empty()) return;
  const auto [least, most] = std::minmax_element(rates.begin(), rates.end());
  result.median = median_of(rates);
  if (rates.size() < 2) return;
  char ratio[64];
  std::snprintf(ratio, sizeof ratio, "; the slowest pair reaches %.2f of the fastest", *least / *most);
  result.note += ratio;
}

}  // namespace

LinkDiagnosis diagnose_links(const LinkMatrix& matrix) {
  LinkDiagnosis result;
  result.endpoints = matrix.endpoints.size();
  const LinkTable table(matrix);
  if (table.size() < fewest_endpoints) {
    say_too_few(matrix, result);
    return result;
  }
  result.pairs = table.pairs();
  result.median = std::exp(table.median());
  Diagnosis(matrix, table).run(result);
  return result;
}

}  // namespace assay
