#include "reports/render/text_table.h"

#include <gtest/gtest.h>

namespace assay::render {
namespace {

TEST(TextTable, WrapsBetweenWordsWhereItCan) {
  EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(wrap("", 5), (std::vector<std::string>{""}));
  EXPECT_EQ(wrap("東京東京", 4), (std::vector<std::string>{"東京", "東京"}));
}

TEST(TextTable, HangsUnderItsFirstWord) {
  EXPECT_EQ(hanging("- ", "one two", 5), "- one\n  two\n");
}

TEST(TextTable, NarrowsTheWidestColumnFirst) {
  std::vector<Column> columns = {{"A", 3, 0}, {"B", 3, 0}};
  EXPECT_EQ(fit(columns, {{"xx", "one two three"}}, 100), 2 + 2 + 13u);
  EXPECT_EQ(fit(columns, {{"xx", "one two three"}}, 11), 11u);
  EXPECT_EQ(columns[0].width, 2u);
  EXPECT_EQ(columns[1].width, 7u);
  EXPECT_EQ(fit(columns, {{"xx", "one two three"}}, 4), 7u);  // no further than `least`
}

TEST(TextTable, RowsAlignAndEndWithoutBlanks) {
  const std::vector<Column> columns = {{"A", 3, 4}, {"B", 3, 3}};
  EXPECT_EQ(row_text(columns, {"µs", "one two"}, 1), " µs    one\n       two\n");
}

}  // namespace
}  // namespace assay::render
