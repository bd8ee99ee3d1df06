#include "suites/device/gpu/runtime.h"

#include <cstdio>
#include <filesystem>
#include <string>

#include "suites/device/gpu/gpu.h"
#include "suites/device/gpu/refusals.h"

namespace assay::gpu {

namespace {

/// 13000 is 13.0. HIP for AMD counts 50221153 for 5.2.
std::string version_text(int version) {
  if (version <= 0) return {};
  if (version >= 10000000)
    return std::to_string(version / 10000000) + "." + std::to_string(version / 100000 % 100);
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string why_none(Status status, const Surroundings& seen) {
  NoDevice none;
#if defined(ASSAY_GPU_CUDA) || defined(__HIP_PLATFORM_NVIDIA__)
  constexpr const char* driver_sign = "/proc/driver/nvidia/version";
#else
  none.vendor = Vendor::amd;
  constexpr const char* driver_sign = "/dev/kfd";
#endif
  std::error_code ignored;
  none.driver_version = seen.driver_version;
  none.runtime_version = seen.runtime_version;
  none.driver_loaded = std::filesystem::exists(driver_sign, ignored);
  none.counted = status == success;
  none.driver_insufficient = status == ASSAY_GPU_NAME(ErrorInsufficientDriver);
  none.said = words_of(status);
  return why_no_device(none);
}

Surroundings look() {
  Surroundings seen;
  int version = 0;
  if (driver_version(&version) == success) seen.driver_version = version_text(version);
  if (runtime_version(&version) == success) seen.runtime_version = version_text(version);
  const Status status = device_count(&seen.devices);
  forget_error();
  if (status != success) seen.devices = 0;
  if (seen.devices == 0) seen.missing = why_none(status, seen);
  return seen;
}

int attribute_or_zero(Attribute which, int device) {
  int value = 0;
  if (attribute(&value, which, device) == success) return value;
  forget_error();
  return 0;
}

#if defined(ASSAY_GPU_CUDA)
/// As nvidia-smi prints it.
std::string uuid_text(const char* bytes) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned char>(bytes[i]));
    text += hex;
    if (i == 3 || i == 5 || i == 7 || i == 9) text += '-';
  }
  return text;
}
#endif

Stream stream_of(const Queue& queue) {
  return static_cast<Stream>(queue.stream());
}

}  // namespace

void refuse(Status status, const char* call, const char* file, int line) {
  const std::string words = std::string("the GPU's runtime refused ") + call + ": " + words_of(status) +
                            " (" + name_of(status) + ", at " + file + ":" + std::to_string(line) + ")";
  if (status == out_of_memory) {
    forget_error();
    throw OutOfDeviceMemory(words + "; give a smaller size, or see what else uses this GPU");
  }
  throw GpuError(words + "; if it comes again, look at the kernel log and the GPU's own error counters");
}

const Surroundings& look_around() {
  static const Surroundings seen = look();
  return seen;
}

DeviceFacts facts_of(int device) {
  Properties properties;
  ASSAY_GPU_TRY(get_properties(&properties, device));
  DeviceFacts facts;
  facts.name = properties.name;
  char address[40];
  std::snprintf(address, sizeof address, "%04x:%02x:%02x.0", properties.pciDomainID, properties.pciBusID,
                properties.pciDeviceID);
  facts.pci_address = address;
#if defined(ASSAY_GPU_CUDA)
  facts.uuid = uuid_text(properties.uuid.bytes);
#endif
#if defined(ASSAY_GPU_CUDA) || defined(__HIP_PLATFORM_NVIDIA__)
  facts.architecture = "sm_" + std::to_string(properties.major) + std::to_string(properties.minor);
#else
  facts.architecture = properties.gcnArchName;
#endif
  facts.memory_bytes = properties.totalGlobalMem;
  facts.multiprocessors = properties.multiProcessorCount;
  facts.warp_size = properties.warpSize;
  facts.major = properties.major;
  facts.minor = properties.minor;
  facts.l2_bytes = static_cast<std::uint64_t>(attribute_or_zero(l2_bytes, device));
  facts.clock_hz = 1e3 * attribute_or_zero(clock_rate_khz, device);
  facts.memory_clock_hz = 1e3 * attribute_or_zero(memory_clock_rate_khz, device);
  facts.memory_bus_bits = attribute_or_zero(memory_bus_bits, device);
  int ecc = 0;
  if (attribute(&ecc, ecc_enabled, device) == success) facts.ecc = ecc != 0;
  forget_error();
  return facts;
}

void select(int device) {
  ASSAY_GPU_TRY(set_device(device));
}

void* allocate_bytes(std::size_t bytes) {
  void* pointer = nullptr;
  const Status status = allocate(&pointer, bytes == 0 ? 1 : bytes);
  std::size_t free = 0, total = 0;
  if (status == out_of_memory) {
    forget_error();
    if (memory_info(&free, &total) == success)
      throw OutOfDeviceMemory(no_room(bytes, free, total, words_of(status)));
  }
  if (status != success) refuse(status, "allocate", __FILE__, __LINE__);
  return pointer;
}

void release_bytes(void* pointer) noexcept {
  if (pointer != nullptr && release(pointer) != success) forget_error();
}

void* allocate_pinned_bytes(std::size_t bytes) {
  void* pointer = nullptr;
  ASSAY_GPU_TRY(allocate_pinned(&pointer, bytes == 0 ? 1 : bytes));
  return pointer;
}

void release_pinned_bytes(void* pointer) noexcept {
  if (pointer != nullptr && release_pinned(pointer) != success) forget_error();
}

