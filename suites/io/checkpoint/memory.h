// The memory of a training job's state, and whether the node has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// Page-aligned bytes, each page touched already.
class StateMemory {
 public:
  StateMemory() = default;
  /// Throws std::bad_alloc.
  explicit StateMemory(std::uint64_t bytes);
  std::byte* data() const { return bytes_.get(); }
  std::size_t bytes() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[], Free> bytes_;
};

/// Collective. Throws Error(cannot_run) when the ranks of this node together want more than nine tenths of
/// the memory that it has available: the kernel would not refuse, but end a process later.
void check_memory(const ProcessGroup& group, std::uint64_t bytes);

}  // namespace assay::bench
