// The buffers that iterations rotate over, so that they do not find them in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace assay::bench {

/// How many buffers iterations rotate over: so many that the node's working set, slots * ranks_on_node *
/// buffers * bytes, exceeds twice its last-level cache; at least 2 and at most 64, and beyond 2 not more than
/// 256 MiB a rank. Where 64 slots do not get there the case is a cache case, whatever the ring, and takes 16.
/// An unknown cache (0) counts as 32 MiB.
int ring_slots(std::uint64_t bytes, int buffers, int ranks_on_node, std::uint64_t last_level_cache_bytes);

/// The slots of a ring in one piece of memory (page aligned, not touched yet), each on its own cache lines.
class Ring {
 public:
  Ring() = default;
  Ring(std::size_t slot_bytes, int slots);
  std::byte* operator[](int slot) const { return slots_[static_cast<std::size_t>(slot)]; }

 private:
  struct FreeAligned {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], FreeAligned> memory_;
  std::vector<std::byte*> slots_;
};

}  // namespace assay::bench
