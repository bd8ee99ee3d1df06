#include "reports/judge/observations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_map>

namespace assay {

namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();
constexpr double plausible_factor = 1.02;  // of a theoretical peak: clocks and timers are off by less

}  // namespace

// ---- Launches and peaks
// -------------------------------------------------------------------------------------

std::vector<const LaunchResults*> ordered_launches(const CaseResults& results, bool earlier) {
  std::vector<const LaunchResults*> launches;
  for (const LaunchResults& launch : results.launches) {
    if (earlier || launch.campaign == 0) launches.push_back(&launch);
  }
  std::stable_sort(launches.begin(), launches.end(),
                   [](const auto* a, const auto* b) { return a->campaign < b->campaign; });
  return launches;
}

std::optional<std::size_t> find_figure(const CaseResults& results, const std::string& name) {
  for (std::size_t i = 0; i < results.foms.size(); ++i) {
    if (results.foms[i].name == name) return i;
  }
  return std::nullopt;
}

namespace {

// Under which names the table may have a figure's peak, the first one that it has counts. Arithmetic goes by
// data type and a device's own memory by name; other rates have their peak in the record.
std::vector<std::string> names_of_peak(const CaseResults& results, std::size_t figure) {
  const std::string& unit = results.foms[figure].unit;
  const Parameters& parameters = results.identity.parameters;
  const auto dtype = parameters.find("dtype");
  if (dtype != parameters.end() && (unit == "FLOP/s" || unit == "OP/s")) {
    // What matrix units reach is the limit where they are faster; fp8_e4m3 and fp8_e5m2 are both fp8.
    const std::string type = to_string(dtype->second);
    return {type + "_matrix", type, type.substr(0, type.find('_'))};
  }
  if (results.identity.benchmark == "memory/stream" && unit == "B/s") {
    // Arrays that a cache may hold are no matter of the memory; zero: as large as the benchmark finds right.
    constexpr std::int64_t beyond_caches = std::int64_t{1} << 30;
    const auto bytes = parameters.find("bytes");
    const auto* given = bytes == parameters.end() ? nullptr : std::get_if<std::int64_t>(&bytes->second);
    if (given == nullptr || *given == 0 || *given >= beyond_caches) return {"memory"};
  }
  return {};
}

}  // namespace

std::optional<Peak> peak_of(const JudgeInput& input, const CaseResults& results, std::size_t figure,
                            std::size_t device) {
  const auto known = input.peaks.find(results.devices[device].name);
  if (known != input.peaks.end()) {
    for (const std::string& name : names_of_peak(results, figure)) {
      const auto peak = known->second.find(name);
      if (peak != known->second.end()) return peak->second;
    }
  }
  if (figure < results.peaks.size() && device < results.peaks[figure].size())
    return results.peaks[figure][device];
  return std::nullopt;
}

namespace {

// Peaks of all devices; neighbours mostly share their name, and with it the table's entry.
std::vector<std::optional<Peak>> peaks_of(const JudgeInput& input, const CaseResults& results,
                                          std::size_t figure) {
  std::vector<std::optional<Peak>> peaks(results.devices.size());
  const bool own_peaks = input.peaks.empty();
  for (std::size_t d = 0; d < peaks.size(); ++d) {
    const bool same = d > 0 && !own_peaks && results.devices[d].name == results.devices[d - 1].name &&
                      peaks[d - 1] && peaks[d - 1]->basis == PeakBasis::theoretical &&
                      input.peaks.count(results.devices[d].name) > 0;
    peaks[d] = same ? peaks[d - 1] : peak_of(input, results, figure, d);
  }
  return peaks;
}

std::string incident_text(const CaseResults& results, int start, const DeviceIdentity& device) {
  for (const Incident& incident : results.incidents) {
    if (incident.start == start && incident.node == device.node && incident.rank == device.rank) {
      return ": " + incident.text;
    }
  }
  return {};
}

// Where a value comes from, for a message: "compute/gemm.rate on n003 rank 2 in start 4".
std::string place_text(const CaseResults& results, std::size_t figure, std::size_t device, int start) {
  return results.identity.benchmark + "." + results.foms[figure].name + " on " +
         device_text(results.devices[device]) + " in start " + std::to_string(start);
}

// One value with everything that may speak against it.
struct Reader {
  const CaseResults& results;
  std::size_t figure;
  bool check_required;
  std::vector<std::optional<Peak>> peaks;
  std::optional<double> plausible_at_most;
  const FingerprintComparison* disagreement;  ///< null: none

