// HIP 5's headers for NVIDIA name things that CUDA 13 removed or changed. Included before them, this gives
// the old names a meaning again: what still exists gets its new arguments, what is gone answers "not
// supported". Included by gpu.h, only where HIP is compiled by nvcc.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#if CUDART_VERSION >= 13000

#include <climits>

namespace assay::gpu::bridge {

/// The properties that are attributes now.
struct Properties : cudaDeviceProp {
  int clockRate = 0;
  int memoryClockRate = 0;
  int computeMode = 0;
  int cooperativeMultiDeviceLaunch = 0;
  int kernelExecTimeoutEnabled = 0;
};

inline cudaError_t get_properties(Properties* properties, int device) {
  const cudaError_t status = cudaGetDeviceProperties(properties, device);
  if (status != cudaSuccess) return status;
  cudaDeviceGetAttribute(&properties->clockRate, cudaDevAttrClockRate, device);
  cudaDeviceGetAttribute(&properties->memoryClockRate, cudaDevAttrMemoryClockRate, device);
  cudaDeviceGetAttribute(&properties->computeMode, cudaDevAttrComputeMode, device);
  cudaDeviceGetAttribute(&properties->kernelExecTimeoutEnabled, cudaDevAttrKernelExecTimeout, device);
  return status;
}

inline cudaMemLocation at(int device) {
  return device == cudaCpuDeviceId ? cudaMemLocation{cudaMemLocationTypeHost, 0}
                                   : cudaMemLocation{cudaMemLocationTypeDevice, device};
}

}  // namespace assay::gpu::bridge

template <class T, int dimensions, enum cudaTextureReadMode mode>
struct texture {};

#define cudaDeviceProp assay::gpu::bridge::Properties
#define cudaGetDeviceProperties assay::gpu::bridge::get_properties
#define cudaDevAttrCooperativeMultiDeviceLaunch cudaDevAttrCooperativeLaunch
#define cudaMemAdvise(pointer, bytes, advice, device) \
  (cudaMemAdvise)(pointer, bytes, advice, assay::gpu::bridge::at(device))
#define cudaMemPrefetchAsync(pointer, bytes, device, stream) \
  (cudaMemPrefetchAsync)(pointer, bytes, assay::gpu::bridge::at(device), 0, stream)
#undef cuCtxCreate
#define cuCtxCreate(context, flags, device) cuCtxCreate_v4(context, nullptr, flags, device)
#define cudaGraphAddDependencies(graph, from, to, count) \
  (cudaGraphAddDependencies)(graph, from, to, nullptr, count)
#define cudaGraphRemoveDependencies(graph, from, to, count) \
  (cudaGraphRemoveDependencies)(graph, from, to, nullptr, count)
#define cudaGraphGetEdges(graph, from, to, count) (cudaGraphGetEdges)(graph, from, to, nullptr, count)
#define cudaGraphNodeGetDependencies(node, from, count) \
  (cudaGraphNodeGetDependencies)(node, from, nullptr, count)
#define cudaGraphNodeGetDependentNodes(node, to, count) \
  (cudaGraphNodeGetDependentNodes)(node, to, nullptr, count)
#define cudaStreamUpdateCaptureDependencies(stream, nodes, count, flags) \
  (cudaStreamUpdateCaptureDependencies)(stream, nodes, nullptr, count, flags)
#define cudaStreamGetCaptureInfo_v2(stream, status, id, graph, from, count) \
  (cudaStreamGetCaptureInfo)(stream, status, id, graph, from, nullptr, count)
#define cudaBindTexture(...) cudaErrorNotSupported
#define cudaBindTexture2D(...) cudaErrorNotSupported
#define cudaBindTextureToArray(...) cudaErrorNotSupported
#define cudaUnbindTexture(...) cudaErrorNotSupported
#define cudaGetTextureAlignmentOffset(...) cudaErrorNotSupported
#define cudaLaunchCooperativeKernelMultiDevice(...) cudaErrorNotSupported

#include <hip/hip_runtime.h>

#undef cudaDeviceProp
#undef cudaGetDeviceProperties
#undef cudaDevAttrCooperativeMultiDeviceLaunch
#undef cudaMemAdvise
#undef cudaMemPrefetchAsync
#undef cuCtxCreate
#undef cudaGraphAddDependencies
#undef cudaGraphRemoveDependencies
#undef cudaGraphGetEdges
#undef cudaGraphNodeGetDependencies
#undef cudaGraphNodeGetDependentNodes
#undef cudaStreamUpdateCaptureDependencies
#undef cudaStreamGetCaptureInfo_v2
#undef cudaBindTexture
#undef cudaBindTexture2D
#undef cudaBindTextureToArray
#undef cudaUnbindTexture
#undef cudaGetTextureAlignmentOffset
#undef cudaLaunchCooperativeKernelMultiDevice

#endif
