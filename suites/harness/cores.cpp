#include "suites/harness/cores.h"

#include <hwloc.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <set>

namespace assay::bench {

namespace {

struct TopologyEnd {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, TopologyEnd>;

/// The whole node, read once. Null when hwloc cannot read it.
hwloc_topology_t node_topology() {
  static const Topology topology = [] {
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0) return Topology();
    Topology loaded(raw);
    hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(raw) != 0) loaded.reset();
    return loaded;
  }();
  return topology.get();
}

bool covers(hwloc_obj_t object, int cpu) {
  return object->cpuset != nullptr && hwloc_bitmap_isset(object->cpuset, static_cast<unsigned>(cpu)) != 0;
}

/// The cache of this kind that `cpu` uses; null: none.
hwloc_obj_t cache_of(hwloc_topology_t topology, hwloc_obj_type_t type, int cpu) {
  hwloc_obj_t cache = nullptr;
  while ((cache = hwloc_get_next_obj_by_type(topology, type, cache)) != nullptr) {
    if (covers(cache, cpu)) return cache;
  }
  return nullptr;
}

}  // namespace

std::vector<std::vector<int>> cores_of(const std::vector<int>& usable) {
  std::vector<std::vector<int>> cores;
  std::set<int> left(usable.begin(), usable.end());
  if (hwloc_topology_t topology = node_topology()) {
    hwloc_obj_t core = nullptr;
    while ((core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core)) != nullptr) {
      std::vector<int> cpus;
      for (const int cpu : usable) {
        if (covers(core, cpu) && left.erase(cpu) > 0) cpus.push_back(cpu);
      }
      if (!cpus.empty()) cores.push_back(std::move(cpus));
    }
  }
  for (const int cpu : left) cores.push_back({cpu});
  return cores;
}

std::vector<int> choose_cpus(const std::vector<std::vector<int>>& cores, int threads, int part, int parts) {
  if (threads < 1 || parts < 1 || part < 0 || part >= parts) return {};
  const std::size_t first = cores.size() * static_cast<std::size_t>(part) / static_cast<std::size_t>(parts);
  const std::size_t end =
      cores.size() * (static_cast<std::size_t>(part) + 1) / static_cast<std::size_t>(parts);
  const std::size_t count = end - first;
  const auto wanted = static_cast<std::size_t>(threads);
  std::vector<int> chosen;
  if (wanted <= count) {
    for (std::size_t thread = 0; thread < wanted; ++thread)
      chosen.push_back(cores[first + thread * count / wanted].front());
    return chosen;
  }
  std::size_t most_siblings = 0;
  for (std::size_t core = first; core < end; ++core)
    most_siblings = std::max(most_siblings, cores[core].size());
  for (std::size_t sibling = 0; sibling < most_siblings; ++sibling) {
    for (std::size_t core = first; core < end && chosen.size() < wanted; ++core) {
      if (sibling < cores[core].size()) chosen.push_back(cores[core][sibling]);
    }
  }
  return chosen.size() == wanted ? chosen : std::vector<int>{};
}

Caches caches_of(int cpu) {
  Caches caches;
  hwloc_topology_t topology = node_topology();
  if (topology == nullptr) return caches;
  if (hwloc_obj_t l1 = cache_of(topology, HWLOC_OBJ_L1CACHE, cpu)) {
    caches.l1_bytes = l1->attr->cache.size;
    if (l1->attr->cache.linesize >= 16) caches.line_bytes = static_cast<int>(l1->attr->cache.linesize);
  }
  if (hwloc_obj_t l2 = cache_of(topology, HWLOC_OBJ_L2CACHE, cpu)) caches.l2_bytes = l2->attr->cache.size;
  if (hwloc_obj_t l3 = cache_of(topology, HWLOC_OBJ_L3CACHE, cpu)) {
    caches.l3_bytes = l3->attr->cache.size;
    caches.l3_index = static_cast<int>(l3->logical_index);
  }
  return caches;
}

std::uint64_t last_level_cache_bytes_of(const std::vector<int>& cpus) {
  hwloc_topology_t topology = node_topology();
  if (topology == nullptr) return 0;
  for (const hwloc_obj_type_t type :
       {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE}) {
    std::uint64_t total = 0;
    hwloc_obj_t cache = nullptr;
    while ((cache = hwloc_get_next_obj_by_type(topology, type, cache)) != nullptr) {
      if (std::any_of(cpus.begin(), cpus.end(), [&](int cpu) { return covers(cache, cpu); }))
        total += cache->attr->cache.size;
    }
    if (total > 0) return total;
  }
  return 0;
}

}  // namespace assay::bench
