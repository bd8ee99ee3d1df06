// Which GPU's sources are in this build. Code behind `if constexpr (gpu::compiled)` may call what only a GPU
// build has: discarded, it needs no definition.
#pragma once

#if __has_include("suites/device/gpu/build_settings.h")
#include "suites/device/gpu/build_settings.h"
#else
#define ASSAY_GPU_COMPILED 0
#define ASSAY_GPU_WORDS "not compiled in"
#endif

namespace assay::gpu {

inline constexpr bool compiled = ASSAY_GPU_COMPILED != 0;
/// The compiler and its targets; "not compiled in".
inline constexpr const char* build_words = ASSAY_GPU_WORDS;

}  // namespace assay::gpu
