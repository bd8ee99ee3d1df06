#include "suites/device/host/cpu.h"

#include <omp.h>
#include <sched.h>

#include <cstring>
#include <fstream>
#include <set>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace assay::device {

namespace {

struct NamedFeature {
  const char* name;
  bool present;
};

std::vector<NamedFeature> probe_features() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return {{"sse4_2", __builtin_cpu_supports("sse4.2") != 0},
          {"avx", __builtin_cpu_supports("avx") != 0},
          {"avx2", __builtin_cpu_supports("avx2") != 0},
          {"fma", __builtin_cpu_supports("fma") != 0},
          {"avx_vnni", __builtin_cpu_supports("avxvnni") != 0},
          {"avx512f", __builtin_cpu_supports("avx512f") != 0},
          {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
          {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
          {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
          {"avx512_vnni", __builtin_cpu_supports("avx512vnni") != 0},
          {"avx512_bf16", __builtin_cpu_supports("avx512bf16") != 0},
          {"avx512_fp16", __builtin_cpu_supports("avx512fp16") != 0},
          {"amx_tile", __builtin_cpu_supports("amx-tile") != 0},
          {"amx_bf16", __builtin_cpu_supports("amx-bf16") != 0},
          {"amx_int8", __builtin_cpu_supports("amx-int8") != 0}};
#else
  return {};
#endif
}

CpuFeatures probe() {
  std::set<std::string> present;
  for (const NamedFeature& feature : probe_features())
    if (feature.present) present.insert(feature.name);
  const auto has = [&present](const char* name) { return present.count(name) != 0; };
  CpuFeatures features;
  features.fma = has("fma") && has("avx2");
  features.avx512 = has("avx512f") && has("avx512dq") && has("avx512bw") && has("avx512vl");
  features.avx512_bf16 = features.avx512 && has("avx512_bf16");
  features.avx512_vnni = features.avx512 && has("avx512_vnni");
  features.avx_vnni = has("avx_vnni");
  features.amx_bf16 = has("amx_tile") && has("amx_bf16");
  features.amx_int8 = has("amx_tile") && has("amx_int8");
#if defined(__x86_64__)
  features.vector_bits = features.avx512 ? 512 : has("avx") ? 256 : 128;
#endif
  return features;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = probe();
  return features;
}

std::vector<std::string> cpu_feature_names() {
  std::vector<std::string> names;
  for (const NamedFeature& feature : probe_features())
    if (feature.present) names.emplace_back(feature.name);
  return names;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

std::string hypervisor() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 31) == 0) return {};
  __cpuid(0x40000000u, a, b, c, d);
  char signature[13] = {};
  std::memcpy(signature, &b, 4);
  std::memcpy(signature + 4, &c, 4);
  std::memcpy(signature + 8, &d, 4);
  return signature[0] == '\0' ? "unnamed" : signature;
#else
  return {};
#endif
}

std::vector<int> usable_processors() {
  std::set<int> processors;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    processors.insert(ids.begin(), ids.end());
  }
  // CPU_SETSIZE (1024) is exceeded by the largest nodes: a mask of our own size.
  const int limit = 1 << 16;
  cpu_set_t* mask = CPU_ALLOC(limit);
  const std::size_t bytes = CPU_ALLOC_SIZE(limit);
  if (mask != nullptr && sched_getaffinity(0, bytes, mask) == 0) {
    for (int cpu = 0; cpu < limit; ++cpu)
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, mask)) processors.insert(cpu);
  }
  CPU_FREE(mask);
  return {processors.begin(), processors.end()};
}

}  // namespace assay::device
