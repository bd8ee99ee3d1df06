// fabric/starts: how long a start takes, from the launch to the first barrier. Formulas, pure.
#pragma once

#include <optional>
#include <string>

namespace assay::bench {

/// The moment of the launch as the environment tells it: seconds since the epoch, a decimal number
/// ("1790000000.25"). Absent when `text` is null, empty or anything else.
std::optional<double> parse_launched(const char* text);

/// Why a time from launch to barrier cannot be one; empty when it can. Negative, longer than a day, or
/// shorter than what the slowest process alone took until MPI was ready (`init_s`; 0: not known): the clocks
/// of the machines differ.
std::string implausible_start(double launched_s, double barrier_s, double init_s);

}  // namespace assay::bench
