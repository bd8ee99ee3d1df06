// The case of memory/stream whose arrays are a GPU's. Defined only in GPU builds.
#pragma once

#include <memory>
#include <string>

#include "suites/device/device.h"
#include "suites/harness/benchmark.h"

namespace assay::bench {

/// What of the parameters is the host's alone; empty: nothing.
std::string stream_unsupported_on_gpu(const Parameters& parameters, const Context& context,
                                      device::Device& gpu);
std::unique_ptr<Case> make_stream_on_gpu(const Parameters& parameters, const Context& context,
                                         device::Device& gpu);

}  // namespace assay::bench
