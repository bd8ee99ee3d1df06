// Work per joule: a figure for any benchmark whose device counts its energy. The harness adds a series to the
// record (joules of one iteration, over exactly the measured window); a benchmark adds one line to its
// specification and one to its figures:
//
//   spec.foms.push_back(per_joule_spec("FLOP", "2 m n k operations"));
//   figures.push_back(per_joule_figure("FLOP", gemm_operations(gemm)));
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reports/record/catalogue.h"
#include "reports/record/record.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// The series that the harness writes: unit "J", one sample, joules of one iteration. Scope device: of the
/// rank's own device; scope group: of the devices of all ranks, each counted once. Absent where a counter is
/// missing or the window was too short for it.
inline constexpr const char* energy_series = "energy";

/// Counters move some ten times a second: a window below this says nothing.
inline constexpr double shortest_energy_window_s = 0.5;

/// `unit` is that of the work: "FLOP", "OP", "token", "B". The figure is named per_joule; higher is better.
FomSpec per_joule_spec(const std::string& unit, const std::string& meaning);

/// `work`: of one iteration, as the numerator of the rate; with scope group of all ranks together.
FigureOfMerit per_joule_figure(const std::string& unit, double work);

/// Joules of one iteration; absent when the energy is not known or not positive, nothing was done or the
/// window is too short.
std::optional<double> joules_per_iteration(const std::optional<double>& energy_j, double window_s,
                                           std::int64_t iterations);

/// The sum over all ranks, the same on every rank; absent when one of them does not know. `device` tells
/// devices apart: ranks that share one count it once.
std::optional<double> energy_of_all(const ProcessGroup& group, const std::string& device,
                                    const std::optional<double>& energy_j);

}  // namespace assay::bench
