// Which devices a case should have, and what is found wrong about them.
#include <algorithm>
#include <set>

#include "reports/judge/observations.h"

namespace assay {

namespace {

bool makes_invalid(const std::string& code) {
  return code == "ASY-1001" || code == "ASY-1002" || code == "ASY-1004" || code == "ASY-1005" ||
         code == "ASY-1010" || code == "ASY-1016";
}

}  // namespace

// ---- Problems -------------------------------------------------------------------------------------------

void Problems::add_once(const std::string& code, const std::vector<std::string>& texts) {
  const auto told = found_.find(code);
  if (texts.empty() || (told != found_.end() && std::count(told->second.texts.begin(),
                                                           told->second.texts.end(), texts.front()) > 0)) {
    return;
  }
  for (const std::string& text : texts) add(code, text);
}

bool Problems::invalid() const {
  return std::any_of(found_.begin(), found_.end(),
                     [](const auto& item) { return makes_invalid(item.first); });
}

std::string Problems::invalid_text() const {
  for (const auto& [code, kind] : found_) {
    if (!makes_invalid(code)) continue;
    std::string text = kind.texts.front();
    if (kind.count > 1) text += " (and " + std::to_string(kind.count - 1) + " more)";
    return text;
  }
  return {};
}

std::vector<Finding> Problems::findings() const {
  std::vector<Finding> result;
  for (const auto& [code, kind] : found_) {
    // What makes evidence invalid is told by examples; of a warning one is enough.
    const std::size_t told = makes_invalid(code) ? kind.texts.size() : 1;
    for (std::size_t i = 0; i < told; ++i) {
      std::string text = kind.texts[i];
      if (i + 1 == told && kind.count > told) text += " (and " + std::to_string(kind.count - told) + " more)";
      result.push_back({code, text});
    }
  }
  return result;
}

// ---- Devices --------------------------------------------------------------------------------------------

std::string device_text(const DeviceIdentity& device) {
  if (device.kind == "group") return device.node;
  return device.node + " rank " + std::to_string(device.rank);
}

Context::Context(const JudgeInput& given) : input(given) {
  std::set<std::string> known;
  for (const NodeFacts& facts : input.data.nodes) known.insert(facts.node);
  for (const auto& [node, reason] : input.data.conceded_nodes()) known.insert(node);
  for (const CaseResults& results : input.data.cases()) {
    const std::string* last = nullptr;  // devices of one node usually follow each other
    for (const DeviceIdentity& device : results.devices) {
      if (last == nullptr || *last != device.node) known.insert(device.node);
      last = &device.node;
    }
  }
  nodes.assign(known.begin(), known.end());
  for (const CaseResults& results : input.data.cases()) {
    if (results.kernels.empty()) continue;  // no record of it has a fingerprint
    fingerprints.emplace(&results,
                         compare_fingerprints(results, input.data.nodes, input.targets.continue_campaigns));
  }
}

const FingerprintComparison* Context::disagreement(const CaseResults& results) const {
  const auto found = fingerprints.find(&results);
  return found == fingerprints.end() || found->second.disbelieved.empty() ? nullptr : &found->second;
}

EValues& Context::e_values(double share) {
  return e_values_.try_emplace(share, share).first->second;
}

Expected expected_devices(const Context& context, const CaseResults& results) {
  const Geometry& geometry = results.identity.geometry;
  const BenchmarkSpec* benchmark = context.input.catalogue.find(results.identity.benchmark);
  const bool group = benchmark != nullptr ? benchmark->scope == Scope::group
                                          : !results.devices.empty() && results.devices[0].kind == "group";
  const int ranks = group ? 1 : std::max(geometry.ranks_per_node, 1);
  const int nodes_stated = std::max(geometry.nodes, 1);

  std::map<std::string, int> seen_on;
  for (const DeviceIdentity& device : results.devices) ++seen_on[device.node];
  Expected expected;
  const auto never_seen = [&](const std::string& node, int rank) {
    DeviceIdentity device;
    device.node = node;
    device.rank = rank;
    if (group) device.kind = "group";
    expected.never_seen.push_back(device);
  };
  const auto lacking_of_total = [&](std::size_t total) {
    const std::string node =
        nodes_stated == 1 && seen_on.size() == 1 ? seen_on.begin()->first : "unknown node";
    std::set<int> ranks_seen;
    for (const DeviceIdentity& device : results.devices) ranks_seen.insert(device.rank);
    for (int rank = 0; results.devices.size() + expected.never_seen.size() < total; ++rank) {
      if (ranks_seen.count(rank) == 0) never_seen(node, rank);
    }
  };

  if (group && (geometry.placement == Placement::fixed || geometry.placement == Placement::all)) {
    expected.one_group = true;
    expected.per_launch = 1;
    if (results.devices.empty()) never_seen("all nodes", 0);
    return expected;
  }
  switch (geometry.placement) {
    case Placement::fixed:
      expected.per_launch = static_cast<std::size_t>(nodes_stated) * static_cast<std::size_t>(ranks);
      expected.any_nodes = true;
      lacking_of_total(expected.per_launch);
      break;
    case Placement::pairs:
      expected.per_launch = group ? 1 : 2 * static_cast<std::size_t>(ranks);
      expected.any_nodes = true;
      lacking_of_total(expected.per_launch);
      break;
    case Placement::all:
    case Placement::each: {
      for (const std::string& node : context.nodes) {
        const auto found = seen_on.find(node);
        const int seen = found == seen_on.end() ? 0 : found->second;
        for (int i = seen; i < ranks; ++i) never_seen(node, i);
      }
      if (geometry.placement == Placement::all) {
        lacking_of_total(static_cast<std::size_t>(nodes_stated) * static_cast<std::size_t>(ranks));
      }
      break;
    }
  }
  return expected;
}

}  // namespace assay
