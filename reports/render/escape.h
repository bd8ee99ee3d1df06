// Making strings of unknown origin safe to show. Names of nodes, devices and clauses come from files that
// anyone may have written; none of them may end a tag, a cell or a terminal line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::render {

enum class Lines { join, keep };

/// Valid UTF-8 that XML 1.0, HTML and terminals can show: broken bytes, control characters, non-characters
/// and marks that reorder text (bidirectional overrides) become U+FFFD. Line breaks and tabs become a space,
/// or with `Lines::keep` stay ("\r\n" and "\r" as "\n").
std::string clean(std::string_view text, Lines lines = Lines::join);

/// Clean, and with & < > " ' as entities: for HTML text and attribute values, and for XML.
std::string escape_html(std::string_view text, Lines lines = Lines::keep);

/// Clean, on one line, and with everything that Markdown or HTML would read as markup made literal; no person
/// or team is called by an '@'.
std::string escape_markdown(std::string_view text);

/// One field of RFC 4180. A text that a spreadsheet would run as a formula (= + - @ first) gets an
/// apostrophe.
std::string csv_text(std::string_view text);

/// Columns that a terminal takes for clean text: 0 for marks that combine, 2 for wide East Asian characters.
std::size_t display_width(std::string_view text);

/// The longest start of `text` that fits into `columns`, never cut within a character; its length in bytes.
std::size_t fitting_bytes(std::string_view text, std::size_t columns);

}  // namespace assay::render
