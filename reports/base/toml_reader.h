// Strict reading of TOML: every key must be asked for, every value has a place (line and column), and what is
// wrong is said with what was expected.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reports/base/error.h"

namespace assay {

using TomlScalar = std::variant<bool, std::int64_t, double, std::string>;

struct PlacedScalar {
  TomlScalar value;
  Location where;
};

/// One table of a document. Getters remember which keys were asked for; `finish` refuses the others.
/// Every getter throws Error(bad_input) when the value has another type than asked for.
class TomlTable {
 public:
  /// Throws Error(bad_input) with line and column for a syntax error.
  static TomlTable parse(std::string_view text, const std::string& file);

  std::optional<std::string> string(std::string_view key);
  std::string required_string(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  std::optional<double> number(std::string_view key);  ///< integers serve as numbers
  std::optional<bool> boolean(std::string_view key);
  std::optional<PlacedScalar> scalar(std::string_view key);
  std::vector<PlacedScalar> scalars(std::string_view key);  ///< a scalar or a list of them; empty when absent
  std::optional<TomlTable> table(std::string_view key);
  std::vector<TomlTable> tables(std::string_view key);  ///< [[key]]; empty when absent
  std::vector<std::string> keys() const;
  bool has(std::string_view key);  ///< counts as asking for it

  Location where() const;                      ///< of the table
  Location where(std::string_view key) const;  ///< of the value, or of the table when absent

  /// Throws Error(bad_input) for the first key that was never asked for, naming the nearest asked-for one.
  void finish() const;

 private:
  struct Impl;
  explicit TomlTable(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace assay
