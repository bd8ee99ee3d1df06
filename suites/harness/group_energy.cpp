#include "suites/harness/group_energy.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <utility>

#include "reports/base/names.h"

namespace assay::bench {

namespace {

/// Nodes are alike as a rule: one stands for those that say the same.
void mention(std::vector<std::string>& list, const std::string& text, const std::string& node) {
  const auto same = [&](const std::string& known) { return known.find(text) != std::string::npos; };
  if (list.size() < 4 && std::none_of(list.begin(), list.end(), same))
    list.push_back(node.empty() ? text : node + ": " + text);
}

std::string count_of_devices(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " GPU" : " GPUs");
}

/// One field a line; no field has a line's end.
std::string to_text(const EnergyShare& share) {
  const auto number = [](const std::optional<double>& joules) {
    char text[40] = "-";
    if (joules) std::snprintf(text, sizeof text, "%.17g", *joules);
    return std::string(text);
  };
  return join({share.node, share.reads_node ? "1" : "0", number(share.node_j),
               share.node_has_devices ? "1" : "0", share.source, share.device, number(share.device_j)},
              "\n");
}

EnergyShare from_text(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> fields(7);
  for (std::string& field : fields) std::getline(lines, field);
  const auto number = [](const std::string& field) {
    return field == "-" ? std::nullopt : std::optional(std::strtod(field.c_str(), nullptr));
  };
  return {fields[0], fields[1] == "1", number(fields[2]), fields[3] == "1",
          fields[4], fields[5],        number(fields[6])};
}

}  // namespace

GroupJoules add_up(const std::vector<EnergyShare>& ranks) {
  std::vector<std::string> sources, reasons, devices_without;
  std::set<std::string> whole_nodes, counted;
  bool nodes_known = true;
  for (const EnergyShare& rank : ranks) {
    if (!rank.reads_node) continue;
    nodes_known = nodes_known && rank.node_j;
    if (rank.node_j) mention(sources, rank.source, "");
    if (!rank.node_j) mention(reasons, rank.source, rank.node);
    if (rank.node_j && rank.node_has_devices) whole_nodes.insert(rank.node);
  }
  double devices_j = 0, nodes_j = 0;
  for (const EnergyShare& rank : ranks) {
    if (rank.device.empty() || !counted.insert(rank.node + "\n" + rank.device).second) continue;
    // Left out of all nodes, the nodes' counters leave out the devices that they count too.
    if (nodes_known && whole_nodes.contains(rank.node)) continue;
    if (rank.device_j) devices_j += *rank.device_j;
    if (!rank.device_j) mention(devices_without, rank.device, rank.node);
  }
  for (const EnergyShare& rank : ranks) nodes_j += rank.node_j.value_or(0);

  if (counted.empty()) {
    if (nodes_known) return {nodes_j, join(sources, "; ")};
    return {std::nullopt, "no readable energy counter: " + join(reasons, "; ")};
  }
  if (!devices_without.empty())
    return {std::nullopt, "no readable energy counter of GPUs: " + join(devices_without, "; ")};
  const std::string devices = count_of_devices(counted.size());
  if (!nodes_known)
    return {devices_j, devices + ", each by its own counter; processors and all else are not included: " +
                           join(reasons, "; ")};
  const bool all_whole = std::all_of(ranks.begin(), ranks.end(), [&](const EnergyShare& rank) {
    return rank.device.empty() || whole_nodes.contains(rank.node);
  });
  return {devices_j + nodes_j,
          (all_whole ? devices + " within " : devices + ", each by its own counter; beside them ") +
              join(sources, "; ")};
}

GroupEnergy::GroupEnergy(const ProcessGroup& group, const std::filesystem::path& root, device::Device* device)
    : group_(group), device_(device) {
  if (device_ != nullptr && !device_->works_by_itself()) device_ = nullptr;
  for (int rank = 0; rank < group.rank(); ++rank) {
    if (group.node_of(rank) == group.node_of(group.rank())) return;
  }
  meter_.emplace(root);
}

std::optional<double> GroupEnergy::device_counter() {
  if (device_ == nullptr) return std::nullopt;
  const auto reading = device_->read_conditions();
  return reading ? reading->energy_j : std::nullopt;
}

void GroupEnergy::start(double now_s) {
  if (meter_) meter_->start();
  device_begin_j_ = device_counter();
  device_end_j_.reset();
  begin_s_ = now_s;
}

void GroupEnergy::read(double now_s) {
  if (meter_) meter_->read();
  device_end_j_ = device_counter();
  elapsed_s_ = now_s - begin_s_;
}

void GroupEnergy::gather() {
  EnergyShare own;
  own.node = group_.node_of(group_.rank());
  own.reads_node = meter_.has_value();
  if (meter_) {
    own.node_j = meter_->joules();
    own.node_has_devices = meter_->whole_node();
    own.source = meter_->source();
    if (!own.node_j)
      own.source = own.source.empty() ? meter_->why_none() : "a reading of " + own.source + " failed";
  }
  if (device_ != nullptr) {
    own.device = device_->id().empty() ? device_->name() : device_->id();
    if (device_begin_j_ && device_end_j_ && *device_end_j_ >= *device_begin_j_)
      own.device_j = *device_end_j_ - *device_begin_j_;
  }
  std::vector<EnergyShare> all;
  for (const std::string& text : group_.all_gather(to_text(own))) all.push_back(from_text(text));
  GroupJoules sum = add_up(all);
  joules_ = sum.joules;
  words_ = std::move(sum.words);
}

}  // namespace assay::bench
