// Sequential write, then read, of the same run.
#pragma once

#include <memory>

#include "suites/harness/benchmark.h"

namespace assay::bench {

/// The case on this rank; parameters as in describe.cpp. Collective.
std::unique_ptr<Case> make_stream(const Parameters& parameters, const Context& context);

}  // namespace assay::bench
