// The loops of the operators in the baseline vectors of the build.
#include "suites/device/host/operators_kernels.h"

#define ASSAY_VECTOR_BYTES 16
#define ASSAY_TILE_ROWS 4
#define ASSAY_TILE_VECTORS 2

namespace assay::device {

namespace plain {
// In this order: each uses the one before.
// clang-format off
#include "suites/device/host/operators_numbers.h"
#include "suites/device/host/operators_loops.h"
#include "suites/device/host/operators_attention.h"
// clang-format on
}  // namespace plain

template <>
const Kernels<double>& plain_kernels<double>() {
  static constexpr Kernels<double> table = plain::table_of<double>("baseline vectors");
  return table;
}
template <>
const Kernels<float>& plain_kernels<float>() {
  static constexpr Kernels<float> table = plain::table_of<float>("baseline vectors");
  return table;
}
template <>
const Kernels<Bf16>& plain_kernels<Bf16>() {
  static constexpr Kernels<Bf16> table = plain::table_of<Bf16>("baseline vectors");
  return table;
}

}  // namespace assay::device
