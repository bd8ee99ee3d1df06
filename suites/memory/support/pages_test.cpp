#include "suites/memory/support/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace assay::bench {
namespace {

using testing::HasSubstr;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

TEST(Pages, AreAlignedAndEmpty) {
  Pages pages(5 * mebibyte, PageSize::normal);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages.data()) % (2 * mebibyte), 0u);
  EXPECT_EQ(pages.data()[5 * mebibyte - 1], std::byte{0});
  std::memset(pages.data(), 1, pages.bytes());
  EXPECT_EQ(pages.huge_bytes(), 0u);  // they were declined
  std::byte* const at = pages.data();
  const Pages moved = std::move(pages);
  EXPECT_EQ(moved.data(), at);
}

TEST(Pages, LargeOnesAreNeverMoreThanTheMemory) {
  const Pages pages(3 * mebibyte, PageSize::huge);
  std::memset(pages.data(), 1, pages.bytes());
  EXPECT_LE(pages.huge_bytes(), pages.bytes());
}

TEST(Pages, AreDescribed) {
  EXPECT_EQ(describe_pages(0, 100, PageSize::normal), "normal");
  EXPECT_THAT(describe_pages(0, 100, PageSize::automatic), HasSubstr("no large ones"));
  EXPECT_THAT(describe_pages(100, 100, PageSize::huge), HasSubstr("all of the memory"));
  EXPECT_THAT(describe_pages(25, 100, PageSize::huge), HasSubstr("25.0 %"));
}

TEST(Pages, ACaseThatNamesLargePagesIsInvalidWithoutThem) {
  EXPECT_EQ(why_pages_invalid(0, 100, PageSize::automatic), "");
  EXPECT_EQ(why_pages_invalid(0, 100, PageSize::normal), "");
  EXPECT_EQ(why_pages_invalid(90, 100, PageSize::huge), "");
  EXPECT_THAT(why_pages_invalid(89, 100, PageSize::huge), HasSubstr("transparent_hugepage"));
}

}  // namespace
}  // namespace assay::bench
