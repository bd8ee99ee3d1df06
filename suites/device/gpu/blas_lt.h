// What cuBLASLt and hipBLASLt have in common, under one set of names; for the files blas_lt*.gpu.cpp. Without
// ASSAY_HAS_LT there is no library at build time.
#pragma once

#include "suites/device/gpu/gpu.h"

#if defined(ASSAY_GPU_CUDA)
#include <cublasLt.h>
#define ASSAY_LT(name) cublasLt##name
#define ASSAY_LT_CONSTANT(name) CUBLASLT_##name
#define ASSAY_BLAS_CONSTANT(name) CUBLAS_##name
#define ASSAY_TYPE(name) CUDA_##name
#define ASSAY_HAS_LT 1
#elif defined(__HIP_PLATFORM_AMD__) && __has_include(<hipblaslt/hipblaslt.h>)
#include <hipblaslt/hipblaslt.h>
#define ASSAY_LT(name) hipblasLt##name
#define ASSAY_LT_CONSTANT(name) HIPBLASLT_##name
#define ASSAY_BLAS_CONSTANT(name) HIPBLAS_##name
#define ASSAY_TYPE(name) HIP_##name
#define ASSAY_HAS_LT 1
#else
#define ASSAY_HAS_LT 0
#endif

#if ASSAY_HAS_LT

#include <string>

namespace assay::gpu::lt {

#if defined(ASSAY_GPU_CUDA)
using BlasStatus = cublasStatus_t;
using BlasOperation = cublasOperation_t;
using BlasType = cudaDataType_t;
using BlasCompute = cublasComputeType_t;
inline constexpr const char* library_name = "cuBLASLt";
#else
using BlasStatus = hipblasStatus_t;
using BlasOperation = hipblasOperation_t;
using BlasType = hipDataType;
using BlasCompute = hipblasComputeType_t;
inline constexpr const char* library_name = "hipBLASLt";
#endif
using Handle = ASSAY_LT(Handle_t);

/// Workspace of a product.
inline constexpr std::size_t workspace_bytes = std::size_t{64} << 20;

/// The library's functions; `failure` says why they are not all there.
struct Functions {
  void* library = nullptr;
  std::string failure;
  decltype(&ASSAY_LT(Create)) create = nullptr;
  decltype(&ASSAY_LT(MatmulDescCreate)) create_operation = nullptr;
  decltype(&ASSAY_LT(MatmulDescDestroy)) destroy_operation = nullptr;
  decltype(&ASSAY_LT(MatmulDescSetAttribute)) set_operation = nullptr;
  decltype(&ASSAY_LT(MatrixLayoutCreate)) create_layout = nullptr;
  decltype(&ASSAY_LT(MatrixLayoutDestroy)) destroy_layout = nullptr;
  decltype(&ASSAY_LT(MatmulPreferenceCreate)) create_preference = nullptr;
  decltype(&ASSAY_LT(MatmulPreferenceDestroy)) destroy_preference = nullptr;
  decltype(&ASSAY_LT(MatmulPreferenceSetAttribute)) set_preference = nullptr;
  decltype(&ASSAY_LT(MatmulAlgoGetHeuristic)) heuristic = nullptr;
  decltype(&ASSAY_LT(Matmul)) multiply = nullptr;
  decltype(&ASSAY_LT(GetVersion)) version = nullptr;
#if defined(ASSAY_GPU_CUDA)
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) configuration = nullptr;
  decltype(&cublasLtGetStatusString) words = nullptr;
#endif
};

const Functions& functions();
/// The library's state for this process.
Handle handle();
/// Throws GpuError with the library's words.
void require(BlasStatus status, const char* call);

}  // namespace assay::gpu::lt

#endif
