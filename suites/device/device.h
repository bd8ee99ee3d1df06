// What benchmarks see of the thing that computes. A benchmark allocates buffers, plans an operation once and
// runs it many times; which library or kernel does it is the device's affair, and it tells afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suites/device/element.h"

namespace assay::device {

class Operators;
class Collectives;
struct CollectivesNeed;
struct Meeting;

/// Memory of the device with a view for the host. `push` and `pull` move the content where the two are not
/// the same memory; on the host they do nothing.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual void* host() = 0;
  /// Where the device works: the same address where the two are one memory.
  virtual void* device() { return host(); }
  virtual std::size_t bytes() const = 0;
  virtual void push() = 0;  ///< host view to device
  virtual void pull() = 0;  ///< device to host view
};

/// Operands of one product. The planner keeps the pointers: the buffers outlive the plan.
struct GemmOperands {
  Buffer* a = nullptr;
  Buffer* b = nullptr;
  Buffer* c = nullptr;
};

/// C = A B, row-major without padding: A is m x k and B is k x n of `element`, C is m x n of
/// product_of(element). B is of second_operand_of(element), and stored as its transpose, n x k, where the
/// device's gemm_takes_b_transposed(element).
struct GemmPlan {
  Element element = Element::f32;
  std::int64_t m = 1, n = 1, k = 1;
  int threads = 1;                  ///< of the host; a GPU has no use for it
  std::vector<GemmOperands> slots;  ///< sets of operands that runs rotate over
};

/// A planned product.
class Gemm {
 public:
  virtual ~Gemm() = default;
  /// Computes one slot; C is complete when it returns, or after `finish` on a device that works by itself.
  /// Allocates nothing.
  virtual void run(int slot) = 0;
  /// Waits for what run has begun.
  virtual void finish() {}
  /// What does it: {"library": "oneDNN 2.6.3", "kernel": ..., "accumulation": ..., "warning": ...}.
  virtual std::map<std::string, std::string> describe() const = 0;
};

/// A measured upper bound of multiply-adds, in operations per second (a multiply-add is two).
struct Ceiling {
  double per_second = 0;
  std::string source;  ///< "FMA probe, AVX-512, 2 threads"
};

/// What the device does at a moment. Absent: not readable here, never zero.
struct Reading {
  std::optional<double> clock_hz, power_w, temperature_c;
  std::optional<double> energy_j;  ///< a counter; only differences mean something
  std::optional<std::uint64_t> corrected_errors, uncorrected_errors;  ///< of memory (ECC); counters too
  /// What holds the clock back now ("power cap"); empty: nothing; absent: not known.
  std::optional<std::vector<std::string>> throttled_by;
  std::optional<double> memory_clock_hz, memory_temperature_c;
  /// Counters: parts of the memory that were taken out of use (remapped rows, retired pages), and packets
  /// that the link to the host had to send again.
  std::optional<std::uint64_t> retired_memory, link_replays;
  /// Errors that the driver reported of this device since it was opened here (XID), and the latest of them in
  /// words ("XID 79: fallen off the bus").
  std::optional<std::uint64_t> driver_errors;
  std::string last_driver_error = {};
};

/// Work that was recorded once, to be begun again and again at the cost of one launch.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  /// Begins all of it, on the queue that it was recorded from.
  virtual void begin() = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string kind() const = 0;  ///< "cpu", "gpu"
  virtual std::string name() const = 0;  ///< "AMD EPYC 9754"
  /// Serial or UUID; empty where there is none.
  virtual std::string id() const { return {}; }
  /// Facts for the record's path and the machine's description: {"architecture": "sm_90", ...}.
  virtual std::map<std::string, std::string> facts() const { return {}; }
  /// Of the last cache before its memory; 0: not known, or the host's (Context::last_level_cache_bytes).
  virtual std::uint64_t cache_bytes() const { return 0; }
  /// Any thread may ask. Absent: this device's state is read elsewhere or not at all.
  virtual std::optional<Reading> read_conditions() { return std::nullopt; }
  /// Whether work goes on after the call that began it returns (Gemm::finish).
  virtual bool works_by_itself() const { return false; }

  /// Uninitialised. Throws std::bad_alloc.
  virtual std::unique_ptr<Buffer> allocate(std::size_t bytes) = 0;
  /// Bytes that can still be allocated without pushing others out; absent: not known.
  virtual std::optional<std::uint64_t> available_bytes() const = 0;

  /// These two begin something that is done after `finish`, in the order of the calls and of what operators
  /// begin: a copy between any two places that this device or its host reaches; every byte of a range set.
  virtual void copy(void* to, const void* from, std::size_t bytes);
  virtual void set_bytes(void* at, std::byte value, std::size_t bytes);
  /// Waits until everything that was begun on this device is done.
  virtual void finish() {}
  /// Does not do what `work` begins, but records it. Null where the device cannot; `work` was not called
  /// then. What `work` begins reads addresses and scalars as they are now, each time. It must have run once
  /// before (libraries load their code at the first call) and may neither wait nor allocate: an exception
  /// says so, and the device works on as before.
  virtual std::unique_ptr<RecordedWork> record(const std::function<void()>& work);
  /// The operators of a training step on this device (operators.h). Throws Error(cannot_run) with the reason.
  virtual std::unique_ptr<Operators> operators(Element element, int threads) = 0;

  /// What collectives.h asks: a vendor's library ("nccl", "rccl") for this device's memory.
  virtual std::string collectives_missing(const std::string& library, const CollectivesNeed& need) const;
  virtual std::unique_ptr<Collectives> collectives(const std::string& library, const Meeting& meeting);

  /// Empty when products of such operands can be planned here, else the reason and what would help.
  virtual std::string gemm_unsupported(Element element) = 0;
  /// The same for these sizes, where the library has rules of its own (multiples of 16).
  virtual std::string gemm_sizes_unsupported(Element, std::int64_t /*m*/, std::int64_t /*n*/,
                                             std::int64_t /*k*/) {
    return {};
  }
  virtual bool gemm_takes_b_transposed(Element) const { return false; }
  /// Throws Error(cannot_run) when the library refuses.
  virtual std::unique_ptr<Gemm> plan_gemm(const GemmPlan& plan) = 0;
  /// The largest |operand| for which an int8 product is exact apart from the overflow of its int32 sum.
  virtual int largest_int8() const = 0;
  /// Measures (some 40 ms) how fast `threads` threads can multiply and add operands of this type in
  /// registers; absent where there is no probe for the instructions that a library would use.
  virtual std::optional<Ceiling> gemm_ceiling(Element element, int threads) = 0;

  /// Libraries and the kernels they chose: {"onednn_version": "2.6.3", "openblas_core": "SkylakeX", ...}.
  virtual std::map<std::string, std::string> libraries() = 0;
  /// What keeps the libraries below what the machine can do, a sentence each.
  virtual std::vector<std::string> warnings() = 0;
};

/// The processor cores that this process may use.
Device& host();

/// A device, or why there is none and what to do.
struct Selected {
  Device* device = nullptr;
  std::string missing;
};

/// The GPU of the rank that is `place`-th of its node's `ranks`, from 0: that of its number, or the only one
/// that the launcher lets it see. It is this thread's from then on. Never throws.
Selected gpu(int place, int ranks);

/// Which GPU `gpu` would give, also where it cannot be used; empty where there is none. Makes nothing ready.
std::string gpu_identity(int place, int ranks);

/// GPUs that this process may use; 0 also where none are compiled in.
int gpu_count();
/// Facts of all of them and of the build, for the machine's description.
std::map<std::string, std::string> gpu_facts();

}  // namespace assay::device
