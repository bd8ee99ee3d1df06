#include "suites/harness/conditions.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace assay::bench {

namespace fs = std::filesystem;

ConditionsProbe::ConditionsProbe(fs::path root, int cpu)
    : root_(std::move(root)),
      cpu_(cpu),
      load_(read_load()),
      begin_time_(read_cpu_time()),
      begin_throttle_count_(read_throttle_count()) {}

std::optional<ConditionsProbe::CpuTime> ConditionsProbe::read_cpu_time() const {
  // proc(5): cpu user nice system idle iowait irq softirq steal guest guest_nice; guest time is in user
  // already.
  std::ifstream file(root_ / "proc/stat");
  std::string label;
  if (!(file >> label) || label != "cpu") return std::nullopt;
  CpuTime time;
  for (int column = 0; column < 8; ++column) {
    std::uint64_t ticks = 0;
    if (!(file >> ticks)) return std::nullopt;  // a kernel without the steal column: absent, not zero
    time.total += ticks;
    if (column == 7) time.steal = ticks;
  }
  return time;
}

std::optional<double> ConditionsProbe::read_load() const {
  std::ifstream file(root_ / "proc/loadavg");
  double load = 0;
  if (!(file >> load) || load < 0) return std::nullopt;
  return load;
}

std::optional<double> ConditionsProbe::read_clock_hz(int cpu) const {
  const std::string name = "cpu" + std::to_string(cpu);
  std::ifstream cpufreq(root_ / "sys/devices/system/cpu" / name / "cpufreq/scaling_cur_freq");
  double kilohertz = 0;
  if (cpufreq >> kilohertz && kilohertz > 0) return kilohertz * 1e3;
  std::ifstream cpuinfo(root_ / "proc/cpuinfo");
  std::string line;
  int processor = -1;
  while (std::getline(cpuinfo, line)) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream value(line.substr(colon + 1));
    if (line.rfind("processor", 0) == 0) {
      if (!(value >> processor)) processor = -1;
    } else if (processor == cpu && line.rfind("cpu MHz", 0) == 0) {
      double megahertz = 0;
      if (value >> megahertz && megahertz > 0) return megahertz * 1e6;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ConditionsProbe::read_throttle_count() const {
  const int cpu = cpu_ >= 0 ? cpu_ : 0;
  std::ifstream file(root_ / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) /
                     "thermal_throttle/package_throttle_count");
  std::uint64_t count = 0;
  if (!(file >> count)) return std::nullopt;
  return count;
}

void ConditionsProbe::sample() {
  const auto clock_hz = read_clock_hz(cpu_ >= 0 ? cpu_ : std::max(0, sched_getcpu()));
  if (clock_hz) clock_hz_.push_back(*clock_hz);
}

Conditions ConditionsProbe::finish() const {
  Conditions conditions;
  conditions.clock_hz = clock_hz_;
  conditions.load = load_;
  const auto end_time = read_cpu_time();
  if (begin_time_ && end_time && end_time->total > begin_time_->total &&
      end_time->steal >= begin_time_->steal) {
    conditions.steal_fraction = static_cast<double>(end_time->steal - begin_time_->steal) /
                                static_cast<double>(end_time->total - begin_time_->total);
  }
  const auto end_count = read_throttle_count();
  if (begin_throttle_count_ && end_count) conditions.throttled = *end_count > *begin_throttle_count_;
  return conditions;
}

namespace {

/// Moment by moment over the ranks that have that many samples.
template <typename Combine>
std::vector<double> over_ranks(const std::vector<Conditions>& ranks, std::vector<double> Conditions::*series,
                               Combine combine_two) {
  std::vector<double> result;
  for (const Conditions& rank : ranks) {
    const std::vector<double>& values = rank.*series;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i < result.size()) {
        result[i] = combine_two(result[i], values[i]);
      } else {
        result.push_back(values[i]);
      }
    }
  }
  return result;
}

template <typename Value>
void keep_highest(std::optional<Value>& highest, const std::optional<Value>& value) {
  if (value && (!highest || *highest < *value)) highest = value;
}

}  // namespace

Conditions combine(const std::vector<Conditions>& ranks) {
  const auto lowest = [](double a, double b) { return std::min(a, b); };
  const auto highest = [](double a, double b) { return std::max(a, b); };
  const auto sum = [](double a, double b) { return a + b; };
  Conditions result;
  result.clock_hz = over_ranks(ranks, &Conditions::clock_hz, lowest);
  result.temperature_c = over_ranks(ranks, &Conditions::temperature_c, highest);
  result.power_w = over_ranks(ranks, &Conditions::power_w, sum);
  for (const Conditions& rank : ranks) {
    keep_highest(result.throttled, rank.throttled);
    keep_highest(result.steal_fraction, rank.steal_fraction);
    keep_highest(result.load, rank.load);
  }
  return result;
}

}  // namespace assay::bench
