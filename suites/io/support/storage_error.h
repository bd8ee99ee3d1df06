// What went wrong with a file or folder, said so that a person knows what to do next.
#pragma once

#include <filesystem>
#include <string>

#include "reports/base/error.h"

namespace assay::bench {

/// An Error(cannot_run): "PATH: cannot ACTION: No space left on device; free some or ask for fewer bytes".
/// `action` is the rest of "cannot": "write 1048576 bytes at offset 0". `number` is an errno value.
Error storage_error(const std::string& action, const std::filesystem::path& path, int number);

}  // namespace assay::bench
