// oneDNN for f32, bf16 and int8.
#pragma once

#include <memory>
#include <string>

#include "suites/device/device.h"

namespace assay::device {

struct OneDnnFacts {
  std::string version;  ///< "2.6.3"
  std::string isa;      ///< the widest instruction set that it may use: "avx512_core_bf16"
  std::string cleared;  ///< inherited variables that would have limited it: "DNNL_MAX_CPU_ISA=AVX2"
  std::string warning;  ///< one sentence when it runs below the processor's vector width, else empty
};

/// Lifts inherited limits of the instruction set (before the library's first use) and tells what is left.
const OneDnnFacts& onednn_facts();

std::unique_ptr<Gemm> plan_onednn_gemm(const GemmPlan& plan);

}  // namespace assay::device
