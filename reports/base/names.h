// Names that people type, and the nearest right one when they mistype.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours), when that
/// distance is at most a third of the longer name (and at least 1 edit is always allowed).
std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "did you mean 'x'?", or else "known: a, b, c" (at most 12 of them).
std::string suggest(std::string_view name, const std::vector<std::string>& candidates);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace assay
