#include "reports/render/escape.h"

#include <cstdint>

namespace assay::render {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

struct Decoded {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

/// The next character, by the table of well-formed byte sequences of the Unicode standard (3-7).
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  std::size_t length = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return {0, 1, false};
  std::uint32_t code = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 1, false};
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {0, 1, false};
  return {code, length, true};
}

bool showable(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) return false;  // controls
  if (code == 0x2028 || code == 0x2029) return false;               // line and paragraph separators
  if (code >= 0x202A && code <= 0x202E) return false;               // bidirectional embeddings, overrides
  if (code >= 0x2066 && code <= 0x2069) return false;               // bidirectional isolates
  if (code == 0x200E || code == 0x200F || code == 0x061C) return false;  // direction marks
  if (code >= 0xFDD0 && code <= 0xFDEF) return false;                    // non-characters
  return (code & 0xFFFE) != 0xFFFE;
}

bool combines(std::uint32_t code) {
  return (code >= 0x300 && code <= 0x36F) || (code >= 0x1AB0 && code <= 0x1AFF) ||
         (code >= 0x20D0 && code <= 0x20FF) || (code >= 0xFE00 && code <= 0xFE0F) || code == 0x200B ||
         code == 0x200C || code == 0x200D || code == 0xFEFF;
}

bool is_wide(std::uint32_t code) {
  return (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
         (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
         (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
         (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x1F300 && code <= 0x1FAFF) ||
         (code >= 0x20000 && code <= 0x3FFFD);
}

std::size_t columns_of(std::uint32_t code) {
  return combines(code) ? 0 : is_wide(code) ? 2 : 1;
}

}  // namespace

std::string clean(std::string_view text, Lines lines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    const bool line_break = next.valid && (next.code == '\n' || next.code == '\r');
    std::size_t used = next.bytes;
    if (line_break) {
      if (next.code == '\r' && text.size() > 1 && text[1] == '\n') used = 2;
      result += lines == Lines::keep ? '\n' : ' ';
    } else if (next.valid && next.code == '\t') {
      result += lines == Lines::keep ? '\t' : ' ';
    } else if (next.valid && showable(next.code)) {
      result.append(text.substr(0, used));
    } else {
      result += replacement;
    }
    text.remove_prefix(used);
  }
  return result;
}

std::string escape_html(std::string_view text, Lines lines) {
  std::string result;
  for (const char c : clean(text, lines)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string escape_markdown(std::string_view text) {
  constexpr std::string_view special = "\\`*_{}[]()#~|!";
  std::string result;
  for (const char c : clean(text)) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '@') {
      result += "@<!-- -->";  // GitHub and GitLab look for names in the text that remains
    } else {
      if (special.find(c) != std::string_view::npos) result += '\\';
      result += c;
    }
  }
  return result;
}

std::string csv_text(std::string_view text) {
  std::string cell = clean(text, Lines::keep);
  if (!cell.empty() && std::string_view("=+-@\t").find(cell.front()) != std::string_view::npos) {
    cell.insert(cell.begin(), '\'');
  }
  if (cell.find_first_of(",\"\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    columns += next.valid ? columns_of(next.code) : 1;
    text.remove_prefix(next.bytes);
  }
  return columns;
}

std::size_t fitting_bytes(std::string_view text, std::size_t columns) {
  std::size_t bytes = 0;
  std::size_t used = 0;
  while (bytes < text.size()) {
    const Decoded next = decode(text.substr(bytes));
    used += next.valid ? columns_of(next.code) : 1;
    if (used > columns) break;
    bytes += next.bytes;
  }
  return bytes;
}

}  // namespace assay::render
