#include "reports/render/text_table.h"

#include <algorithm>

#include "reports/render/escape.h"

namespace assay::render {

std::vector<std::string> wrap(std::string_view text, std::size_t columns) {
  columns = std::max<std::size_t>(columns, 2);  // a wide character needs two
  std::vector<std::string> lines;
  while (display_width(text) > columns) {
    std::size_t cut = fitting_bytes(text, columns);
    std::size_t next = cut;
    // A blank just after the line's end is where it breaks best.
    const auto blank = text[cut] == ' ' ? cut : text.rfind(' ', cut);
    if (blank != std::string_view::npos && blank > 0) {
      cut = blank;
      next = blank + 1;
    }
    lines.emplace_back(text.substr(0, cut));
    text.remove_prefix(next);
  }
  lines.emplace_back(text);
  return lines;
}

std::string hanging(std::string_view first, std::string_view text, std::size_t columns) {
  const std::size_t indent = display_width(first);
  std::string result;
  std::string_view before = first;
  const std::string blanks(indent, ' ');
  for (const std::string& line : wrap(text, columns > indent ? columns - indent : 2)) {
    result += std::string(before) + line + "\n";
    before = blanks;
  }
  return result;
}

std::string padded(std::string_view text, std::size_t columns) {
  const std::size_t width = display_width(text);
  return std::string(text) + std::string(width < columns ? columns - width : 0, ' ');
}

namespace {

/// Takes columns off the widest ones until the row fits or each has its `least`.
void narrow(std::vector<Column>& columns, std::size_t& total, std::size_t available) {
  const auto room = [](const Column& column) { return column.width > column.least ? column.width : 0; };
  while (total > available) {
    const auto widest = std::max_element(columns.begin(), columns.end(),
                                         [&](const Column& a, const Column& b) { return room(a) < room(b); });
    if (widest == columns.end() || room(*widest) == 0) return;
    --widest->width;
    --total;
  }
}

std::size_t longest_word(std::string_view text) {
  std::size_t longest = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    longest = std::max(longest, display_width(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return longest;
}

}  // namespace

std::size_t fit(std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows,
                std::size_t available) {
  std::size_t total = columns.empty() ? 0 : column_gap * (columns.size() - 1);
  std::vector<Column> whole_words = columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Column& column = whole_words[i];
    column.width = display_width(column.name);
    for (const auto& row : rows) {
      column.width = std::max(column.width, display_width(row[i]));
      column.least = std::max(column.least, longest_word(row[i]));
    }
    total += column.width;
  }
  narrow(whole_words, total, available);
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].width = whole_words[i].width;
  narrow(columns, total, available);
  return total;
}

std::string row_text(const std::vector<Column>& columns, const std::vector<std::string>& cells,
                     std::size_t indent) {
  std::vector<std::vector<std::string>> wrapped;
  std::size_t height = 1;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    wrapped.push_back(wrap(cells[i], columns[i].width));
    height = std::max(height, wrapped.back().size());
  }
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    std::string row(indent, ' ');
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string cell = line < wrapped[i].size() ? wrapped[i][line] : "";
      row += padded(cell, columns[i].width) + std::string(column_gap, ' ');
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

}  // namespace assay::render
