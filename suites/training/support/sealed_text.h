// Lines of text that show when they were altered: the first line says what they are, the last one is
// "sha256 " with the SHA-256 of everything before it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay::training {

/// `lines` hold no line breaks; the first one is the format and its version.
std::string seal(const std::vector<std::string>& lines);

/// The lines without the seal; absent: cut off or altered. Zeros may follow the seal, nothing else.
std::optional<std::vector<std::string>> unseal(std::string_view text);

}  // namespace assay::training
