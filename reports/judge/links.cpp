#include "reports/judge/links.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <numeric>
#include <set>

#include "reports/judge/statistics.h"

namespace assay {

namespace {

constexpr std::size_t fewest_links = 3;  // of an endpoint: with two, node and link look the same
constexpr std::size_t fewest_endpoints = 4;
constexpr int most_sweeps = 30;
constexpr double normal_scale = 1.4826;  // standard deviation over MAD of a normal distribution
constexpr double median_cost = 1.2533;   // standard error of a median over that of a mean
constexpr double prior_noise = 0.03;     // what few links are believed to scatter by
constexpr double prior_values = 40;
constexpr double node_deviations = 4.5;
constexpr double node_factor = 0.95;
constexpr double link_factor = 0.90;
constexpr double best_share = 0.05;  // of an endpoint's links: its best

constexpr std::size_t few_endpoints = 8;  // endpoints, before their best links are compared
constexpr double single_share = 0.02;     // of all links: more slow ones are no single faults
constexpr double level_factor = 1.25;
constexpr double level_share = 0.05;  // of all links faster than explained: levels
constexpr std::size_t fewest_in_block = 6;
constexpr std::size_t names_in_block = 8;
constexpr std::size_t fewest_controls = 3;

// Logarithms of rates, both halves; endpoints with too few links are left out altogether.
class Table {
 public:
  explicit Table(const LinkMatrix& matrix) {
    const std::size_t all = matrix.endpoints.size();
    std::set<std::string_view> nodes;
    for (const LinkEndpoint& endpoint : matrix.endpoints) nodes.insert(endpoint.node);
    const bool several_nodes = nodes.size() > 1;
    const auto code = [&](std::size_t i, std::size_t j) -> std::uint16_t {
      if (i == j || (several_nodes && matrix.endpoints[i].node == matrix.endpoints[j].node)) return 0;
      return matrix.codes[i < j ? pair_index(all, i, j) : pair_index(all, j, i)];
    };
    for (std::size_t i = 0; i < all; ++i) {
      std::size_t links = 0;
      for (std::size_t j = 0; j < all && links < fewest_links; ++j) links += code(i, j) != 0;
      if (links >= fewest_links) kept_.push_back(i);
    }
    codes_.resize(size() * size());
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t j = i + 1; j < size(); ++j) {
        const std::uint16_t one = code(kept_[i], kept_[j]);
        codes_[i * size() + j] = codes_[j * size() + i] = one;
        pairs_ += one != 0;
      }
    }
  }

  std::size_t size() const { return kept_.size(); }
  std::size_t pairs() const { return pairs_; }
  std::size_t endpoint(std::size_t i) const { return kept_[i]; }
  bool measured(std::size_t i, std::size_t j) const { return codes_[i * size() + j] != 0; }
  /// Natural logarithm of B/s.
  double value(std::size_t i, std::size_t j) const {
    return (codes_[i * size() + j] - 1) * (std::numbers::ln2 / link_steps_per_octave);
  }
  /// Of all pairs; of an even number the upper one: at four endpoints a slow one has half of the pairs.
  double median() const {
    std::vector<std::size_t> counts(65536, 0);
    for (const std::uint16_t code : codes_) ++counts[code];
    std::size_t before = 0;
    for (std::size_t code = 1; code < counts.size(); ++code) {
      before += counts[code];
      if (before > pairs_)
        return (static_cast<double>(code) - 1) * (std::numbers::ln2 / link_steps_per_octave);
    }
    return 0;
  }

 private:
  std::vector<std::size_t> kept_;
  std::vector<std::uint16_t> codes_;
  std::size_t pairs_ = 0;
};

// The value in [low, high], the middle two of `values`, that is nearest to `now`: a median that does not move
// without need.
double steady_median(std::vector<double>& values, double now) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  const double high = *middle;
  const double low = values.size() % 2 == 1 ? high : *std::max_element(values.begin(), middle);
  return std::clamp(now, low, high);
}

