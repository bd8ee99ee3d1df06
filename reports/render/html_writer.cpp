#include "reports/render/html_writer.h"

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "reports/render/escape.h"

namespace assay::render {

HtmlWriter::Element::~Element() {
  writer_.html_ += "</";
  writer_.html_ += tag_;
  writer_.html_ += ">\n";
}

void HtmlWriter::start(Literal tag, Attributes attributes) {
  html_ += '<';
  html_ += tag.text;
  for (const Attribute& attribute : attributes) {
    html_ += ' ';
    html_ += attribute.name.text;
    html_ += "=\"";
    html_ += escape_html(attribute.value);
    html_ += '"';
  }
}

HtmlWriter::Element HtmlWriter::element(Literal tag, Attributes attributes) {
  start(tag, attributes);
  html_ += '>';
  return {*this, tag.text};
}

void HtmlWriter::leaf(Literal tag, std::string_view content, Attributes attributes) {
  start(tag, attributes);
  html_ += '>';
  text(content);
  html_ += "</";
  html_ += tag.text;
  html_ += '>';
}

void HtmlWriter::empty(Literal tag, Attributes attributes) {
  start(tag, attributes);
  html_ += ">\n";
}

void HtmlWriter::shape(Literal tag, Attributes attributes) {
  start(tag, attributes);
  html_ += "/>";
}

void HtmlWriter::text(std::string_view content) {
  html_ += escape_html(content);
}

void HtmlWriter::stylesheet(std::string_view css) {
  if (css.find("</") != std::string_view::npos) throw std::logic_error("the style sheet contains '</'");
  html_ += "<style>";
  html_ += css;
  html_ += "</style>\n";
}

std::string number(double value) {
  if (!std::isfinite(value)) return "0";
  char buffer[400];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, 2).ptr;
  std::string text(buffer, end);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string percent(double share) {
  return number(100 * share) + "%";
}

std::string fragment(std::string_view name) {
  std::string id;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    id += plain ? c : '-';
  }
  constexpr std::size_t longest = 60;
  if (id.size() > longest) id.resize(longest);
  return id;
}

}  // namespace assay::render
