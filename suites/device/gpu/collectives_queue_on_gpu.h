// A queue of a GPU for the vendor's collectives. Defined only in GPU builds.
#pragma once

#include <memory>

#include "suites/device/gpu/runtime.h"
#include "suites/device/gpu/vendor_collectives.h"

namespace assay::gpu {

/// Beside `device_queue`, which outlives it.
std::unique_ptr<CollectivesQueue> collectives_queue(Queue& device_queue);

}  // namespace assay::gpu
