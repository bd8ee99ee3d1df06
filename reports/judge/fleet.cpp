// What a part tells about its devices: who is worst, how they are spread, who stands out, who is to blame.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "reports/judge/part.h"

namespace assay {

namespace {

constexpr std::size_t most_listed = 20;     // worst devices in a report
constexpr std::size_t most_bins = 60;       // of a distribution
constexpr std::size_t most_named = 8;       // devices in one sentence
constexpr std::size_t fewest_siblings = 3;  // below, nothing stands out

// Worst is what the limit forbids; standing out among siblings goes by the figure itself.
bool higher_is_better(const Prepared& prepared) {
  return prepared.kind == PartVerdict::Kind::at_least;
}

Distribution distribution_of(std::vector<double> medians) {
  std::sort(medians.begin(), medians.end());
  Distribution distribution;
  distribution.devices = medians.size();
  distribution.minimum = distribution.low = medians.front();
  distribution.maximum = distribution.high = medians.back();
  distribution.p01 = quantile_of_sorted(medians, 0.01);
  distribution.p25 = quantile_of_sorted(medians, 0.25);
  distribution.median = quantile_of_sorted(medians, 0.5);
  distribution.p75 = quantile_of_sorted(medians, 0.75);
  distribution.p99 = quantile_of_sorted(medians, 0.99);
  const double width = distribution.high - distribution.low;
  const auto wanted = static_cast<std::size_t>(std::ceil(2 * std::sqrt(static_cast<double>(medians.size()))));
  const std::size_t bins = width > 0 ? std::clamp<std::size_t>(wanted, 5, most_bins) : 1;
  distribution.counts.assign(bins, 0);
  for (const double value : medians) {
    const double place = width > 0 ? (value - distribution.low) / width * static_cast<double>(bins) : 0;
    ++distribution.counts[std::min(static_cast<std::size_t>(place), bins - 1)];
  }
  return distribution;
}

std::string names_text(const Prepared& prepared, const std::vector<std::size_t>& devices) {
  std::string text;
  for (std::size_t i = 0; i < devices.size() && i < most_named; ++i) {
    text += (i == 0 ? "" : ", ") + device_text(prepared.observed.device(devices[i]));
  }
  if (devices.size() > most_named) text += " and " + std::to_string(devices.size() - most_named) + " more";
  return text;
}

}  // namespace

Fleet rank_fleet(const Prepared& prepared, const Decision& decision) {
  const Grid& grid = prepared.observed.grid;
  const std::size_t launches = decision.judged_launches;
  Fleet fleet;
  fleet.medians.resize(grid.devices);
  std::vector<double> values;
  for (std::size_t d = 0; d < grid.devices; ++d) {
    values.clear();
    for (std::size_t l = 0; l < launches; ++l) {
      if (grid.cells[grid.at(l, d)] == Cell::value) values.push_back(grid.values[grid.at(l, d)]);
    }
    if (!values.empty()) fleet.medians[d] = median_in_place(values);
    if (!grid.conceded[d]) fleet.worst_first.push_back(d);
  }
  const bool higher = higher_is_better(prepared);
  const auto worse = [&](std::size_t a, std::size_t b) {
    if (prepared.fleet) {
      const double e_a = decision.tallies[a].e_pass, e_b = decision.tallies[b].e_pass;
      if (e_a != e_b) return e_a < e_b;
    }
    if (fleet.medians[a].has_value() != fleet.medians[b].has_value()) return !fleet.medians[a].has_value();
    if (fleet.medians[a] && *fleet.medians[a] != *fleet.medians[b]) {
      return (*fleet.medians[a] < *fleet.medians[b]) == higher;
    }
    return a < b;
  };
  std::sort(fleet.worst_first.begin(), fleet.worst_first.end(), worse);
  return fleet;
}

void describe_fleet(const Prepared& prepared, const Decision& decision, const Fleet& fleet, PartVerdict& part,
                    std::vector<Finding>& findings) {
  const Grid& grid = prepared.observed.grid;
  const std::string& label = part.case_label;
  if (prepared.kind == PartVerdict::Kind::spread_at_most) return;

  std::vector<double> medians;
  std::vector<std::size_t> with_median;
  for (const std::size_t d : fleet.worst_first) {
    if (!fleet.medians[d]) continue;
    medians.push_back(*fleet.medians[d]);
    with_median.push_back(d);
  }
  std::vector<std::uint8_t> slow(grid.devices, 0), blamed(grid.devices, 0);
  if (medians.size() >= fewest_siblings) {
    const Screening screening = screen(medians, prepared.better == Better::higher);
    part.screening_resolution = screening.resolution;
    part.screened_out = screening.flagged.size();
    std::vector<std::size_t> named;
    for (const std::size_t i : screening.flagged) {
      slow[with_median[i]] = 1;
      named.push_back(with_median[i]);
    }
    if (!named.empty()) {
      const double worst = *fleet.medians[named.front()];
      findings.push_back(
          {"ASY-2006", label + ": " + names_text(prepared, named) + " (" +
                           number_text(worst, screening.centre, prepared.unit, prepared.as_share) +
                           " where the median of " + std::to_string(medians.size()) + " devices is " +
                           number_text(screening.centre, worst, prepared.unit, prepared.as_share) + ")"});
    }
  }
  if (medians.size() > 1) part.distribution = distribution_of(medians);

  if (prepared.fleet) {
    std::vector<double> against;
    for (const std::size_t d : fleet.worst_first) against.push_back(decision.tallies[d].e_fail);
    std::vector<std::size_t> named;
    for (const std::size_t i : e_bh(against, prepared.rules.alpha)) {
      blamed[fleet.worst_first[i]] = 1;
      named.push_back(fleet.worst_first[i]);
    }
    if (!named.empty() && grid.devices > 1) {
      findings.push_back(
          {"ASY-2005", label + ": " + std::to_string(named.size()) + " of " + std::to_string(grid.devices) +
                           " devices miss " +
                           number_text(prepared.bounds.fail_limit, *fleet.medians[named.front()],
                                       prepared.unit, prepared.as_share) +
                           ": " + names_text(prepared, named)});
    }
  }

  const auto list = [&](std::size_t d) {
    const DeviceIdentity& identity = prepared.observed.device(d);
    DeviceVerdict device;
    device.node = identity.node;
    device.rank = identity.rank;
    device.name = identity.name;
    device.id = identity.id;
    device.median = fleet.medians[d];
    if (prepared.fleet) {
      const DeviceTally& tally = decision.tallies[d];
      device.met = tally.met;
      device.missed = tally.missed;
      device.without_value = tally.without;
      device.e_pass = tally.e_pass;
      device.e_fail = tally.e_fail;
    }
    device.blamed = blamed[d];
    device.screened_out = slow[d];
    device.conceded = grid.conceded[d];
    part.worst_devices.push_back(std::move(device));
  };
  for (std::size_t d = 0; d < grid.devices && part.worst_devices.size() < most_listed; ++d) {
    if (grid.conceded[d]) list(d);
  }
  for (const std::size_t d : fleet.worst_first) {
    if (part.worst_devices.size() >= most_listed) break;
    list(d);
  }
  if (part.devices_conceded > 0) {
    std::vector<std::size_t> conceded;
    for (std::size_t d = 0; d < grid.devices; ++d) {
      if (grid.conceded[d]) conceded.push_back(d);
    }
    findings.push_back({"ASY-2015", label + ": " + std::to_string(conceded.size()) + " of " +
                                        std::to_string(grid.devices) +
                                        " devices: " + names_text(prepared, conceded)});
  }
}

}  // namespace assay
