// What the formats for people look like, line by line, compared with tests/golden/. After a wanted change:
//   cmake --build build/host --target golden
// and read the difference in review.
#include <gtest/gtest.h>

#include <filesystem>

#include "reports/base/files.h"
#include "reports/render/render.h"
#include "reports/render/sample_judgement_test.h"

namespace assay {
namespace {

void expect_golden(const std::string& name, const std::string& rendered) {
  const std::filesystem::path file = std::filesystem::path(ASSAY_SOURCE_DIR) / "tests" / "golden" / name;
  ASSERT_TRUE(std::filesystem::exists(file)) << file << " is missing: build the target golden";
  EXPECT_EQ(rendered, read_file(file))
      << "if the change is wanted, build the target golden and review its diff";
}

TEST(Golden, Text) {
  expect_golden("small.txt", render_text(samples::small()));
}
TEST(Golden, TextOfEverything) {
  expect_golden("everything.txt", render_text(samples::everything()));
}
TEST(Golden, Markdown) {
  expect_golden("small.md", render_markdown(samples::small()));
}
TEST(Golden, Csv) {
  expect_golden("small.csv", render_csv(samples::small()));
}
TEST(Golden, Junit) {
  expect_golden("small.xml", render_junit(samples::small()));
}

}  // namespace
}  // namespace assay
