#include "suites/harness/ring.h"

#include <algorithm>
#include <new>

namespace assay::bench {

namespace {

constexpr std::size_t line_bytes = 64;
constexpr std::size_t page_bytes = 4096;

}  // namespace

int ring_slots(std::uint64_t bytes, int buffers, int ranks_on_node, std::uint64_t last_level_cache_bytes) {
  constexpr std::uint64_t fewest = 2;
  constexpr std::uint64_t most = 64;
  constexpr std::uint64_t in_cache = 16;
  constexpr std::uint64_t memory_per_rank = std::uint64_t{256} << 20;
  const std::uint64_t cache = last_level_cache_bytes > 0 ? last_level_cache_bytes : std::uint64_t{32} << 20;
  const std::uint64_t slot = std::max<std::uint64_t>(1, bytes) * static_cast<std::uint64_t>(buffers);
  const std::uint64_t on_node = slot * static_cast<std::uint64_t>(ranks_on_node);
  const std::uint64_t beyond_cache = 2 * cache / on_node + 1;
  if (beyond_cache > most) return static_cast<int>(in_cache);
  const std::uint64_t in_memory = std::max(fewest, memory_per_rank / slot);
  return static_cast<int>(std::max(fewest, std::min(beyond_cache, in_memory)));
}

void Ring::FreeAligned::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t(page_bytes));
}

Ring::Ring(std::size_t slot_bytes, int slots) {
  const std::size_t stride =
      std::max<std::size_t>(1, (slot_bytes + line_bytes - 1) / line_bytes) * line_bytes;
  memory_.reset(new (std::align_val_t(page_bytes)) std::byte[stride * static_cast<std::size_t>(slots)]);
  for (int slot = 0; slot < slots; ++slot) {
    slots_.push_back(memory_.get() + stride * static_cast<std::size_t>(slot));
  }
}

}  // namespace assay::bench
