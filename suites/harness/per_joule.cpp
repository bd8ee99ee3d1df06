#include "suites/harness/per_joule.h"

#include <cstdio>
#include <cstdlib>
#include <set>

namespace assay::bench {

FomSpec per_joule_spec(const std::string& unit, const std::string& meaning) {
  FomSpec spec;
  spec.name = "per_joule";
  spec.unit = unit + "/J";
  spec.better = Better::higher;
  spec.meaning = meaning + " over the energy of the devices in the measured window, pauses included";
  return spec;
}

FigureOfMerit per_joule_figure(const std::string& unit, double work) {
  return {"per_joule", work, unit + "/J", Better::higher, Reduce::median, std::nullopt, energy_series};
}

std::optional<double> joules_per_iteration(const std::optional<double>& energy_j, double window_s,
                                           std::int64_t iterations) {
  if (!energy_j || !(*energy_j > 0) || !(window_s >= shortest_energy_window_s) || iterations <= 0)
    return std::nullopt;
  return *energy_j / static_cast<double>(iterations);
}

std::optional<double> energy_of_all(const ProcessGroup& group, const std::string& device,
                                    const std::optional<double>& energy_j) {
  char number[40] = "";
  if (energy_j) std::snprintf(number, sizeof number, "%.17g", *energy_j);
  std::set<std::string> counted;
  double sum = 0;
  for (const std::string& told :
       group.all_gather(std::string(number) + "\n" + group.node_of(group.rank()) + "\n" + device)) {
    const std::size_t end = told.find('\n');
    if (end == 0) return std::nullopt;
    if (counted.insert(told.substr(end)).second) sum += std::strtod(told.c_str(), nullptr);
  }
  return sum;
}

}  // namespace assay::bench
