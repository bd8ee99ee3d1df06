// Plain text in columns: wrapping and aligning by what a terminal shows, not by bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay::render {

/// Cuts clean text into lines of at most `columns`, between words where it can. At least one line.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

/// Lines with `first` before the first and as many blanks before the others.
std::string hanging(std::string_view first, std::string_view text, std::size_t columns);

/// Blanks after the text up to `columns`.
std::string padded(std::string_view text, std::size_t columns);

struct Column {
  std::string name;
  std::size_t least = 8;  ///< `fit` narrows the column down to this
  std::size_t width = 0;  ///< set by `fit`; longer texts wrap
};

inline constexpr std::size_t column_gap = 2;

/// Gives each column the width that its cells need; where a row is then wider than `available`, narrows the
/// widest column again and again, first without cutting words, then down to `least`. Returns the width of a
/// whole row.
std::size_t fit(std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows,
                std::size_t available);

/// One row, several lines where cells wrap, each after `indent` blanks; no blanks at the ends of lines.
std::string row_text(const std::vector<Column>& columns, const std::vector<std::string>& cells,
                     std::size_t indent);

}  // namespace assay::render
