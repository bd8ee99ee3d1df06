// The loops of the operators for AVX-512.
#include "suites/device/host/operators_kernels.h"

#if defined(__x86_64__)

// From here to the end of the file: templates take the target that holds where they are instantiated. Every
// header stands above, so that nothing shared with other files is built for these vectors.
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")

#define ASSAY_VECTOR_BYTES 64
#define ASSAY_TILE_ROWS 8
#define ASSAY_TILE_VECTORS 2

namespace assay::device {

namespace avx512 {
// In this order: each uses the one before.
// clang-format off
#include "suites/device/host/operators_numbers.h"
#include "suites/device/host/operators_loops.h"
#include "suites/device/host/operators_attention.h"
// clang-format on
}  // namespace avx512

template <>
const Kernels<double>& avx512_kernels<double>() {
  static constexpr Kernels<double> table = avx512::table_of<double>("AVX-512");
  return table;
}
template <>
const Kernels<float>& avx512_kernels<float>() {
  static constexpr Kernels<float> table = avx512::table_of<float>("AVX-512");
  return table;
}
template <>
const Kernels<Bf16>& avx512_kernels<Bf16>() {
  static constexpr Kernels<Bf16> table = avx512::table_of<Bf16>("AVX-512");
  return table;
}

}  // namespace assay::device

#endif
