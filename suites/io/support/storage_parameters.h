// Parameters that storage benchmarks have in common.
#pragma once

#include <cstdint>
#include <string>

#include "reports/record/catalogue.h"

namespace assay::bench {

ParameterSpec block_parameter(std::int64_t default_bytes);        ///< `block`
ParameterSpec queue_depth_parameter(std::int64_t default_depth);  ///< `queue_depth`
ParameterSpec engine_parameter();                                 ///< `engine`: io_uring or posix
ParameterSpec direct_parameter();                                 ///< `direct`

/// Empty, or why blocks of this size cannot be moved past the page cache.
std::string direct_unsupported(bool direct, std::int64_t block_bytes);

}  // namespace assay::bench
