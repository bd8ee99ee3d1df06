// Faults that are planted on purpose. Those that concern a benchmark's numbers are the benchmark's
// (Case::plant, or its own iterate for silent_rank); those that any program can have are planted here, on the
// last rank.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "suites/harness/benchmark.h"

namespace assay::bench {

/// "wrong_element", "slow_rank", ...; "" for none.
std::string to_string(Fault fault);

/// Throws Error(bad_input) with the nearest right name; "" is none.
Fault parse_fault(const std::string& name);

std::vector<std::string> fault_names();

/// The case with slow_rank, hang or crash planted into its iterations; other faults leave it as it is.
std::unique_ptr<Case> with_fault(std::unique_ptr<Case> inner, const Context& context);

}  // namespace assay::bench
