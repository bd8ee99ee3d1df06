#include "suites/harness/machine_facts.h"

#include <hwloc.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "reports/base/names.h"
#include "reports/base/utc.h"
#include "suites/device/device.h"
#include "suites/device/host/cpu.h"
#include "suites/device/host/environment.h"

namespace assay::bench {

namespace {

using Json = nlohmann::ordered_json;

struct TopologyEnd {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, TopologyEnd>;

/// The whole node, whatever this process is bound to. Null when hwloc cannot read it.
Topology load_topology() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  Topology topology(raw);
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (hwloc_topology_load(raw) != 0) return nullptr;
  return topology;
}

int count(hwloc_topology_t topology, hwloc_obj_type_t type) {
  return std::max(0, hwloc_get_nbobjs_by_type(topology, type));
}

/// Bytes of one cache of this kind; 0: none.
std::uint64_t cache_bytes(hwloc_topology_t topology, hwloc_obj_type_t type) {
  const hwloc_obj_t cache = hwloc_get_obj_by_type(topology, type, 0);
  return cache == nullptr ? 0 : cache->attr->cache.size;
}

Json number_or_null(std::uint64_t value) {
  return value == 0 ? Json(nullptr) : Json(value);
}

/// "0-3,8".
std::string as_list(const std::vector<int>& processors) {
  std::string text;
  for (std::size_t i = 0; i < processors.size();) {
    std::size_t last = i;
    while (last + 1 < processors.size() && processors[last + 1] == processors[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(processors[i]);
    if (last > i) text += "-" + std::to_string(processors[last]);
    i = last + 1;
  }
  return text;
}

std::string operating_system() {
  std::ifstream file("/etc/os-release");
  constexpr std::string_view key = "PRETTY_NAME=";
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    std::string name = line.substr(key.size());
    std::erase(name, '"');
    return name;
  }
  return {};
}

std::uint64_t memory_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  std::uint64_t kibibytes = 0;
  return file >> key >> kibibytes && key == "MemTotal:" ? kibibytes * 1024 : 0;
}

Json node_facts(const std::vector<int>& usable) {
  Json facts;
  facts["cpu_model"] = device::cpu_model();
  if (const Topology topology = load_topology()) {
    facts["sockets"] = count(topology.get(), HWLOC_OBJ_PACKAGE);
    facts["numa_nodes"] = count(topology.get(), HWLOC_OBJ_NUMANODE);
    facts["cores"] = count(topology.get(), HWLOC_OBJ_CORE);
    facts["hardware_threads"] = count(topology.get(), HWLOC_OBJ_PU);
    facts["l1d_bytes"] = number_or_null(cache_bytes(topology.get(), HWLOC_OBJ_L1CACHE));
    facts["l2_bytes"] = number_or_null(cache_bytes(topology.get(), HWLOC_OBJ_L2CACHE));
    facts["l3_bytes"] = number_or_null(cache_bytes(topology.get(), HWLOC_OBJ_L3CACHE));
    facts["l3_caches"] = count(topology.get(), HWLOC_OBJ_L3CACHE);
  }
  facts["last_level_cache_bytes"] = number_or_null(last_level_cache_bytes());
  facts["memory_bytes"] = number_or_null(memory_bytes());
  facts["usable_processors"] = usable.size();
  facts["binding"] = as_list(usable);
  facts["cpu_features"] = join(device::cpu_feature_names(), " ");
  facts["cpu_vector_bits"] = number_or_null(static_cast<std::uint64_t>(device::cpu_features().vector_bits));
  facts["cpu_clock_visible"] =
      std::filesystem::exists("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq");
  utsname system = {};
  if (uname(&system) == 0) {
    facts["kernel"] = std::string(system.sysname) + " " + system.release;
    facts["architecture"] = system.machine;
  }
  if (const std::string os = operating_system(); !os.empty()) facts["os"] = os;
  facts["hypervisor"] = device::hypervisor().empty() ? "none" : device::hypervisor();
  facts["gpus_per_node"] = device::gpu_count();
  for (const auto& [name, value] : device::gpu_facts()) {
    const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
    facts[name] = number ? Json(std::stoull(value)) : Json(value);
  }
  return facts;
}

Json mpi_facts(const ProcessGroup& group) {
  char library[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0, version = 0, subversion = 0;
  MPI_Get_library_version(library, &length);  // these two may be called before MPI_Init
  MPI_Get_version(&version, &subversion);
  // The first line names it; MPICH adds how it was built, tab after its key, line by line.
  std::string first(library, std::find(library, library + length, '\n'));
  std::replace(first.begin(), first.end(), '\t', ' ');
  Json mpi;
  mpi["library"] = first;
  mpi["standard"] = std::to_string(version) + "." + std::to_string(subversion);
  mpi["started"] = !group.alone();
  mpi["ranks"] = group.size();
  return mpi;
}

Json library_facts() {
  Json libraries;
  for (const auto& [name, value] : device::host().libraries()) libraries[name] = value;
  libraries["compiler"] = std::string("GNU-compatible C++ compiler ") + __VERSION__;
#ifdef ASSAY_BUILD_FLAGS
  libraries["compiler_flags"] = ASSAY_BUILD_FLAGS;
#endif
#ifdef ASSAY_BUILD_TYPE
  libraries["build_type"] = ASSAY_BUILD_TYPE;
#endif
  return libraries;
}

int ranks_on_my_node(const ProcessGroup& group) {
  int ranks = 0;
  for (int rank = 0; rank < group.size(); ++rank)
    if (group.node_of(rank) == group.node_of(group.rank())) ++ranks;
  return std::max(1, ranks);
}

/// Threads of one rank for a probe that all ranks of the node run at once. A rank that is bound to processors
/// of its own uses them all.
int share_of_threads(const ProcessGroup& group, int usable) {
  const int ranks = ranks_on_my_node(group);
  const int online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return std::max(1, usable < online ? usable : usable / ranks);
}

struct NamedPeak {
  const char* name;
  device::Element element;
};
constexpr NamedPeak peaks[] = {{"peak_f64_flop_per_s", device::Element::f64},
                               {"peak_f32_flop_per_s", device::Element::f32},
                               {"peak_bf16_flop_per_s", device::Element::bf16},
                               {"peak_int8_op_per_s", device::Element::int8}};

/// Adds a rank's ceiling to its node's; one that has none makes the node's unknown.
void add_peak(Json& facts, const char* name, const Json& value) {
  if (!facts.contains(name))
    facts[name] = value;
  else if (facts[name].is_null() || value.is_null())
    facts[name] = nullptr;
  else
    facts[name] = facts[name].get<double>() + value.get<double>();
}

Json measure_peaks(const ProcessGroup& group, int threads) {
  Json found;
  for (const NamedPeak& peak : peaks) {
    group.barrier();
    const std::optional<device::Ceiling> ceiling = device::host().gemm_ceiling(peak.element, threads);
    found[peak.name] = ceiling ? Json(ceiling->per_second) : Json(nullptr);
  }
  group.barrier();
  return found;
}

/// "n3" for a node whose libraries or environment are not those of the first.
void warn_of_difference(const Json& first, const Json& other, const char* what, const std::string& node,
                        std::vector<std::string>& warnings) {
  if (first.at(what) == other.at(what)) return;
  std::set<std::string> names;
  for (const auto& [name, value] : first.at(what).items())
    if (!other.at(what).contains(name) || other.at(what).at(name) != value) names.insert(name);
  for (const auto& [name, value] : other.at(what).items())
    if (!first.at(what).contains(name)) names.insert(name);
  warnings.push_back("Node " + node + " differs from the first in " + what + ": " +
                     join({names.begin(), names.end()}, ", ") + ".");
}

}  // namespace

std::uint64_t last_level_cache_bytes() {
  static const std::uint64_t bytes = [] {
    const Topology topology = load_topology();
    if (!topology) return std::uint64_t{0};
    for (const hwloc_obj_type_t type :
         {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE}) {
      std::uint64_t total = 0;
      for (hwloc_obj_t cache = nullptr;
           (cache = hwloc_get_next_obj_by_type(topology.get(), type, cache)) != nullptr;)
        total += cache->attr->cache.size;
      if (total > 0) return total;
    }
    return std::uint64_t{0};
  }();
  return bytes;
}

std::map<std::string, std::string> allowed_environment() {
  return device::environment_with({"OPENBLAS_", "OMP_", "ONEDNN_", "DNNL_", "MPICH_", "NCCL_", "UCX_"});
}

std::vector<std::string> environment_warnings(const std::map<std::string, std::string>& environment,
                                              int usable_processors) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : environment) {
    const bool threads = name == "OMP_NUM_THREADS" || name == "OMP_THREAD_LIMIT";
    const long limit = std::strtol(value.c_str(), nullptr, 10);
    if (threads && limit > 0 && limit < usable_processors)
      warnings.push_back(name + "=" + value + " is inherited: fewer threads than the " +
                         std::to_string(usable_processors) + " processors that this process may use.");
    else if (name == "OPENBLAS_CORETYPE" || name == "OPENBLAS_L2_SIZE" || name == "OPENBLAS_NUM_THREADS" ||
             name.find("_MAX_CPU_ISA") != std::string::npos)
      warnings.push_back(
          name + "=" + value +
          " is inherited and can slow other programs; assay-bench loads its libraries without it.");
  }
  return warnings;
}

