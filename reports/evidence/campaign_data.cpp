#include "reports/evidence/campaign_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace assay {
namespace {

constexpr std::size_t most_incidents = 64;

/// How bad a status is, for the launch of many nodes: the worst node speaks for it.
int badness(LaunchStatus status) {
  switch (status) {
    case LaunchStatus::completed:
      return 0;
    case LaunchStatus::not_run:
      return 1;
    case LaunchStatus::unsupported:
      return 2;
    case LaunchStatus::timeout:
      return 3;
    case LaunchStatus::failed:
      return 4;
  }
  return 4;
}

ValueState state_of(const Record& record, const DeviceResult& device) {
  if (!record.planted.empty()) return ValueState::planted;
  if (record.path.contains("invalid")) return ValueState::detour;
  switch (device.check.status) {
    case CheckStatus::pass:
      // A pass whose own numbers contradict it is not believed.
      if (device.check.error && device.check.bound && !(*device.check.error <= *device.check.bound))
        return ValueState::wrong;
      return ValueState::valid;
    case CheckStatus::fail:
      return ValueState::wrong;
    case CheckStatus::absent:
      return ValueState::unchecked;
  }
  return ValueState::wrong;
}

/// The keys of a path that decide how results are rounded: only where they are equal can bits be compared.
constexpr const char* rounding_keys[] = {
    "accumulation", "instruction_set", "kernel",          "layout",  "library",
    "loop_threads", "loops",           "model",           "mpi",     "optimizer",
    "output",       "precision",       "product_threads", "threads", "transport"};

/// "name value" lines.
std::string kernels_of(const Record& record) {
  std::string text;
  for (const char* key : rounding_keys) {
    const auto found = record.path.find(key);
    if (found == record.path.end()) continue;
    std::string value = found->second;
    std::replace(value.begin(), value.end(), '\n', ' ');
    text += std::string(key) + " " + value + "\n";
  }
  const std::string* last = nullptr;  // devices of one node are mostly alike
  for (const DeviceResult& device : record.devices) {
    if (last == nullptr || *last != device.name) text += "device " + device.name + "\n";
    last = &device.name;
  }
  const auto& metrics = record.devices.front().metrics;
  if (const auto threads = metrics.find("threads"); threads != metrics.end())
    text += "rank_threads " + to_string(ParameterValue(threads->second)) + "\n";
  return text;
}

}  // namespace

CaseResults& CampaignData::case_of(const CaseIdentity& identity) {
  const auto [entry, is_new] = by_key_.emplace(identity.key(), cases_.size());
  if (is_new) {
    cases_.push_back({identity, {}, {}, {}, {}, {}, {}});
    device_index_.emplace_back();
  }
  return cases_[entry->second];
}

LaunchResults& CampaignData::launch_of(CaseResults& results, int start, int campaign) {
  // Records arrive in launch order: the launch is nearly always the last one.
  for (auto launch = results.launches.rbegin(); launch != results.launches.rend(); ++launch) {
    if (launch->start == start && launch->campaign == campaign) return *launch;
  }
  LaunchResults opened;
  opened.campaign = campaign;
  opened.start = start;
  opened.status = LaunchStatus::failed;
  opened.reason = "the launch was started and left no record";
  results.launches.push_back(std::move(opened));
  return results.launches.back();
}

void CampaignData::launch_started(const CaseIdentity& identity, int start, int campaign) {
  launch_of(case_of(identity), start, campaign);
}