  ValueState state(const LaunchResults& launch, std::size_t device) const {
    return device < launch.states.size() ? launch.states[device] : ValueState::absent;
  }

  Cell read(const LaunchResults& launch, std::size_t device, double& value, Problems& problems) const {
    value = no_value;
    const ValueState found = state(launch, device);
    const auto place = [&] { return place_text(results, figure, device, launch.start); };
    const auto incident = [&] { return incident_text(results, launch.start, results.devices[device]); };
    switch (found) {
      case ValueState::absent:
        return Cell::absent;
      case ValueState::wrong:
        problems.add_lazily("ASY-1001", [&] { return "the check of " + place() + " failed" + incident(); });
        return Cell::wrong;
      case ValueState::planted:
        problems.add_lazily(
            "ASY-1004", [&] { return place() + " comes from a launch with a planted fault" + incident(); });
        return Cell::planted;
      case ValueState::detour:
        problems.add_lazily("ASY-1005",
                            [&] { return place() + " took another path than the case names" + incident(); });
        return Cell::detour;
      case ValueState::incomplete:
        problems.add_lazily("ASY-1015",
                            [&] { return "the evidence of " + place() + " is incomplete" + incident(); });
        return Cell::incomplete;
      case ValueState::unchecked:
        if (check_required && has_number(launch, device)) {
          problems.add_lazily("ASY-1006", [&] { return place() + " has no check"; });
          return Cell::unchecked;
        }
        break;
      case ValueState::valid:
        break;
    }
    if (disagreement != nullptr &&
        disagreement->disbelieved.contains({results.devices[device].node, launch.campaign, launch.start})) {
      problems.add_once("ASY-1016", disagreement->sentences);
      return Cell::deviant;
    }
    if (figure >= launch.values.size() || device >= launch.values[figure].size()) return Cell::absent;
    if (launch.status != LaunchStatus::completed && !has_number(launch, device)) return Cell::absent;
    const double given = launch.values[figure][device];
    // A share may be zero (no time lost, nothing overlapped); no rate and no time is.
    const bool zero_allowed = results.foms[figure].unit == "1";
    if (!std::isfinite(given) || given < 0 || (given == 0 && !zero_allowed)) return Cell::not_a_number;
    if (!plausible(given, device, place, problems)) return Cell::implausible;
    value = given;
    return Cell::value;
  }

 private:
  bool has_number(const LaunchResults& launch, std::size_t device) const {
    return figure < launch.values.size() && device < launch.values[figure].size() &&
           std::isfinite(launch.values[figure][device]);
  }

  template <typename Place>
  bool plausible(double given, std::size_t device, const Place& place, Problems& problems) const {
    const FigureOfMerit& fom = results.foms[figure];
    const std::optional<Peak>& peak = peaks[device];
    if (plausible_at_most) {
      if (given <= *plausible_at_most) return true;
      problems.add("ASY-1002", place() + " is " + format_distinct(given, *plausible_at_most, fom.unit) +
                                   ", above the plausible " +
                                   format_distinct(*plausible_at_most, given, fom.unit));
      return false;
    }
    if (!peak || fom.better != Better::higher || given <= plausible_factor * peak->value) return true;
    const bool theoretical = peak->basis == PeakBasis::theoretical;
    problems.add(theoretical ? "ASY-1002" : "ASY-1003",
                 place() + " is " + format_value(given, fom.unit) + ", " + format_share(given / peak->value) +
                     " of the " + (theoretical ? "theoretical" : "measured") + " peak " +
                     format_value(peak->value, fom.unit) + " (" + peak->source + ")");
    return !theoretical;
  }
};

// The reference's value for each device of one launch.
class RatioReader {
 public:
  RatioReader(const Context& context, const Target& target, const Reference& reference,
              const std::vector<DeviceIdentity>& devices)
      : results_(*reference.results),
        reader_{results_,
                reference.figure,
                target.check_required,
                peaks_of(context.input, results_, reference.figure),
                {},
                context.disagreement(results_)} {
    std::unordered_map<std::string, std::size_t> by_place;
    for (std::size_t d = 0; d < results_.devices.size(); ++d) by_place[key(results_.devices[d])] = d;
    for (const DeviceIdentity& device : devices) {
      const auto found = by_place.find(key(device));
      partner_.push_back(found == by_place.end() ? none : found->second);
    }
    for (const LaunchResults& launch : results_.launches)
      by_start_[{launch.campaign, launch.start}] = &launch;
    // What ranks do together is compared with what all of them do side by side.
    const auto is_group = [](const DeviceIdentity& device) { return device.kind == "group"; };
    all_together_ = std::any_of(devices.begin(), devices.end(), is_group) &&
                    std::none_of(results_.devices.begin(), results_.devices.end(), is_group);
  }

