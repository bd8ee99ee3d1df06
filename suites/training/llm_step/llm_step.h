// training/llm_step: the case.
#pragma once

#include <memory>

#include "suites/harness/benchmark.h"

namespace assay::bench {

std::unique_ptr<Case> make_llm_step(const Parameters& parameters, const Context& context);

}  // namespace assay::bench