void CampaignData::add(const Record& record, int campaign, const Attached& attached) {
  const CaseIdentity identity{record.benchmark, record.parameters, record.geometry};
  CaseResults& results = case_of(identity);
  auto& index_of = device_index_[static_cast<std::size_t>(&results - cases_.data())];
  LaunchResults& launch = launch_of(results, record.start, campaign);
  const bool first_record = launch.started.empty();
  if (first_record || badness(record.status) > badness(launch.status)) {
    launch.status = record.status;
    launch.reason = record.reason;
  }
  if (first_record) launch.started = record.started;
  for (const auto& [name, value] : record.path) results.path.emplace(name, value);
  if (attached.links) launch.links = attached.links;

  for (const FigureOfMerit& fom : record.foms) {
    const auto known = std::find_if(results.foms.begin(), results.foms.end(),
                                    [&](const auto& one) { return one.name == fom.name; });
    if (known == results.foms.end()) {
      results.foms.push_back(fom);
      results.peaks.emplace_back();
    }
  }
  launch.values.resize(results.foms.size());

  for (const DeviceResult& device : record.devices) {
    const auto [entry, is_new] =
        index_of.emplace(record.node + '\n' + std::to_string(device.rank), results.devices.size());
    if (is_new) results.devices.push_back({record.node, device.rank, device.kind, device.name, device.id});
    const std::size_t index = entry->second;
    if (launch.states.size() <= index) {
      launch.states.resize(index + 1, ValueState::absent);
      launch.iterations.resize(index + 1, 0);
    }
    ValueState state = state_of(record, device);
    const bool could_count = state == ValueState::valid || state == ValueState::unchecked;
    if (!attached.trouble.empty() && could_count) {
      state = ValueState::incomplete;
      if (results.incidents.size() < most_incidents)
        results.incidents.push_back({record.start, record.node, device.rank, attached.trouble});
    }
    if (launch.states[index] != ValueState::absent) {
      // The same device twice in one launch: neither value can be trusted.
      state = ValueState::wrong;
      if (results.incidents.size() < most_incidents)
        results.incidents.push_back({record.start, record.node, device.rank, "two records for one launch"});
    }
    launch.states[index] = state;
    launch.iterations[index] = device.iterations;
    bool any_value = false;
    for (std::size_t f = 0; f < results.foms.size(); ++f) {
      const auto given = std::find_if(record.foms.begin(), record.foms.end(),
                                      [&](const auto& one) { return one.name == results.foms[f].name; });
      auto& values = launch.values[f];
      if (values.size() <= index) values.resize(index + 1, std::numeric_limits<double>::quiet_NaN());
      if (given == record.foms.end() || record.status != LaunchStatus::completed) continue;
      // Another unit or direction than before is another figure: it counts as no value.
      if (given->unit != results.foms[f].unit || given->better != results.foms[f].better) continue;
      if (const auto value = value_of(*given, device)) {
        values[index] = *value;
        any_value = true;
      }
      auto& peaks = results.peaks[f];
      if (peaks.size() <= index) peaks.resize(index + 1);
      // A probe finds at most what there is: of several measured peaks the highest is the nearest to it.
      const bool higher = given->peak && peaks[index] && given->peak->basis == PeakBasis::measured &&
                          peaks[index]->basis == PeakBasis::measured &&
                          given->peak->value > peaks[index]->value;
      if (given->peak && (!peaks[index] || higher)) peaks[index] = given->peak;
    }
    if (!any_value && state == ValueState::valid) launch.states[index] = ValueState::absent;
    if (state == ValueState::wrong && results.incidents.size() < most_incidents) {
      std::array<char, 96> numbers{};
      if (device.check.error && device.check.bound) {
        std::snprintf(numbers.data(), numbers.size(), "error %.3g, bound %.3g", *device.check.error,
                      *device.check.bound);
      } else {
        std::snprintf(numbers.data(), numbers.size(), "the error is not a number");
      }
      results.incidents.push_back(
          {record.start, record.node, device.rank,
           std::string("check failed: ") + numbers.data() + " (" + device.check.how + ")"});
    }
    const Conditions& conditions = device.conditions;
    if (conditions.steal_fraction)
      launch.worst_steal_fraction = std::max(launch.worst_steal_fraction, *conditions.steal_fraction);
    launch.throttled = launch.throttled || conditions.throttled.value_or(false);
    launch.all_converged = launch.all_converged && device.converged;
  }
  const auto fingerprint = record.path.find("fingerprint");
  if (fingerprint == record.path.end() || record.devices.empty() ||
      record.status != LaunchStatus::completed || !attached.trouble.empty()) {
    return;
  }
  const bool could_count = std::all_of(record.devices.begin(), record.devices.end(), [&](const auto& device) {
    const ValueState state = state_of(record, device);
    return state == ValueState::valid || state == ValueState::unchecked;
  });
  if (!could_count) return;
  const std::size_t kernels =
      results.kernels.emplace(kernels_of(record), results.kernels.size()).first->second;
  const std::size_t device = index_of.at(record.node + '\n' + std::to_string(record.devices.front().rank));
  launch.computed.push_back({device, record.geometry.nodes, kernels, fingerprint->second});
}

void CampaignData::concede(const std::string& node, const std::string& reason) {
  conceded_.emplace(node, reason);
}

const CaseResults* CampaignData::find(const CaseIdentity& identity) const {
  const auto found = by_key_.find(identity.key());
  return found == by_key_.end() ? nullptr : &cases_[found->second];
}

}  // namespace assay
