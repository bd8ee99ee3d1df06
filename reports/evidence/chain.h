// Files whose lines are chained by hashes: the journal of a campaign and the register of campaigns.
// Each line is one JSON object {"schema":S,"time":UTC,"event":NAME,...,"previous":HASH} where HASH is the
// SHA-256 of the line before (without its newline), and of the empty text for the first line. A line that was
// changed, removed or put in between breaks the chain at the line after it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reports/base/files.h"

namespace assay {

using ChainValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;
using ChainValues = std::map<std::string, ChainValue>;

struct ChainEntry {
  int line = 0;      ///< in the file, from 1
  std::string time;  ///< UTC, as the writer gave it
  std::string event;
  ChainValues values;

  /// Empty, 0 or false when the entry has no such value or one of another type.
  std::string text(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
};

struct Chain {
  std::vector<ChainEntry> entries;
  std::string last_hash;             ///< of the last whole line; of the empty text when there is none
  std::size_t whole_bytes = 0;       ///< up to the end of the last whole line
  bool truncated_last_line = false;  ///< its writer was killed; the part was not used
};

/// Throws Error(bad_input) naming the line: not JSON, another schema, a missing key, a broken chain.
/// A file that does not exist is an empty chain.
Chain read_chain(const std::filesystem::path& file, std::string_view schema);

/// One line with its newline.
std::string chain_line(std::string_view schema, const std::string& time, const std::string& event,
                       const ChainValues& values, const std::string& previous);

/// A chain that grows. Each `append` is durable when it returns.
class ChainFile {
 public:
  /// Reads what is there and checks it. A last line cut off by a kill is taken away first.
  ChainFile(const std::filesystem::path& file, std::string_view schema);

  /// Throws Error(cannot_run) when the line could not be written; the file is then as before.
  void append(const std::string& time, const std::string& event, const ChainValues& values);

 private:
  std::string schema_;
  std::string last_hash_;
  AppendFile file_;
};

}  // namespace assay
