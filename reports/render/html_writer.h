// Writing HTML so that forgetting to escape is hard: tags, attribute names and raw markup can only be string
// literals of this program (checked when compiling); whatever is only known at run time goes through `text`
// or an attribute value, and both escape.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace assay::render {

/// Text that stands in the program itself. Its constructor runs when compiling, so a string read from a file
/// cannot become one.
struct Literal {
  std::string_view text;
  consteval Literal(const char* literal) : text(literal) {}  // NOLINT(google-explicit-constructor): by design
};

struct Attribute {
  Literal name;
  std::string value;
};
using Attributes = std::initializer_list<Attribute>;

class HtmlWriter {
 public:
  /// Closes its element when it goes out of scope.
  class Element {
   public:
    Element(HtmlWriter& writer, std::string_view tag) : writer_(writer), tag_(tag) {}
    ~Element();
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;

   private:
    HtmlWriter& writer_;
    std::string_view tag_;
  };

  [[nodiscard]] Element element(Literal tag, Attributes attributes = {});
  /// <tag ...>text</tag>
  void leaf(Literal tag, std::string_view text, Attributes attributes = {});
  /// <tag ...>: elements of HTML that have no content.
  void empty(Literal tag, Attributes attributes = {});
  /// <tag .../>: elements of SVG without content.
  void shape(Literal tag, Attributes attributes = {});
  void text(std::string_view text);
  void raw(Literal markup) { html_ += markup.text; }
  /// Throws std::logic_error when the sheet could end its own element.
  void stylesheet(std::string_view css);

  std::string take() { return std::move(html_); }

 private:
  void start(Literal tag, Attributes attributes);

  std::string html_;
};

/// A number for an attribute: at most two decimals, "." whatever the locale.
std::string number(double value);
/// 0.342 is "34.2%".
std::string percent(double share);
/// A fragment id: letters, digits, '.', '_' and '-' stay, the rest becomes '-'.
std::string fragment(std::string_view name);

}  // namespace assay::render
