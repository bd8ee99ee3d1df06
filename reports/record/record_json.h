// Records as JSON lines. The writer serves the worker and the runner; the reader is strict and fast
// (simdjson), because a campaign of a large machine has hundreds of thousands of lines.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "reports/base/error.h"
#include "reports/record/record.h"

namespace assay {

inline constexpr std::string_view record_schema = "assay.record/1";

/// One line without its newline. Refuses (Error bad_input) a number that is not finite: evidence has none.
std::string to_json_line(const Record& record);

/// Strict: unknown keys, a wrong schema, missing keys, strings for numbers and NaN are an Error(bad_input) at
/// `where`.
Record parse_record(std::string_view line, const Location& where);

struct RecordsRead {
  std::size_t records = 0;
  /// The last line had no newline (the writer was killed); it was not used.
  bool truncated_last_line = false;
};

/// Calls `use` for each record, in file order. A bad line in the middle throws Error(bad_input) naming the
/// line.
RecordsRead read_records(const std::filesystem::path& file, const std::function<void(Record&&)>& use);

}  // namespace assay
