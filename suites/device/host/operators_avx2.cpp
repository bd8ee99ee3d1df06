// The loops of the operators for AVX2 with FMA.
#include "suites/device/host/operators_kernels.h"

#if defined(__x86_64__)

// From here to the end of the file: templates take the target that holds where they are instantiated. Every
// header stands above, so that nothing shared with other files is built for these vectors.
#pragma GCC target("avx2,fma")

#define ASSAY_VECTOR_BYTES 32
#define ASSAY_TILE_ROWS 4
#define ASSAY_TILE_VECTORS 2

namespace assay::device {

namespace avx2 {
// In this order: each uses the one before.
// clang-format off
#include "suites/device/host/operators_numbers.h"
#include "suites/device/host/operators_loops.h"
#include "suites/device/host/operators_attention.h"
// clang-format on
}  // namespace avx2

template <>
const Kernels<double>& avx2_kernels<double>() {
  static constexpr Kernels<double> table = avx2::table_of<double>("AVX2");
  return table;
}
template <>
const Kernels<float>& avx2_kernels<float>() {
  static constexpr Kernels<float> table = avx2::table_of<float>("AVX2");
  return table;
}
template <>
const Kernels<Bf16>& avx2_kernels<Bf16>() {
  static constexpr Kernels<Bf16> table = avx2::table_of<Bf16>("AVX2");
  return table;
}

}  // namespace assay::device

#endif
