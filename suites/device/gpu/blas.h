// Products on the GPU: by the vendor's library, opened when the program runs (so that a program starts where
// it is missing), or by a kernel of our own.
#pragma once

#include <memory>
#include <string>

#include "suites/device/device.h"
#include "suites/device/gpu/runtime.h"

namespace assay::gpu {

/// The vendor's library of products. `missing` empty: it is there.
struct BlasLibrary {
  std::string name;     ///< "cuBLASLt"; empty: this build has no binding
  std::string version;  ///< "13.0.2"
  std::string missing;
};
const BlasLibrary& blas_library();

/// Whether the library takes B as its transpose for these operands.
bool blas_takes_b_transposed(device::Element element);
/// Plans with the library: its heuristic's list is timed and the best kept. The queue outlives the plan.
/// Throws GpuError when the library has nothing for this product.
std::unique_ptr<device::Gemm> plan_blas_gemm(const device::GemmPlan& plan, Queue& queue);

/// Whether the tiled kernel multiplies such operands (f64, f32, f16, bf16, int8).
bool tiled_gemm_knows(device::Element element);
/// Plans with the tiled kernel: B is plain. No match for a library: a path where there is none.
std::unique_ptr<device::Gemm> plan_tiled_gemm(const device::GemmPlan& plan, Queue& queue);

}  // namespace assay::gpu
