// What the harness must know of the processors before it can place a case: how many cores a rank may use and
// how large the last-level cache is. The full facts for people are machine_facts.h's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

namespace assay::bench {

/// "0-3,8" as a set; empty when it is not such a list.
std::set<int> parse_cpu_list(const std::string& text);

/// "0-3,8" again.
std::string format_cpu_list(const std::set<int>& cpus);

/// The logical CPUs that this process may run on.
std::set<int> allowed_cpus();

/// How many physical cores `cpus` cover, by topology/core_cpus_list (or thread_siblings_list) below
/// `root`/sys/devices/system/cpu. CPUs without that file count as a core each.
int count_cores(const std::filesystem::path& root, const std::set<int>& cpus);

/// Bytes of the node's last-level caches together; 0: not readable.
std::uint64_t last_level_cache_bytes(const std::filesystem::path& root);

/// "model name" of `root`/proc/cpuinfo; "unknown CPU" when there is none.
std::string cpu_model(const std::filesystem::path& root);

}  // namespace assay::bench
