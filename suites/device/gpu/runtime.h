// The GPU's runtime as host code sees it: plain functions, no vendor's types or words. Defined only in GPU
// builds; see build.h. All but `look_around` throw GpuError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "suites/device/gpu/build.h"

namespace assay::gpu {

/// What the runtime refused, in its own words, with the call and the place.
class GpuError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// As GpuError; a std::bad_alloc, because that is what allocations throw.
class OutOfDeviceMemory : public std::bad_alloc {
 public:
  explicit OutOfDeviceMemory(std::string words) : words_(std::move(words)) {}
  const char* what() const noexcept override { return words_.c_str(); }

 private:
  std::string words_;
};

struct Surroundings {
  int devices = 0;
  std::string missing;          ///< why there is none, and what to do; empty when there are devices
  std::string driver_version;   ///< that the driver supports: "13.0"; empty: no driver
  std::string runtime_version;  ///< that this program was built with
};

/// Looked at once; never throws.
const Surroundings& look_around();

struct DeviceFacts {
  std::string name;          ///< "NVIDIA H200"
  std::string architecture;  ///< "sm_90", "gfx90a"
  std::string pci_address;   ///< "0000:1b:00.0"
  std::string uuid;          ///< as the vendor's tools print it; empty: the runtime does not tell
  std::uint64_t memory_bytes = 0;
  std::uint64_t l2_bytes = 0;  ///< 0: not known
  int multiprocessors = 0;
  int warp_size = 0;
  int major = 0, minor = 0;                  ///< compute capability
  double clock_hz = 0, memory_clock_hz = 0;  ///< the highest; 0: not known
  int memory_bus_bits = 0;
  std::optional<bool> ecc;
};

DeviceFacts facts_of(int device);

/// Of this thread, for all that follows.
void select(int device);

/// Of the selected device. Throws OutOfDeviceMemory.
void* allocate_bytes(std::size_t bytes);
void release_bytes(void* pointer) noexcept;
/// Of the host, at a fixed place, so that devices read and write it by themselves.
void* allocate_pinned_bytes(std::size_t bytes);
void release_pinned_bytes(void* pointer) noexcept;
/// Free bytes of the selected device.
std::uint64_t free_bytes();
/// All that it has.
std::uint64_t total_bytes();

/// A queue of work of the selected device. Moves, does not copy.
class Queue {
 public:
  Queue();
  ~Queue();
  Queue(Queue&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// Begins a copy between any two places.
  void copy(void* to, const void* from, std::size_t bytes);
  void copy_between_devices(void* to, int to_device, const void* from, int from_device, std::size_t bytes);
  void set_bytes(void* pointer, int value, std::size_t bytes);
  /// Waits until all that was begun is done.
  void finish();
  /// Whether all that was begun is done; does not wait.
  bool done();
  /// The vendor's stream, for *.gpu.cpp and the vendor's libraries.
  void* stream() const { return stream_; }

 private:
  void* stream_ = nullptr;
};

/// Work of a queue that is recorded once, to be begun again and again at the cost of one call. The queue
/// outlives it.
class Recording {
 public:
  /// Nothing of what `work` begins on the queue, from this thread, is done now. Throws GpuError where it does
  /// what cannot be recorded (it waits, or asks for memory); the queue works as before then. Libraries load
  /// code when they are first used, which cannot be recorded either: `work` ran once before.
  Recording(Queue& queue, const std::function<void()>& work);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  void begin();

 private:
  Queue& queue_;
  void* ready_ = nullptr;
};

/// A place in a queue that another queue of the same device can wait for.
class Signal {
 public:
  Signal();
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  /// After what `queue` has begun so far. A later mark takes the place of this one; who waits already waits
  /// for this one.
  void mark(const Queue& queue);
  /// What `queue` begins from now on waits for the mark.
  void hold(const Queue& queue);

 private:
  void* event_ = nullptr;
};

/// Times a part of a queue by the device's own clock.
class Stopwatch {
 public:
  Stopwatch();
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  void start(const Queue& queue);
  void stop(const Queue& queue);
  /// Waits for stop.
  double seconds();

 private:
  void* begin_ = nullptr;
  void* end_ = nullptr;
};

bool can_reach(int device, int peer);
/// Lets the selected device read and write the memory of `peer`; twice is once.
void reach(int peer);

}  // namespace assay::gpu
