// Bits compared and patterns written where the device keeps them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "suites/device/gpu/runtime.h"
#include "suites/stability/burn/differences.h"

namespace assay::bench::stability {

/// Pointers are the device's. All but `take` and `fingerprint` may only begin, in the order of the calls, on
/// the queue that the device computes products on.
class BurnStore {
 public:
  virtual ~BurnStore() = default;
  /// Compares a result with what it must be, element by element, bit by bit. `bytes`: a multiple of 16.
  /// `spoil`: overwrites packs of `found` afterwards (spoilt_every).
  virtual void compare(void* found, const void* right, std::size_t bytes, unsigned element_bytes,
                       std::uint64_t when, bool spoil) = 0;
  /// Writes a generation of the pattern to `count` words, an even number, the first being number `first` of
  /// the tested memory.
  virtual void fill(void* words, std::size_t count, std::uint64_t first, std::uint64_t generation) = 0;
  /// Compares words with what `generation` left; `write`: and writes the next one to each. Odd generations go
  /// from the last word to the first.
  virtual void visit(void* words, std::size_t count, std::uint64_t first, std::uint64_t generation,
                     bool write) = 0;
  /// Waits, and tells what compare and visit found since the last call; the kept places are those found
  /// first, in the order of when and index.
  virtual Differences take() = 0;
  /// A sum that changes when any bit of the `bytes`, a multiple of 16, changes. Waits.
  virtual std::uint64_t fingerprint(const void* data, std::size_t bytes) = 0;
};

/// For the host: the caller's OpenMP threads.
std::unique_ptr<BurnStore> host_burn_store();
/// For the GPU of `queue`; only in GPU builds.
std::unique_ptr<BurnStore> gpu_burn_store(gpu::Queue& queue);

/// Orders the kept places.
void sort_places(Differences& differences);

}  // namespace assay::bench::stability
