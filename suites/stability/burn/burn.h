// The case of stability/burn on a device of the caller's choice.
#pragma once

#include <memory>

#include "suites/device/device.h"
#include "suites/harness/benchmark.h"

namespace assay::bench::stability {

/// From complete parameters; of these `device` has no say. Collective. The device outlives the case.
std::unique_ptr<PassCase> make_burn(const Parameters& parameters, const Context& context,
                                    device::Device& device);

}  // namespace assay::bench::stability
