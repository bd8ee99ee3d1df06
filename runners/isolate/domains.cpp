#include "runners/isolate/domains.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "reports/base/error.h"

namespace assay {

namespace {

std::vector<Domain> by_switch(const std::vector<std::string>& nodes, const Topology& topology) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < nodes.size(); ++i) index[nodes[i]] = i;
  std::vector<Domain> domains;
  std::size_t placed = 0;
  for (const TopologySwitch* leaf : topology.leaves()) {
    Domain domain{leaf->name, {}, true};
    for (const std::string& name : leaf->nodes) {
      if (const auto found = index.find(name); found != index.end()) domain.nodes.push_back(found->second);
    }
    std::sort(domain.nodes.begin(), domain.nodes.end());
    placed += domain.nodes.size();
    for (const std::size_t node : domain.nodes) index.erase(nodes[node]);
    if (!domain.nodes.empty()) domains.push_back(std::move(domain));
  }
  if (placed != nodes.size())
    throw bad_input("node '" + nodes[index.begin()->second] +
                        "' is on no switch of the topology file (its neighbours are not known)",
                    "add it to the file, or search without a topology");
  // A single node is no group: it is screened with its neighbours.
  for (std::size_t i = 0; i < domains.size() && domains.size() > 1;) {
    if (domains[i].nodes.size() > 1) {
      ++i;
      continue;
    }
    Domain& into = domains[i > 0 ? i - 1 : 1];
    into.nodes.push_back(domains[i].nodes.front());
    std::sort(into.nodes.begin(), into.nodes.end());
    into.name += "+" + domains[i].name;
    into.is_switch = false;
    domains.erase(domains.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return domains;
}

}  // namespace

std::vector<Domain> make_domains(const std::vector<std::string>& nodes,
                                 const std::optional<Topology>& topology) {
  std::vector<Domain> domains;
  if (topology) domains = by_switch(nodes, *topology);  // also finds nodes that are on no switch
  if (nodes.size() < fewest_for_domains) {
    domains.clear();
    for (std::size_t i = 0; i < nodes.size(); ++i) domains.push_back({nodes[i], {i}, false});
    return domains;
  }
  if (domains.size() >= 2) return domains;
  domains.clear();
  const auto count = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(nodes.size()))));
  for (std::size_t d = 0; d < count; ++d) {
    Domain domain;
    for (std::size_t i = d * nodes.size() / count; i < (d + 1) * nodes.size() / count; ++i)
      domain.nodes.push_back(i);
    domain.name = nodes[domain.nodes.front()] + " to " + nodes[domain.nodes.back()];
    domains.push_back(std::move(domain));
  }
  return domains;
}

std::size_t usual_size(const std::vector<Domain>& domains) {
  std::vector<std::size_t> sizes;
  for (const Domain& domain : domains) sizes.push_back(domain.nodes.size());
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2), sizes.end());
  return sizes[sizes.size() / 2];
}

std::size_t screen_repeats(const std::vector<Domain>& domains, Trouble trouble) {
  if (trouble == Trouble::failed) return 1;
  return domains.size() < 4 ? 3 : domains.size() < 9 ? 2 : 1;
}

Budget make_budget(const std::vector<Domain>& domains, const IsolationSettings& settings) {
  const std::size_t count = domains.size(), repeats = screen_repeats(domains, settings.trouble);
  // Launches until L reaches 3 on average: its mean is delta^2 / (2 sigma^2) a launch.
  const double step = std::log1p(settings.noticeable) / settings.noise;
  const auto often = settings.trouble == Trouble::failed
                         ? std::size_t{1}
                         : static_cast<std::size_t>(std::max(1.0, std::ceil(6 / (step * step))));
  Budget budget;
  if (domains.front().nodes.size() == 1) {  // all pairs; of two nodes each alone
    const std::size_t pairs = count == 2 ? 2 : count * (count - 1) / 2;
    budget.screen = pairs * repeats * often;
    budget.doubt = (pairs + 4) * often;
    budget.inside = 20 * often;
    return budget;
  }
  std::size_t largest = 0;
  for (const Domain& domain : domains) largest = std::max(largest, domain.nodes.size());
  const auto halvings = [](std::size_t n) { return static_cast<std::size_t>(std::bit_width(n - 1)); };
  budget.screen = count * repeats * often;
  budget.doubt = (count / 4 + 4) * often;
  budget.inside = (4 + 2 * (2 * halvings(largest) + 6)) * often;
  budget.across = (14 + 6 * (halvings(count) > 2 ? halvings(count) - 2 : 0)) * often;
  return budget;
}

}  // namespace assay
