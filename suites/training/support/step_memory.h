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
#include "suites/training/support/memory_estimate.h"

namespace assay::training {

class StepMemory {
 public:
  /// Allocates all items but those that others allocate ("scratch", "loader", "mpi", and those of
  /// `elsewhere`, where they are by name) and touches every page. Throws std::bad_alloc.
  StepMemory(device::Device& device, const std::vector<MemoryItem>& items,
             const std::map<std::string, std::byte*>& elsewhere = {});

  /// The beginning of one copy of an item; nullptr when this rank has no such item.
  void* at(std::string_view name, std::int64_t copy = 0) const;
  std::int64_t bytes() const { return bytes_; }
  /// Overwrites what every step computes anew: "kept.", "work." and "end." items.
  void fill_computed(std::byte value);

 private:
  struct Place {
    std::byte* begin = nullptr;
    std::size_t stride = 0;  ///< bytes from copy to copy
    std::int64_t copies = 0;
  };
  std::vector<std::unique_ptr<device::Buffer>> buffers_;
  std::map<std::string, Place, std::less<>> places_;
  std::int64_t bytes_ = 0;
};

}  // namespace assay::training
