// How many cores a set of logical CPUs is: a case gets one thread per core. The facts for people are those of
// machine_facts.h.
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace assay::bench {

/// "0-3,8" as a set; empty when it is not such a list.
std::set<int> parse_cpu_list(const std::string& text);

/// "0-3,8" again.
std::string format_cpu_list(const std::set<int>& cpus);

/// How many physical cores `cpus` cover, by topology/core_cpus_list (or thread_siblings_list) below
/// `root`/sys/devices/system/cpu. CPUs without that file count as a core each.
int count_cores(const std::filesystem::path& root, const std::set<int>& cpus);

}  // namespace assay::bench
