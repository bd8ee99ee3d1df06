// How much memory a case may take without pushing the node into swapping or being killed for it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace assay::bench {

/// What this process may still allocate on its node, in bytes: MemAvailable of `root`/proc/meminfo, and less
/// where a control group (a container, a Slurm job) or one above it limits it (memory.max of version 2,
/// memory.limit_in_bytes of version 1; page cache counts as free). 0: not known.
std::uint64_t available_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace assay::bench
