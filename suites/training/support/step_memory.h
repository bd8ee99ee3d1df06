// The memory of one rank's training step: what the list of memory items says, in one allocation, before the
// first step. Names and counts come from memory_estimate.h alone, so the estimate and the allocation are one.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/training/support/memory_estimate.h"

namespace assay::training {

/// What a step computes beside the weights, and what changes from step to step: the item "numbers".
struct StepNumbers {
  double loss = 0;         ///< summed over this rank's tokens
  double squares = 0;      ///< of the gradients that this rank updates with
  double all_squares = 0;  ///< with shards: of the whole data-parallel group
  device::AdamWStep step;
  std::uint64_t checksum = 0;  ///< of weights, between steps
};

class StepMemory {
 public:
  /// Allocates all items on the device but those that others allocate ("scratch", "loader", "mpi", "view",
  /// and those of `elsewhere`, where they are by name) and touches every page. Throws std::bad_alloc.
  StepMemory(device::Device& device, const std::vector<MemoryItem>& items,
             const std::map<std::string, std::byte*>& elsewhere = {});

  /// The beginning of one copy of an item; nullptr when this rank has no such item.
  void* at(std::string_view name, std::int64_t copy = 0) const;
  /// The host's view of it, for items that travel: the same place where host and device share memory.
  void* host_at(std::string_view name, std::int64_t copy = 0) const;
  std::int64_t bytes() const { return bytes_; }
  /// Overwrites what every step computes anew: "kept.", "work." and "end." items. Only begun.
  void fill_computed(std::byte value);

 private:
  struct Place {
    std::byte* begin = nullptr;
    device::Buffer* buffer = nullptr;  ///< none: elsewhere
    std::size_t stride = 0;            ///< bytes from copy to copy
    std::int64_t copies = 0;
  };
  device::Device& device_;
  std::vector<std::unique_ptr<device::Buffer>> buffers_;
  std::map<std::string, Place, std::less<>> places_;
  std::int64_t bytes_ = 0;
};

}  // namespace assay::training
