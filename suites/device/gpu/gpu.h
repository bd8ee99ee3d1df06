// The vendor's runtime under one set of names, for *.gpu.cpp. CUDA and HIP call the same things by the same
// names but for the first letters: ASSAY_GPU_NAME puts them in front, and what differs otherwise is below.
// Tests have a third GPU, which is none (emulation.h): of what is here it knows the part for kernels.
#pragma once

#if defined(ASSAY_GPU_CUDA)
#include <cuda_runtime.h>
#define ASSAY_GPU_NAME(name) cuda##name
#elif defined(ASSAY_GPU_HIP)
#if defined(__HIP_PLATFORM_NVIDIA__)
#include "suites/device/gpu/bridge.h"
#endif
#include <hip/hip_runtime.h>
#define ASSAY_GPU_NAME(name) hip##name
#elif defined(ASSAY_GPU_EMULATED)
#include "suites/device/gpu/emulation.h"
#else
#error "gpu.h is for the GPU's compilers alone; host code includes runtime.h"
#endif

#include <cstddef>
#include <cstdint>

namespace assay::gpu {

#if !defined(ASSAY_GPU_EMULATED)

using Status = ASSAY_GPU_NAME(Error_t);
using Stream = ASSAY_GPU_NAME(Stream_t);
using Event = ASSAY_GPU_NAME(Event_t);
#if defined(ASSAY_GPU_CUDA)
using Properties = cudaDeviceProp;
using Attribute = cudaDeviceAttr;
#else
using Properties = hipDeviceProp_t;
using Attribute = hipDeviceAttribute_t;
#endif

inline constexpr Status success = ASSAY_GPU_NAME(Success);
inline constexpr Status not_ready = ASSAY_GPU_NAME(ErrorNotReady);
inline constexpr Status peer_access_already_enabled = ASSAY_GPU_NAME(ErrorPeerAccessAlreadyEnabled);
inline constexpr Status out_of_memory =
#if defined(ASSAY_GPU_CUDA)
    cudaErrorMemoryAllocation;
#else
    hipErrorOutOfMemory;
#endif

// ---- Errors
inline const char* name_of(Status status) {
  return ASSAY_GPU_NAME(GetErrorName)(status);
}
inline const char* words_of(Status status) {
  return ASSAY_GPU_NAME(GetErrorString)(status);
}
/// The last error of this thread, which it clears: of a launch, say.
inline Status last_error() {
  return ASSAY_GPU_NAME(GetLastError)();
}

inline void forget_error() {
  static_cast<void>(last_error());
}

/// Throws GpuError or OutOfDeviceMemory (runtime.h) with the vendor's words.
[[noreturn]] void refuse(Status status, const char* call, const char* file, int line);

#define ASSAY_GPU_TRY(...)                                                      \
  do {                                                                          \
    const ::assay::gpu::Status assay_gpu_status = (__VA_ARGS__);                \
    if (assay_gpu_status != ::assay::gpu::success)                              \
      ::assay::gpu::refuse(assay_gpu_status, #__VA_ARGS__, __FILE__, __LINE__); \
  } while (false)

/// After <<<>>>: throws when the launch was refused. What goes wrong within the kernel comes with the next
/// call that waits.
#define ASSAY_GPU_LAUNCHED() ASSAY_GPU_TRY(::assay::gpu::last_error())

// ---- Devices
inline Status device_count(int* count) {
  return ASSAY_GPU_NAME(GetDeviceCount)(count);
}
inline Status set_device(int device) {
  return ASSAY_GPU_NAME(SetDevice)(device);
}
inline Status get_device(int* device) {
  return ASSAY_GPU_NAME(GetDevice)(device);
}
inline Status get_properties(Properties* properties, int device) {
  return ASSAY_GPU_NAME(GetDeviceProperties)(properties, device);
}
inline Status driver_version(int* version) {
  return ASSAY_GPU_NAME(DriverGetVersion)(version);
}
inline Status runtime_version(int* version) {
  return ASSAY_GPU_NAME(RuntimeGetVersion)(version);
}
inline Status memory_info(std::size_t* free, std::size_t* total) {
  return ASSAY_GPU_NAME(MemGetInfo)(free, total);
}
inline Status synchronize_device() {
  return ASSAY_GPU_NAME(DeviceSynchronize)();
}
inline Status attribute(int* value, Attribute which, int device) {
  return ASSAY_GPU_NAME(DeviceGetAttribute)(value, which, device);
}
#if defined(ASSAY_GPU_CUDA)
inline constexpr Attribute clock_rate_khz = cudaDevAttrClockRate;
inline constexpr Attribute memory_clock_rate_khz = cudaDevAttrMemoryClockRate;
inline constexpr Attribute memory_bus_bits = cudaDevAttrGlobalMemoryBusWidth;
inline constexpr Attribute l2_bytes = cudaDevAttrL2CacheSize;
inline constexpr Attribute ecc_enabled = cudaDevAttrEccEnabled;
#else
inline constexpr Attribute clock_rate_khz = hipDeviceAttributeClockRate;
inline constexpr Attribute memory_clock_rate_khz = hipDeviceAttributeMemoryClockRate;
inline constexpr Attribute memory_bus_bits = hipDeviceAttributeMemoryBusWidth;
inline constexpr Attribute l2_bytes = hipDeviceAttributeL2CacheSize;
inline constexpr Attribute ecc_enabled = hipDeviceAttributeEccEnabled;
#endif

// ---- Memory
inline Status allocate(void** pointer, std::size_t bytes) {
  return ASSAY_GPU_NAME(Malloc)(pointer, bytes);
}
inline Status release(void* pointer) {
  return ASSAY_GPU_NAME(Free)(pointer);
}
inline Status allocate_pinned(void** pointer, std::size_t bytes) {
#if defined(ASSAY_GPU_CUDA)
  return cudaHostAlloc(pointer, bytes, cudaHostAllocPortable);
#else
  return hipHostMalloc(pointer, bytes, hipHostMallocPortable);
#endif
}
inline Status release_pinned(void* pointer) {
#if defined(ASSAY_GPU_CUDA)
  return cudaFreeHost(pointer);
#else
  return hipHostFree(pointer);
#endif
}
/// The address at which the device sees pinned memory of the host.
inline Status device_view(void** device_pointer, void* pinned) {
  return ASSAY_GPU_NAME(HostGetDevicePointer)(device_pointer, pinned, 0);
}
/// Between any two places; the runtime knows from the addresses which they are.
inline Status copy(void* to, const void* from, std::size_t bytes, Stream stream) {
  return ASSAY_GPU_NAME(MemcpyAsync)(to, from, bytes, ASSAY_GPU_NAME(MemcpyDefault), stream);
}
inline Status copy_between_devices(void* to, int to_device, const void* from, int from_device,
                                   std::size_t bytes, Stream stream) {
  return ASSAY_GPU_NAME(MemcpyPeerAsync)(to, to_device, from, from_device, bytes, stream);
}
inline Status set_bytes(void* pointer, int value, std::size_t bytes, Stream stream) {
  return ASSAY_GPU_NAME(MemsetAsync)(pointer, value, bytes, stream);
}
inline Status can_access_peer(int* can, int device, int peer) {
  return ASSAY_GPU_NAME(DeviceCanAccessPeer)(can, device, peer);
}
/// For the current device.
inline Status enable_peer_access(int peer) {
  return ASSAY_GPU_NAME(DeviceEnablePeerAccess)(peer, 0);
}

// ---- Streams and events
inline Status create_stream(Stream* stream) {
  return ASSAY_GPU_NAME(StreamCreateWithFlags)(stream, ASSAY_GPU_NAME(StreamNonBlocking));
}
inline Status destroy_stream(Stream stream) {
  return ASSAY_GPU_NAME(StreamDestroy)(stream);
}
inline Status synchronize_stream(Stream stream) {
  return ASSAY_GPU_NAME(StreamSynchronize)(stream);
}
/// not_ready while there is work.
inline Status query_stream(Stream stream) {
  return ASSAY_GPU_NAME(StreamQuery)(stream);
}
inline Status stream_waits(Stream stream, Event event) {
  return ASSAY_GPU_NAME(StreamWaitEvent)(stream, event, 0);
}
inline Status create_event(Event* event) {
  return ASSAY_GPU_NAME(EventCreate)(event);
}
inline Status create_untimed_event(Event* event) {
  return ASSAY_GPU_NAME(EventCreateWithFlags)(event, ASSAY_GPU_NAME(EventDisableTiming));
}
inline Status destroy_event(Event event) {
  return ASSAY_GPU_NAME(EventDestroy)(event);
}
inline Status record_event(Event event, Stream stream) {
  return ASSAY_GPU_NAME(EventRecord)(event, stream);
}
inline Status synchronize_event(Event event) {
  return ASSAY_GPU_NAME(EventSynchronize)(event);
}
inline Status elapsed_ms(float* milliseconds, Event begin, Event end) {
  return ASSAY_GPU_NAME(EventElapsedTime)(milliseconds, begin, end);
}

// ---- Graphs: work of a stream that is recorded and not done
using Graph = ASSAY_GPU_NAME(Graph_t);
using ReadyGraph = ASSAY_GPU_NAME(GraphExec_t);
/// What this thread then begins on the stream is recorded; what other threads do is their affair.
inline Status begin_recording(Stream stream) {
  return ASSAY_GPU_NAME(StreamBeginCapture)(stream, ASSAY_GPU_NAME(StreamCaptureModeThreadLocal));
}
inline Status end_recording(Stream stream, Graph* graph) {
  return ASSAY_GPU_NAME(StreamEndCapture)(stream, graph);
}
inline Status make_ready(ReadyGraph* ready, Graph graph) {
#if defined(ASSAY_GPU_CUDA)
  return cudaGraphInstantiate(ready, graph, 0);
#else
  return hipGraphInstantiate(ready, graph, nullptr, nullptr, 0);
#endif
}
inline Status begin_graph(ReadyGraph graph, Stream stream) {
  return ASSAY_GPU_NAME(GraphLaunch)(graph, stream);
}
inline Status destroy_graph(Graph graph) {
  return ASSAY_GPU_NAME(GraphDestroy)(graph);
}
inline Status destroy_ready_graph(ReadyGraph graph) {
  return ASSAY_GPU_NAME(GraphExecDestroy)(graph);
}

#endif

// ---- Kernels
#if defined(__CUDACC__) || defined(__HIPCC__)
/// kernel<<<blocks, threads, shared_bytes, stream>>>(arguments...). Throws when the launch is refused; what
/// goes wrong within the kernel comes with the next call that waits.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, std::size_t shared_bytes, Stream stream,
            Arguments... arguments) {
  constexpr std::size_t without_asking = 48 << 10;
  if (shared_bytes > without_asking)
    ASSAY_GPU_TRY(ASSAY_GPU_NAME(FuncSetAttribute)(reinterpret_cast<const void*>(kernel),
                                                   ASSAY_GPU_NAME(FuncAttributeMaxDynamicSharedMemorySize),
                                                   static_cast<int>(shared_bytes)));
  kernel<<<blocks, threads, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  ASSAY_GPU_LAUNCHED();
}

/// The shared memory that the launch asked for.
template <typename T>
__device__ inline T* shared_memory() {
  extern __shared__ __attribute__((aligned(16))) unsigned char assay_shared_memory[];
  return reinterpret_cast<T*>(assay_shared_memory);
}

/// The value of the lane whose number differs in `mask`, which is below the warp's width. All lanes take
/// part.
template <typename T>
__device__ inline T shuffle_xor(T value, int mask) {
#if defined(__CUDACC__)
  return __shfl_xor_sync(0xffffffffu, value, mask);
#else
  return __shfl_xor(value, mask);
#endif
}
#endif

#if defined(__CUDACC__) || defined(__HIPCC__) || defined(ASSAY_GPU_EMULATED)
/// Whole warp: what its lanes wrote to shared memory before, they read afterwards.
__device__ inline void warp_barrier() {
#if defined(ASSAY_GPU_EMULATED)
  static_cast<void>(shuffle_xor(0, 0));
#elif defined(__CUDACC__)
  __syncwarp();
#elif defined(__HIP_DEVICE_COMPILE__)
  __builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "wavefront");
  __builtin_amdgcn_wave_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "wavefront");
#endif
}

/// Sum over the warp, on every lane.
template <typename T>
__device__ inline T warp_sum(T value) {
  for (int mask = warpSize / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}

/// Sum over the block, on thread 0; `scratch` is shared memory for one T a warp. Blocks are whole warps.
template <typename T>
__device__ inline T block_sum(T value, T* scratch) {
  const int lane = static_cast<int>(threadIdx.x) % warpSize, warp = static_cast<int>(threadIdx.x) / warpSize;
  value = warp_sum(value);
  __syncthreads();
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / warpSize;
  T sum{};
  if (threadIdx.x == 0)
    for (int i = 0; i < warps; ++i) sum += scratch[i];
  return sum;
}
#endif

}  // namespace assay::gpu
