#include "reports/render/escape.h"

#include <gtest/gtest.h>

namespace assay::render {
namespace {

constexpr const char* broken = "\xEF\xBF\xBD";  // U+FFFD

TEST(Escape, CleanKeepsWhatCanBeShown) {
  EXPECT_EQ(clean("n017 µs 東京 🙂"), "n017 µs 東京 🙂");
  EXPECT_EQ(clean("a\r\nb\rc\nd\te"), "a b c d e");
  EXPECT_EQ(clean("a\r\nb\rc\nd\te", Lines::keep), "a\nb\nc\nd\te");
}

TEST(Escape, CleanReplacesControlsOverridesAndNonCharacters) {
  for (const char* bad : {"\x1b", "\x07", "\x7f", "\xC2\x9B", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x80\xA8",
                          "\xEF\xBF\xBF", "\xEF\xB7\x90"}) {
    EXPECT_EQ(clean(bad), broken);
  }
  EXPECT_EQ(clean(std::string_view("\0", 1)), broken);
}

TEST(Escape, CleanReplacesEachByteThatIsNotUtf8) {
  EXPECT_EQ(clean("\xFFx"), std::string(broken) + "x");
  EXPECT_EQ(clean("\xC0\xAF"), std::string(broken) + broken);               // '/' in two bytes
  EXPECT_EQ(clean("\xED\xA0\x80"), std::string(broken) + broken + broken);  // a surrogate
  EXPECT_EQ(clean("\xF4\x90\x80\x80").size(), 12u);                         // beyond U+10FFFF
  EXPECT_EQ(clean("\xE2\x82"), std::string(broken) + broken);               // cut off
}

TEST(Escape, HtmlLeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href='x'>\"&amp;</a>"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;amp;&lt;/a&gt;");
}

TEST(Escape, MarkdownStaysInItsCell) {
  EXPECT_EQ(escape_markdown("a|b"), "a\\|b");
  EXPECT_EQ(escape_markdown("**x** <b>"), "\\*\\*x\\*\\* &lt;b&gt;");
  EXPECT_EQ(escape_markdown("a\nb"), "a b");
  EXPECT_EQ(escape_markdown("@all"), "@<!-- -->all");
}

TEST(Escape, CsvQuotesAndDisarmsFormulas) {
  EXPECT_EQ(csv_text("plain"), "plain");
  EXPECT_EQ(csv_text("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_text("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_text("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_text("=1+1"), "'=1+1");
  EXPECT_EQ(csv_text("@x"), "'@x");
  EXPECT_EQ(csv_text(""), "");
}

TEST(Escape, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("µs"), 2u);
  EXPECT_EQ(display_width("東京"), 4u);
  EXPECT_EQ(display_width("e\xCC\x81"), 1u);  // e and a combining accent
  EXPECT_EQ(fitting_bytes("東京", 3), 3u);    // half a character does not fit
}

}  // namespace
}  // namespace assay::render