std::string machine_json(const ProcessGroup& group) {
  const std::vector<int> usable = device::usable_processors();
  const int threads = share_of_threads(group, static_cast<int>(usable.size()));
  const std::map<std::string, std::string> environment = allowed_environment();

  bool first_of_node = true;
  for (int rank = 0; rank < group.rank(); ++rank)
    if (group.node_of(rank) == group.node_of(group.rank())) first_of_node = false;
  Json mine;
  mine["peaks"] = measure_peaks(group, threads);
  mine["threads"] = threads;
  if (first_of_node) {
    mine["facts"] = node_facts(usable);
    mine["libraries"] = library_facts();
    const auto gpus = device::gpu_facts();
    const auto missing = gpus.find("gpu_missing");
    mine["environment"] = environment;
    std::vector<std::string> warnings = device::host().warnings();
    for (std::string& warning : environment_warnings(environment, static_cast<int>(usable.size())))
      warnings.push_back(std::move(warning));
    if (missing != gpus.end()) warnings.push_back("No GPU can be measured: " + missing->second + ".");
    mine["warnings"] = warnings;
  }
  const std::vector<std::string> texts =
      group.gather(mine.dump(-1, ' ', false, Json::error_handler_t::replace), 0);
  if (group.rank() != 0) return {};

  Json nodes = Json::array();
  std::map<std::string, std::size_t> place;
  std::vector<std::string> warnings;
  Json first;
  for (int rank = 0; rank < group.size(); ++rank) {
    const std::string& node = group.node_of(rank);
    const Json told = Json::parse(texts[static_cast<std::size_t>(rank)]);
    if (place.emplace(node, nodes.size()).second) {
      if (rank == 0) first = told;
      nodes.push_back({{"node", node}, {"facts", told.at("facts")}});
      nodes.back()["facts"]["peak_threads"] = 0;
      nodes.back()["facts"]["peak_basis"] = "measured";
      for (const Json& warning : told.at("warnings")) {
        const auto text = warning.get<std::string>();
        if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(text);
      }
      warn_of_difference(first, told, "libraries", node, warnings);
      warn_of_difference(first, told, "environment", node, warnings);
    }
    Json& facts = nodes[place.at(node)]["facts"];
    for (const NamedPeak& peak : peaks) add_peak(facts, peak.name, told.at("peaks").at(peak.name));
    facts["peak_threads"] = facts["peak_threads"].get<int>() + told.at("threads").get<int>();
  }
  Json document;
  document["schema"] = "assay.machine/1";
  document["assay_version"] = ASSAY_VERSION;
  document["created"] = utc_now().substr(0, 19) + "Z";  // whole seconds are enough for a machine
  document["nodes"] = nodes;
  document["mpi"] = mpi_facts(group);
  document["libraries"] = first.at("libraries");
  document["environment"] = first.at("environment");
  document["warnings"] = warnings;
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace assay::bench
