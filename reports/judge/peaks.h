// Theoretical peaks of known devices: reference_results/peaks/*.toml, "assay.peaks/1".
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "reports/record/record.h"

namespace assay {

/// Device name as its driver tells it ("NVIDIA H200") -> figure -> peak. Figures are data types ("bf16":
/// FLOP/s, dense) and "memory", "scale_up" (B/s).
using Peaks = std::map<std::string, std::map<std::string, Peak>>;

/// Figures that no source was seen for say so in their peak's source. Throws Error(bad_input).
Peaks parse_peaks(std::string_view toml, const std::string& file);

}  // namespace assay
