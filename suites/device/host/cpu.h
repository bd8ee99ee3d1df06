// What this processor can do, by CPUID.
#pragma once

#include <string>
#include <vector>

namespace assay::device {

struct CpuFeatures {
  bool fma = false;          ///< FMA3 with AVX2
  bool avx512 = false;       ///< F, DQ, BW and VL: what libraries mean by "AVX-512 core"
  bool avx512_bf16 = false;  ///< vdpbf16ps
  bool avx512_vnni = false;  ///< vpdpbusd, 512 bits
  bool avx_vnni = false;     ///< vpdpbusd, VEX-coded, 256 bits
  bool amx_bf16 = false;
  bool amx_int8 = false;
  int vector_bits = 0;  ///< widest floating-point vectors; 0: not known
};

const CpuFeatures& cpu_features();

/// Names of the features that matter for arithmetic, as the Linux kernel spells them.
std::vector<std::string> cpu_feature_names();

/// "AMD EPYC 9754"; "unknown processor" when the system does not say.
std::string cpu_model();

/// The hypervisor's signature ("KVMKVMKVM"), empty on bare metal.
std::string hypervisor();

/// Processors that this process may run on. With OpenMP binding its threads, those of all its places: the
/// initial thread's own mask is then only one of them.
std::vector<int> usable_processors();

}  // namespace assay::device