// One value per endpoint, so that value(i, j) is about effect[i] + effect[j].
std::vector<double> polish(const Table& table, double overall) {
  const std::size_t n = table.size();
  // A link or two more for each endpoint, to imaginary ordinary ones: with few links an effect is believed
  // only when most of them show it.
  const double ordinary = overall / 2;
  const std::size_t imaginary = n < few_endpoints ? 2 : 1;
  std::vector<double> effects(n, ordinary), values;
  const auto improved = [&](std::size_t i) {
    values.assign(imaginary, ordinary);
    for (std::size_t j = 0; j < n; ++j) {
      if (table.measured(i, j)) values.push_back(table.value(i, j) - effects[j]);
    }
    return steady_median(values, effects[i]);
  };
  // The first sweep sees all others as ordinary; what follows takes each correction into account at once.
  std::vector<double> first(n);
  for (std::size_t i = 0; i < n; ++i) first[i] = improved(i);
  effects = first;
  for (int sweep = 1; sweep < most_sweeps; ++sweep) {
    double moved = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double now = improved(i);
      moved = std::max(moved, std::abs(now - effects[i]));
      effects[i] = now;
    }
    if (moved < 1e-4) break;
  }
  return effects;
}

// A standard deviation seen in `count` values, as if `prior_values` more had shown the expected one.
double moderated(double seen, std::size_t count, double expected) {
  const auto n = static_cast<double>(count);
  return std::sqrt((prior_values * expected * expected + n * seen * seen) / (prior_values + n));
}

// Spread of the residuals: 1.4826 times the median of their sizes, widened by what the fit took away from it.
double noise_of(const Table& table, const std::vector<double>& effects) {
  constexpr double bin = 1e-4;
  std::vector<std::size_t> counts(100000, 0);
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = i + 1; j < table.size(); ++j) {
      if (!table.measured(i, j)) continue;
      const double size = std::abs(table.value(i, j) - effects[i] - effects[j]);
      ++counts[std::min(static_cast<std::size_t>(size / bin), counts.size() - 1)];
    }
  }
  std::size_t before = 0, at = 0;
  while (before + counts[at] <= (table.pairs() - 1) / 2) before += counts[at++];
  const auto pairs = static_cast<double>(table.pairs());
  const double free = std::max(pairs - static_cast<double>(table.size()) / 2, pairs / 2);
  const double seen = normal_scale * (static_cast<double>(at) + 0.5) * bin * std::sqrt(pairs / free);
  return moderated(seen, table.pairs(), prior_noise);
}

// Mean of the best twentieth of an endpoint's links, at least of one.
std::vector<double> best_of_each(const Table& table) {
  std::vector<double> best, values;
  for (std::size_t i = 0; i < table.size(); ++i) {
    values.clear();
    for (std::size_t j = 0; j < table.size(); ++j) {
      if (table.measured(i, j)) values.push_back(table.value(i, j));
    }
    const auto count =
        std::max<std::size_t>(1, static_cast<std::size_t>(best_share * static_cast<double>(values.size())));
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(values.begin(), end - 1, values.end(), std::greater<>());
    best.push_back(std::accumulate(values.begin(), end, 0.0) / static_cast<double>(count));
  }
  return best;
}

// Spread of what a few endpoints show: their own, leaning on `expected` while they are few, and not below it.
double robust_scale(const std::vector<double>& values, double expected) {
  return std::max(expected, moderated(normal_scale * mad_of(values), values.size(), expected));
}

struct SlowCell {
  std::size_t first, second;
  double residual;
};

class Diagnosis {
 public:
  Diagnosis(const LinkMatrix& matrix, const Table& table)
      : matrix_(matrix), table_(table), names_(endpoint_names(matrix)) {}

  void run(LinkDiagnosis& result) {
    effects_ = polish(table_, table_.median());
    noise_ = noise_of(table_, effects_);
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
    const double scale = robust_scale(effects_, median_cost * noise_ / std::sqrt(links));
    const std::vector<double> best = best_of_each(table_);
    const double usual_best = median_of(best);
    // The best of few links scatters like one link; levels of the fabric are no noise.
    const double averaged = std::max(1.0, std::floor(best_share * links));
    const double best_scale = robust_scale(best, std::min(noise_, prior_noise) / std::sqrt(averaged));
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
      if (n >= few_endpoints && lack < std::log(link_factor) && lacks(i)) {
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
  const Table& table_;
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
  result.note = std::to_string(matrix.endpoints.size()) +
                " endpoints are too few to tell a slow node from a slow link: it takes at least 4, each with "
                "links to 3 on other nodes";
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
  const Table table(matrix);
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
