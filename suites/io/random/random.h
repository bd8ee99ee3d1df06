// Random reads of small blocks, many at once.
#pragma once

#include <memory>

#include "suites/harness/benchmark.h"

namespace assay::bench {

/// The case on this rank; parameters as in describe.cpp. Collective.
std::unique_ptr<Case> make_random(const Parameters& parameters, const Context& context);

}  // namespace assay::bench