  void begin(const LaunchResults& launch) {
    const auto found = by_start_.find({launch.campaign, launch.start});
    launch_ = found == by_start_.end() ? nullptr : found->second;
    serves_all_ = none;
    if (launch_ == nullptr) return;
    std::size_t present = 0, last = none;
    for (std::size_t d = 0; d < results_.devices.size(); ++d) {
      if (reader_.state(*launch_, d) == ValueState::absent) continue;
      ++present;
      last = d;
    }
    if (present == 1) serves_all_ = last;
  }

  bool serves_all() const { return serves_all_ != none || all_together_; }

  double read(std::size_t device, Problems& problems) const {
    if (all_together_) return launch_ == nullptr ? no_value : read_all(problems);
    const std::size_t partner = serves_all() ? serves_all_ : partner_[device];
    double value = no_value;
    if (launch_ == nullptr || partner == none) return value;
    reader_.read(*launch_, partner, value, problems);
    return value;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// Rates add up; of times the worst counts. One device without a value leaves none: a sum of fewer devices
  /// would make the share look better.
  double read_all(Problems& problems) const {
    const bool rates = results_.foms[reader_.figure].better == Better::higher;
    const Geometry& geometry = results_.identity.geometry;
    const std::size_t expected =
        geometry.placement == Placement::fixed
            ? static_cast<std::size_t>(geometry.nodes) * static_cast<std::size_t>(geometry.ranks_per_node)
            : results_.devices.size();
    std::size_t present = 0;
    double all = no_value;
    for (std::size_t d = 0; d < results_.devices.size(); ++d) {
      if (reader_.state(*launch_, d) == ValueState::absent) continue;
      double one = no_value;
      reader_.read(*launch_, d, one, problems);
      if (std::isnan(one)) return no_value;
      ++present;
      all = std::isnan(all) ? one : rates ? all + one : std::max(all, one);
    }
    return present == expected ? all : no_value;
  }

  static std::string key(const DeviceIdentity& device) {
    return device.node + " " + std::to_string(device.rank);
  }

  const CaseResults& results_;
  Reader reader_;
  std::vector<std::size_t> partner_;
  std::map<std::pair<int, int>, const LaunchResults*> by_start_;
  const LaunchResults* launch_ = nullptr;
  std::size_t serves_all_ = none;
  bool all_together_ = false;
};

// All group devices of a case that runs in one process group are one device, whichever node spoke for it.
void merge_group(Observations& observed) {
  Grid& grid = observed.grid;
  Grid merged;
  merged.launches = grid.launches;
  merged.devices = 1;
  merged.values.assign(grid.launches, no_value);
  merged.cells.assign(grid.launches, Cell::absent);
  merged.conceded.assign(1, 0);
  std::vector<double> denominators(observed.denominators.empty() ? 0 : grid.launches, no_value);
  for (std::size_t l = 0; l < grid.launches; ++l) {
    for (std::size_t d = 0; d < grid.devices; ++d) {
      const Cell cell = grid.cells[grid.at(l, d)];
      if (cell == Cell::absent || cell == Cell::away) continue;
      // A group that ended badly on one of its nodes has no figure, whatever another node wrote.
      if (observed.launches[l]->status != LaunchStatus::completed) continue;
      merged.cells[l] = cell;
      merged.values[l] = grid.values[grid.at(l, d)];
      if (!denominators.empty()) denominators[l] = observed.denominators[grid.at(l, d)];
      if (cell != Cell::value) break;
    }
  }
  grid = std::move(merged);
  observed.denominators = std::move(denominators);
}

// A pair is a launch of both cases in one start. A launch whose reference was not even begun there (its own
// targets were decided before) is no attempt at a pair; one that was begun and failed is. With no pair at all
// every launch stays, as one without a reference.
void keep_paired(const CaseResults& reference, std::vector<const LaunchResults*>& launches) {
  std::set<std::pair<int, int>> begun;
  for (const LaunchResults& launch : reference.launches) begun.insert({launch.campaign, launch.start});
  std::vector<const LaunchResults*> paired;
  for (const LaunchResults* launch : launches) {
    if (begun.count({launch->campaign, launch->start}) > 0) paired.push_back(launch);
  }
  if (!paired.empty()) launches = std::move(paired);
}

void concede_devices(const JudgeInput& input, Observations& observed) {
  Grid& grid = observed.grid;
  const auto& conceded = input.data.conceded_nodes();
  if (conceded.empty()) return;
  for (std::size_t d = 0; d < grid.devices; ++d) {
    if (conceded.count(observed.device(d).node) == 0) continue;
    bool counted = false;  // once a launch gave a value, leaving is a row of misses
    for (std::size_t l = 0; l < grid.launches && !counted; ++l) {
      const Cell cell = grid.cells[grid.at(l, d)];
      counted = cell != Cell::absent && cell != Cell::away;
    }
    grid.conceded[d] = !counted;
  }
}

}  // namespace

Observations observe(const Context& context, const Target& target, const Limit* limit,
                     const CaseResults& results, std::size_t figure,
                     const std::optional<Reference>& reference) {
  const JudgeInput& input = context.input;
  Observations observed;
  observed.results = &results;
  Expected expected = expected_devices(context, results);
  observed.never_seen = std::move(expected.never_seen);
  observed.launches = ordered_launches(results, input.targets.continue_campaigns);
  if (reference) keep_paired(*reference->results, observed.launches);
  observed.unit = results.foms[figure].unit;
  observed.group = expected.one_group;

  const std::size_t seen = results.devices.size();
  Grid& grid = observed.grid;
  grid.launches = observed.launches.size();
  grid.devices = seen + observed.never_seen.size();
  grid.values.assign(grid.launches * grid.devices, no_value);
  grid.cells.assign(grid.launches * grid.devices, Cell::absent);
  grid.conceded.assign(grid.devices, 0);

  Reader reader{results,
                figure,
                target.check_required,
                peaks_of(input, results, figure),
                target.plausible_at_most,
                context.disagreement(results)};
  for (std::size_t l = 0; l < grid.launches; ++l) {
    const LaunchResults& launch = *observed.launches[l];
    std::size_t present = 0;
    for (std::size_t d = 0; d < seen; ++d) {
      const std::size_t at = grid.at(l, d);
      grid.cells[at] = reader.read(launch, d, grid.values[at], observed.problems);
      if (grid.cells[at] != Cell::absent) ++present;
    }
    if (expected.any_nodes && present >= expected.per_launch) {
      for (std::size_t d = 0; d < grid.devices; ++d) {
        Cell& cell = grid.cells[grid.at(l, d)];
        if (cell == Cell::absent) cell = Cell::away;
      }
    }
  }

  const bool of_peak = limit != nullptr && limit->kind == LimitKind::of_peak;
  const bool of_figure = limit != nullptr && limit->kind == LimitKind::of_figure;
  if (of_peak || of_figure) observed.denominators.assign(grid.values.size(), no_value);
  if (of_peak) {
    for (std::size_t d = 0; d < seen; ++d) {
      const auto& peak = reader.peaks[d];
      if (!peak) {
        observed.problems.add("ASY-1009", "no peak of " + results.identity.benchmark + "." +
                                              results.foms[figure].name + " is known for " +
                                              results.devices[d].name + " (" +
                                              device_text(results.devices[d]) + ")");
        continue;
      }
      if (peak->basis == PeakBasis::measured) observed.measured_peak = true;
      for (std::size_t l = 0; l < grid.launches; ++l) observed.denominators[grid.at(l, d)] = peak->value;
    }
    const bool same =
        seen > 0 && std::all_of(reader.peaks.begin(), reader.peaks.end(), [&](const auto& peak) {
          return peak && reader.peaks[0] && peak->value == reader.peaks[0]->value;
        });
    if (same) observed.one_peak = reader.peaks[0];
  }
  if (of_figure && reference) {
    RatioReader ratio(context, target, *reference, results.devices);
    for (std::size_t l = 0; l < grid.launches; ++l) {
      ratio.begin(*observed.launches[l]);
      if (ratio.serves_all()) observed.common_denominator = true;
      for (std::size_t d = 0; d < seen; ++d) {
        const std::size_t at = grid.at(l, d);
        if (grid.cells[at] == Cell::value) observed.denominators[at] = ratio.read(d, observed.problems);
      }
    }
  }
  if (observed.group) merge_group(observed);
  concede_devices(input, observed);

  const bool sum = target.across == Across::sum;
  if (of_peak || of_figure) {
    const bool as_ratio = !(of_peak && observed.one_peak && !sum);
    for (std::size_t i = 0; i < grid.values.size(); ++i) {
      if (grid.cells[i] != Cell::value) continue;
      if (std::isnan(observed.denominators[i])) {
        grid.cells[i] = of_peak ? Cell::no_peak : Cell::no_reference;
        grid.values[i] = no_value;
      } else if (as_ratio && !sum) {
        grid.values[i] /= observed.denominators[i];
      }
    }
    if (as_ratio) {
      observed.unit = "1";
      observed.as_share = true;
    } else {
      observed.limit_scale = observed.one_peak->value;
    }
    if (!sum) observed.denominators.clear();
  }
  return observed;
}

const DeviceIdentity& Observations::device(std::size_t index) const {
  return index < results->devices.size() ? results->devices[index]
                                         : never_seen[index - results->devices.size()];
}

bool Observations::any_value() const {
  return std::any_of(grid.cells.begin(), grid.cells.end(), [](Cell cell) { return cell == Cell::value; });
}

std::string Observations::trouble(std::size_t launch, std::size_t device) const {
  const LaunchResults& at = *launches[launch];
  const auto with_reason = [&](const std::string& what) {
    return at.reason.empty() ? what : what + ": " + at.reason;
  };
  switch (grid.cells[grid.at(launch, device)]) {
    case Cell::value:
      return {};
    case Cell::away:
      return "not part of this launch";
    case Cell::absent:
      switch (at.status) {
        case LaunchStatus::completed:
          return "nothing from " + device_text(this->device(device));
        case LaunchStatus::failed:
          return with_reason("failed");
        case LaunchStatus::timeout:
          return with_reason("timeout");
        case LaunchStatus::unsupported:
          return with_reason("unsupported");
        case LaunchStatus::not_run:
          return with_reason("gave nothing");
      }
      return "gave nothing";
    case Cell::unchecked:
      return "no check on " + device_text(this->device(device));
    case Cell::wrong:
      return "check failed on " + device_text(this->device(device));
    case Cell::planted:
      return "planted fault on " + device_text(this->device(device));
    case Cell::detour:
      return "another path than the case names on " + device_text(this->device(device));
    case Cell::incomplete:
      return "evidence incomplete on " + device_text(this->device(device));
    case Cell::deviant:
      return "other bits than expected from " + device_text(this->device(device));
    case Cell::not_a_number:
      return "no usable number from " + device_text(this->device(device));
    case Cell::implausible:
      return "implausible value from " + device_text(this->device(device));
    case Cell::no_reference:
      return "no reference value for " + device_text(this->device(device)) + " in the same start";
    case Cell::no_peak:
      return "no peak known for " + device_text(this->device(device));
  }
  return {};
}

}  // namespace assay
