// How fast threads can multiply and add in registers: the ceiling of a matrix product on this machine, as it
// is now, behind a clock that nobody can read.
#pragma once

#include <optional>

#include "suites/device/device.h"

namespace assay::device {

/// Runs independent chains of the widest multiply-add for operands of `element` on `threads` OpenMP threads
/// for some 40 ms and returns the best of 24 windows (a ceiling is a maximum). A multiply-add counts as
/// two operations; the bf16 and int8 instructions do two and four of them per 32-bit lane. Absent: int8 or
/// bf16 without a dot-product instruction, or with a matrix unit (AMX) that no probe reaches.
std::optional<Ceiling> measure_fma_ceiling(Element element, int threads);

}  // namespace assay::device
