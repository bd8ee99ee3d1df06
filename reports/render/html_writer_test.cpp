#include "reports/render/html_writer.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <type_traits>

namespace assay::render {
namespace {

// What makes forgetting hard: nothing known at run time can become markup.
static_assert(!std::is_constructible_v<Literal, std::string>);
static_assert(!std::is_constructible_v<Literal, std::string_view>);

TEST(HtmlWriter, EscapesTextAndAttributes) {
  HtmlWriter html;
  html.leaf("p", "a<b & \"c\"", {{"title", "\"><script>"}});
  EXPECT_EQ(html.take(), "<p title=\"&quot;&gt;&lt;script&gt;\">a&lt;b &amp; &quot;c&quot;</p>");
}

TEST(HtmlWriter, ElementsCloseInOrder) {
  HtmlWriter html;
  {
    const auto outer = html.element("ul");
    const auto inner = html.element("li", {{"class", "x"}});
    html.text("y");
  }
  EXPECT_EQ(html.take(), "<ul><li class=\"x\">y</li>\n</ul>\n");
}

TEST(HtmlWriter, ShapesCloseThemselves) {
  HtmlWriter html;
  html.shape("rect", {{"x", percent(0.3421)}});
  EXPECT_EQ(html.take(), "<rect x=\"34.21%\"/>");
}

TEST(HtmlWriter, RefusesAStyleSheetThatEndsItself) {
  HtmlWriter html;
  EXPECT_THROW(html.stylesheet("a{}</style><script>"), std::logic_error);
}

TEST(HtmlWriter, NumbersAreShortAndNeverInfinite) {
  EXPECT_EQ(number(3), "3");
  EXPECT_EQ(number(2.5), "2.5");
  EXPECT_EQ(number(0.004), "0");
  EXPECT_EQ(number(-0.001), "0");
  EXPECT_EQ(number(1.0 / 0.0), "0");
}

TEST(HtmlWriter, FragmentsHoldNoBlanks) {
  EXPECT_EQ(fragment("4.2.1"), "4.2.1");
  EXPECT_EQ(fragment("a b\"<c"), "a-b--c");
  EXPECT_EQ(fragment(std::string(500, 'x')).size(), 60u);
}

}  // namespace
}  // namespace assay::render
