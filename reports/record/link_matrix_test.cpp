// The compact link matrix: sizes by computing, round trips, and every kind of damage refused.
#include "reports/record/link_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "reports/record/damaged_attachment_testing.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LinkMatrix small() {
  LinkMatrix matrix;
  matrix.endpoints = {{"n1", 0}, {"n2", 4}, {"n3", 8}};
  matrix.message_bytes = 1 << 20;
  matrix.codes = {link_code(1e9), 0, link_code(2e9)};
  matrix.alone = {{0, 2, 1.5e9}};
  return matrix;
}

std::string refusal(const std::string& bytes) {
  return refusal_of(decode_links, bytes);
}

TEST(LinkCode, IsWithinAFortiethOfAPercent) {
  // By hand: 1 B/s is code 1, each octave 1365 more; 1 MiB/s is 20 octaves up.
  EXPECT_EQ(link_code(1), 1);
  EXPECT_EQ(link_code(2), 1366);
  EXPECT_EQ(link_code(1048576), 27301);
  EXPECT_DOUBLE_EQ(rate_of_code(27301), 1048576);
  for (double rate = 1; rate < 2.8e14; rate *= 1.0377) {
    EXPECT_NEAR(rate_of_code(link_code(rate)) / rate, 1, 2.6e-4) << rate;
  }
}

TEST(LinkCode, OnlyWhatWasNotMeasuredIsZero) {
  EXPECT_EQ(link_code(0), 0);
  EXPECT_EQ(link_code(-1), 0);
  EXPECT_EQ(link_code(std::nan("")), 0);
  EXPECT_EQ(link_code(std::numeric_limits<double>::infinity()), 0);
  EXPECT_EQ(rate_of_code(0), 0);
  EXPECT_EQ(link_code(1e-9), 1);  // far too slow is still measured
  EXPECT_EQ(link_code(1e30), 65535);
}

TEST(LinkMatrix, PairsAreTheUpperTriangleRowByRow) {
  EXPECT_EQ(pair_count(1), 0U);
  EXPECT_EQ(pair_count(10000), 49'995'000U);
  for (const std::size_t n : {2U, 3U, 5U, 64U}) {
    std::size_t expected = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j) EXPECT_EQ(pair_index(n, i, j), expected++);
    }
    EXPECT_EQ(expected, pair_count(n));
  }
}

TEST(LinkMatrix, TenThousandNodesAreAHundredMegabytes) {
  // 49,995,000 codes of two bytes; 10,000 names of six bytes with rank and length; 16 pairs alone.
  const std::uint64_t bytes = encoded_link_bytes(10000, 60000, 16);
  EXPECT_EQ(bytes, 32U + 10000U * 6 + 60000 + 99'990'000U + 16U * 16);
  EXPECT_LT(bytes, 101'000'000U);
}

TEST(LinkMatrix, BytesAreThoseOfTheFormat) {
  const std::string bytes = encode_links(small());
  EXPECT_EQ(bytes.size(), encoded_link_bytes(3, 6, 1));
  EXPECT_EQ(bytes.substr(0, 8), "ASYLINKS");
  EXPECT_EQ(bytes.substr(8, 8), std::string("\1\0\0\0\3\0\0\0", 8));
  EXPECT_EQ(bytes.substr(32, 8), std::string("\0\0\0\0\2\0n1", 8));
  EXPECT_TRUE(is_link_matrix(bytes));
  EXPECT_FALSE(is_link_matrix("ASYLINK"));
}

TEST(LinkMatrix, WhatWasWrittenIsRead) {
  EXPECT_EQ(decode_links(encode_links(small()), "x"), small());
  LinkMatrix large;
  for (int i = 0; i < 300; ++i) large.endpoints.push_back({"node" + std::to_string(i / 2), i});
  for (std::size_t p = 0; p < pair_count(300); ++p) large.codes.push_back(static_cast<std::uint16_t>(p));
  EXPECT_EQ(decode_links(encode_links(large), "x"), large);
}

TEST(LinkMatrix, NamesTellRanksOnlyWhereANodeHasSeveral) {
  LinkMatrix matrix = small();
  EXPECT_THAT(endpoint_names(matrix), ElementsAre("n1", "n2", "n3"));
  matrix.endpoints[1].node = "n1";
  EXPECT_THAT(endpoint_names(matrix), ElementsAre("n1 rank 0", "n1 rank 4", "n3 rank 8"));
}

TEST(LinkMatrix, EveryTruncationAndEveryExtensionIsRefused) {
  const std::string bytes = encode_links(small());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(refusal(bytes.substr(0, size)), HasSubstr("attachments/x: this link matrix")) << size;
  }
  EXPECT_THAT(refusal(bytes + '\0'), HasSubstr("instead of"));
}

TEST(LinkMatrix, GarbageIsRefusedBeforeAnythingIsAllocated) {
  const std::string whole = encode_links(small());
  const auto damaged = [&](std::size_t at, std::string_view with) {
    std::string bytes = whole;
    bytes.replace(at, with.size(), with);
    return refusal(bytes);
  };
  using namespace std::string_view_literals;
  EXPECT_THAT(refusal(std::string(100, 'x')), HasSubstr("does not begin as one"));
  EXPECT_THAT(damaged(8, "\2"sv), HasSubstr("version 2, expected 1"));
  EXPECT_THAT(damaged(12, "\1"sv), HasSubstr("it has 1 endpoints"));
  EXPECT_THAT(damaged(12, "\xff\xff\xff\xff"sv), HasSubstr("endpoints"));
  EXPECT_THAT(damaged(12, "\0\0\1\0"sv), HasSubstr("instead of"));
  EXPECT_THAT(damaged(24, "\xff\xff\xff\xff"sv), HasSubstr("more pairs were measured again"));
  EXPECT_THAT(damaged(28, "\xff\xff\xff\xff"sv), HasSubstr("instead of"));
  EXPECT_THAT(damaged(36, "\xff\xff"sv), HasSubstr("cut off"));  // length of the first name
  EXPECT_THAT(damaged(38, "\n"sv), HasSubstr("no proper name"));
  EXPECT_THAT(damaged(35, "\xff"sv), HasSubstr("out of range"));  // its rank
  const std::size_t alone = whole.size() - 16;
  EXPECT_THAT(damaged(alone, "\2"sv), HasSubstr("no pair"));                        // 2 and 2
  EXPECT_THAT(damaged(alone + 4, "\3"sv), HasSubstr("no pair"));                    // beyond the last
  EXPECT_THAT(damaged(alone + 8, "\0\0\0\0\0\0\xf8\x7f"sv), HasSubstr("no pair"));  // NaN
  LinkMatrix twice = small();
  twice.endpoints[1] = twice.endpoints[0];
  EXPECT_THAT(refusal(encode_links(twice)), HasSubstr("there twice"));
}

}  // namespace
}  // namespace assay
