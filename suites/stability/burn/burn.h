// The case of stability/burn on a device of the caller's choice, and how it shares out memory.
#pragma once

#include <cstdint>
#include <memory>

#include "suites/compute/gemm/gemm.h"
#include "suites/device/device.h"
#include "suites/harness/benchmark.h"

namespace assay::bench::stability {

/// From complete parameters; of these `device` has no say. Collective. The device outlives the case.
std::unique_ptr<PassCase> make_burn(const Parameters& parameters, const Context& context,
                                    device::Device& device);

/// n x n x n, from complete parameters.
GemmCase burn_product(const Parameters& parameters);

/// How this rank's memory is shared out, in bytes.
struct MemoryShare {
  double available = 0;  ///< 0: not known
  double operands = 0;   ///< with the verified product, the check's vectors and the library's workspace
  std::uint64_t tested = 0;
};

MemoryShare share_memory(const Parameters& parameters, const Context& context, device::Device& device);

}  // namespace assay::bench::stability
