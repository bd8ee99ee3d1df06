// Cores and caches of this node as hwloc sees them: where threads are put, and how far the caches reach.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay::bench {

/// The cores of this node that `usable` CPUs reach, those of one socket and NUMA node next to each other.
/// Each core is its usable CPUs (its hardware threads). Without hwloc every CPU counts as a core.
std::vector<std::vector<int>> cores_of(const std::vector<int>& usable);

/// One CPU for each of `threads` threads, out of share number `part` of `parts` equal shares of the cores:
/// one thread a core, evenly spread, and only when all cores have one the second hardware threads. Empty when
/// the share has fewer CPUs than there are threads.
std::vector<int> choose_cpus(const std::vector<std::vector<int>>& cores, int threads, int part, int parts);

/// Data caches that one CPU uses; 0: there is none of that level, or it is not known.
struct Caches {
  std::uint64_t l1_bytes = 0;
  std::uint64_t l2_bytes = 0;
  std::uint64_t l3_bytes = 0;
  int l3_index = -1;  ///< which of the node's level-3 caches; -1: none
  int line_bytes = 64;
};

Caches caches_of(int cpu);

/// Bytes of those last-level caches that at least one of `cpus` uses, together; 0: not known.
std::uint64_t last_level_cache_bytes_of(const std::vector<int>& cpus);

}  // namespace assay::bench