std::uint64_t free_bytes() {
  std::size_t free = 0, total = 0;
  ASSAY_GPU_TRY(memory_info(&free, &total));
  return free;
}

std::uint64_t total_bytes() {
  std::size_t free = 0, total = 0;
  ASSAY_GPU_TRY(memory_info(&free, &total));
  return total;
}

Queue::Queue() {
  Stream stream = nullptr;
  ASSAY_GPU_TRY(create_stream(&stream));
  stream_ = stream;
}

Queue::~Queue() {
  if (stream_ != nullptr && destroy_stream(stream_of(*this)) != success) forget_error();
}

void Queue::copy(void* to, const void* from, std::size_t bytes) {
  ASSAY_GPU_TRY(gpu::copy(to, from, bytes, stream_of(*this)));
}

void Queue::copy_between_devices(void* to, int to_device, const void* from, int from_device,
                                 std::size_t bytes) {
  ASSAY_GPU_TRY(gpu::copy_between_devices(to, to_device, from, from_device, bytes, stream_of(*this)));
}

void Queue::set_bytes(void* pointer, int value, std::size_t bytes) {
  ASSAY_GPU_TRY(gpu::set_bytes(pointer, value, bytes, stream_of(*this)));
}

void Queue::finish() {
  ASSAY_GPU_TRY(synchronize_stream(stream_of(*this)));
}

namespace {

/// Ends the recording whatever became of it. Null: it is not worth keeping.
Graph end_of_recording(const Queue& queue, Status& status) {
  Graph graph = nullptr;
  status = end_recording(stream_of(queue), &graph);
  if (status == success) return graph;
  forget_error();
  if (graph != nullptr && destroy_graph(graph) != success) forget_error();
  return nullptr;
}

constexpr const char* not_to_be_recorded =
    "a step cannot be recorded, because it waits for the GPU, asks it for memory or loads code on the way: ";

}  // namespace

Recording::Recording(Queue& queue, const std::function<void()>& work) : queue_(queue) {
  Status status = success;
  ASSAY_GPU_TRY(begin_recording(stream_of(queue)));
  Graph graph = nullptr;
  try {
    work();
    graph = end_of_recording(queue, status);
  } catch (const GpuError& error) {
    graph = end_of_recording(queue, status);
    if (graph != nullptr && destroy_graph(graph) != success) forget_error();
    throw GpuError(not_to_be_recorded + std::string(error.what()));
  } catch (...) {
    graph = end_of_recording(queue, status);
    if (graph != nullptr && destroy_graph(graph) != success) forget_error();
    throw;
  }
  if (graph == nullptr)
    throw GpuError(not_to_be_recorded + std::string(words_of(status)) + " (" + name_of(status) + ")");
  ReadyGraph ready = nullptr;
  status = make_ready(&ready, graph);
  if (destroy_graph(graph) != success) forget_error();
  ASSAY_GPU_TRY(status);
  ready_ = ready;
}

Recording::~Recording() {
  if (ready_ != nullptr && destroy_ready_graph(static_cast<ReadyGraph>(ready_)) != success) forget_error();
}

void Recording::begin() {
  ASSAY_GPU_TRY(begin_graph(static_cast<ReadyGraph>(ready_), stream_of(queue_)));
}

bool Queue::done() {
  const Status status = query_stream(stream_of(*this));
  if (status == not_ready) {
    forget_error();
    return false;
  }
  if (status != success) refuse(status, "query_stream", __FILE__, __LINE__);
  return true;
}

Signal::Signal() {
  Event event = nullptr;
  ASSAY_GPU_TRY(create_untimed_event(&event));
  event_ = event;
}

Signal::~Signal() {
  if (event_ != nullptr && destroy_event(static_cast<Event>(event_)) != success) forget_error();
}

void Signal::mark(const Queue& queue) {
  ASSAY_GPU_TRY(record_event(static_cast<Event>(event_), stream_of(queue)));
}

void Signal::hold(const Queue& queue) {
  ASSAY_GPU_TRY(stream_waits(stream_of(queue), static_cast<Event>(event_)));
}

Stopwatch::Stopwatch() {
  Event begin = nullptr, end = nullptr;
  ASSAY_GPU_TRY(create_event(&begin));
  begin_ = begin;
  ASSAY_GPU_TRY(create_event(&end));
  end_ = end;
}

Stopwatch::~Stopwatch() {
  for (void* event : {begin_, end_})
    if (event != nullptr && destroy_event(static_cast<Event>(event)) != success) forget_error();
}

void Stopwatch::start(const Queue& queue) {
  ASSAY_GPU_TRY(record_event(static_cast<Event>(begin_), stream_of(queue)));
}

void Stopwatch::stop(const Queue& queue) {
  ASSAY_GPU_TRY(record_event(static_cast<Event>(end_), stream_of(queue)));
}

double Stopwatch::seconds() {
  ASSAY_GPU_TRY(synchronize_event(static_cast<Event>(end_)));
  float milliseconds = 0;
  ASSAY_GPU_TRY(elapsed_ms(&milliseconds, static_cast<Event>(begin_), static_cast<Event>(end_)));
  return 1e-3 * static_cast<double>(milliseconds);
}

bool can_reach(int device, int peer) {
  int can = 0;
  ASSAY_GPU_TRY(can_access_peer(&can, device, peer));
  return can != 0;
}

void reach(int peer) {
  const Status status = enable_peer_access(peer);
  if (status == peer_access_already_enabled) {
    forget_error();
    return;
  }
  if (status != success) refuse(status, "enable_peer_access", __FILE__, __LINE__);
}

}  // namespace assay::gpu
