// compute/gemm: C = A B, row-major. Parameters, work and memory: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "reports/record/record.h"
#include "suites/device/element.h"

namespace assay::bench {

struct GemmCase {
  device::Element element = device::Element::f32;
  std::int64_t m = 1, n = 1, k = 1;
};

/// From complete parameters (dtype, m, n, k, device).
GemmCase gemm_case(const Parameters& parameters);

/// Operations of one product: m n k multiply-adds, two each.
double gemm_operations(const GemmCase& gemm);

/// Bytes of A, B and C of one slot of the ring.
double gemm_slot_bytes(const GemmCase& gemm);

/// Slots to rotate over: together they exceed twice `cache_bytes`, the part of the last-level cache that this
/// rank may use (0: unknown, 32 MiB are assumed); from 1 to 256.
int gemm_ring(const GemmCase& gemm, std::uint64_t cache_bytes);

/// The largest |operand| of an int8 product whose int32 sum cannot overflow, at most `limit`:
/// k r^2 <= 2^31 - 1. With limit 127 that is 127 up to k = 133144.
int int8_range(std::int64_t k, int limit);

}  // namespace assay::bench
