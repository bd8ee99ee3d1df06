// The interface of cuBLASLt and hipBLASLt under one set of names, for the files that bind it: the second
// copies the first call by call. ASSAY_HAS_LT is 0 where this build has neither.
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

#include <array>
#include <string>

namespace assay::gpu::lt {

#if defined(ASSAY_GPU_CUDA)
using BlasStatus = cublasStatus_t;
using BlasOperation = cublasOperation_t;
using BlasType = cudaDataType_t;
using BlasCompute = cublasComputeType_t;
inline constexpr const char* library_name = "cuBLASLt";
inline constexpr const char* library_advice =
    "add the folder of the toolkit's or of PyTorch's libcublasLt to LD_LIBRARY_PATH";
#define ASSAY_TEXT_OF(x) #x
#define ASSAY_TEXT(x) ASSAY_TEXT_OF(x)
inline constexpr std::array file_names = {"libcublasLt.so." ASSAY_TEXT(CUBLAS_VER_MAJOR)};
inline constexpr std::array folders = {"", "/usr/local/cuda/lib64/"};
inline constexpr BlasType type_e4m3 = CUDA_R_8F_E4M3, type_e5m2 = CUDA_R_8F_E5M2;

#else
using BlasStatus = hipblasStatus_t;
using BlasOperation = hipblasOperation_t;
using BlasType = hipDataType;
using BlasCompute = hipblasComputeType_t;
inline constexpr const char* library_name = "hipBLASLt";
inline constexpr const char* library_advice = "add ROCm's lib folder to LD_LIBRARY_PATH";
inline constexpr std::array file_names = {"libhipblaslt.so.1", "libhipblaslt.so.0", "libhipblaslt.so"};
inline constexpr std::array folders = {"", "/opt/rocm/lib/"};
inline constexpr BlasType type_e4m3 = HIP_R_8F_E4M3, type_e5m2 = HIP_R_8F_E5M2;
#endif

using Handle = ASSAY_LT(Handle_t);

/// The library's functions, found by name when it is opened; `failure` says why it could not be.
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

/// Opened at the first call.
const Functions& functions();

/// Throws GpuError with the library's words: it refused `call`.
void require(BlasStatus status, const char* call);

/// Made at the first call, for the selected device; never given back.
Handle handle();

}  // namespace assay::gpu::lt

#endif
