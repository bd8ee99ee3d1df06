// Wall-clock time as evidence has it.
#pragma once

#include <string>

namespace assay {

/// "2026-11-22T10:00:00.123Z"
std::string utc_now();

/// "20261122T100000Z", for names of folders.
std::string utc_compact();

}  // namespace assay
