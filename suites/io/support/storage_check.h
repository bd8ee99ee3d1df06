// From bytes compared on each rank to the check of a record.
#pragma once

#include <cstdint>
#include <string>

#include "reports/record/record.h"
#include "suites/harness/process_group.h"
#include "suites/io/support/pattern.h"

namespace assay::bench {

/// Collective. Passes when no byte was wrong on any rank and every rank compared at least `expected_bytes`
/// (and some). The error is the number of wrong bytes, the bound zero. `how` says what was compared.
Check storage_check(const ProcessGroup& group, const Comparison& compared, std::uint64_t expected_bytes,
                    const std::string& how);

}  // namespace assay::bench
