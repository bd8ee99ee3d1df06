// For tests: operators of a GPU that take pointers to the host's memory, so that the host's tests serve for
// them. Every operand of a call has an allocation of its own on the device, just as large as the call's
// shapes say, and comes back afterwards.
#pragma once

#include <memory>

#include "suites/device/gpu/runtime.h"
#include "suites/device/operators.h"

namespace assay::gpu {

/// Operators on the device of `queue`. Waits for every call. Throws std::logic_error where a call wrote
/// between the rows that it was to write.
std::unique_ptr<device::Operators> staged(std::unique_ptr<device::Operators> operators,
                                          std::unique_ptr<Queue> queue);

}  // namespace assay::gpu
