// The rank map: what is written is read, many ranks stay small, and what is damaged is refused.
#include "reports/record/rank_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "reports/record/damaged_attachment_testing.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RankMap small() {
  RankMap map;
  map.quantity = "a \"quoted\" one";
  map.steps = 5;
  map.steps_per_column = 2;
  map.ranks = {{"n1", 1, 0.25, 0.5, {0.5, 0.25, 0.125}, {0.75, 0.25, 0.125}},
               {"n2", 4, 1, 0.125, {1, 1, 1}, {1, 1, 1}},
               {"n1", 0, 0, 0, {0, 0, 0}, {0, 0, 0}}};
  return map;
}

std::string refusal(const std::string& bytes) {
  return refusal_of(parse_rank_map, bytes);
}

std::string damaged(const std::string& part, const std::string& with) {
  return refusal_of_damaged(parse_rank_map, to_json(small()), part, with);
}

TEST(RankMap, TextIsThatOfTheFormat) {
  // The largest is 1 s: in units of 20 us it has at most five digits, in units of 10 us it would have six.
  EXPECT_EQ(to_json(small()),
            "{\"schema\":\"assay.rank_map/1\",\"quantity\":\"a \\\"quoted\\\" one\",\"steps\":5,"
            "\"steps_per_column\":2,\"unit_s\":2e-05,\"nodes\":[\"n1\",\"n2\"],\"node\":[0,1,0],"
            "\"last\":[1,4,0],\"median_s\":[0.25,1.0,0.0],\"jitter\":[0.5,0.125,0.0],"
            "\"mean\":[[25000,12500,6250],[50000,50000,50000],[0,0,0]],"
            "\"max\":[[37500,12500,6250],[50000,50000,50000],[0,0,0]]}\n");
}

TEST(RankMap, WhatWasWrittenIsRead) {
  RankMap read = parse_rank_map(to_json(small()), "x");
  ASSERT_EQ(read.ranks.size(), 3u);
  EXPECT_NEAR(read.ranks[0].max_s[0], 0.75, 1e-12);
  // Times are whole multiples of the unit here, but for rounding in the last bit.
  for (std::size_t rank = 0; rank < 3; ++rank) {
    for (std::size_t column = 0; column < 3; ++column) {
      EXPECT_NEAR(read.ranks[rank].mean_s[column], small().ranks[rank].mean_s[column], 1e-12);
    }
    read.ranks[rank].mean_s = small().ranks[rank].mean_s;
    read.ranks[rank].max_s = small().ranks[rank].max_s;
  }
  EXPECT_EQ(read, small());
  EXPECT_EQ(parse_rank_map(to_json(RankMap{}), "x"), RankMap{});
}

TEST(RankMap, AnyLargestTimeIsWithinItsDigits) {
  for (double largest = 1e-9; largest < 1e6; largest *= 1.0377) {
    RankMap map;
    map.steps = 1;
    map.ranks = {{"n", 1, largest, 0, {largest}, {largest}}};
    const RankMap read = parse_rank_map(to_json(map), "x");
    EXPECT_NEAR(read.ranks[0].max_s[0] / largest, 1, 5e-5) << largest;
  }
}

TEST(RankMap, ColumnsHoldMeanAndMaximum) {
  RankRow row;
  fill_columns(row, {1, 3, 5, 4, 8}, 2);
  EXPECT_THAT(row.mean_s, ElementsAre(2, 4.5, 8));
  EXPECT_THAT(row.max_s, ElementsAre(3, 5, 8));
  fill_columns(row, {}, 2);
  EXPECT_THAT(row.mean_s, ElementsAre());
}

TEST(RankMap, TenThousandRanksStayBelowThreeMegabytes) {
  EXPECT_EQ(steps_per_column(4, 40), 1);
  EXPECT_EQ(steps_per_column(4, 64), 1);
  EXPECT_EQ(steps_per_column(4, 65), 2);
  EXPECT_EQ(steps_per_column(4, 0), 1);
  EXPECT_EQ(steps_per_column(10'000, 1000), 50);       // 20 columns
  EXPECT_EQ(steps_per_column(1'000'000, 1000), 1000);  // one column is the least
  RankMap map;
  map.steps = 2000;
  map.steps_per_column = steps_per_column(10'000, map.steps);
  std::vector<double> times(2000, 0.6543217);
  for (int rank = 0; rank < 10'000; ++rank) {
    RankRow& row = map.ranks.emplace_back();
    row.node = "node" + std::to_string(rank);
    row.last = 1234;
    row.median_s = 0.65432171;
    row.jitter = 0.012345678;
    fill_columns(row, times, map.steps_per_column);
  }
  EXPECT_LT(to_json(map).size(), 3'000'000U);
}

TEST(RankMap, WhatIsNoMapIsNotWritten) {
  RankMap map = small();
  map.ranks[1].mean_s.pop_back();
  EXPECT_THROW(to_json(map), std::logic_error);
  for (const double wrong : {-1.0, std::nan(""), HUGE_VAL}) {
    map = small();
    map.ranks[1].max_s[0] = wrong;
    EXPECT_THROW(to_json(map), std::logic_error);
  }
}

TEST(RankMap, DamageIsRefused) {
  EXPECT_TRUE(is_rank_map(to_json(small())));
  EXPECT_FALSE(is_rank_map("ASYLINKS"));
  EXPECT_FALSE(is_rank_map(""));
  const std::string whole = to_json(small());
  for (std::size_t size = 0; size + 2 < whole.size(); ++size)
    EXPECT_THAT(refusal(whole.substr(0, size)), HasSubstr("attachments/x: this rank map")) << size;
  EXPECT_THAT(damaged("rank_map/1", "rank_map/2"), HasSubstr("expected assay.rank_map/1"));
  EXPECT_THAT(damaged("\"steps\":5", "\"steps\":-5"), HasSubstr("'steps' holds -5"));
  EXPECT_THAT(damaged("\"steps\":5", "\"steps\":9"), HasSubstr("no list of 5"));
  EXPECT_THAT(damaged("\"steps\":5,", ""), HasSubstr("no 'steps'"));
  EXPECT_THAT(damaged("_column\":2", "_column\":0"), HasSubstr("'steps_per_column' holds 0"));
  EXPECT_THAT(damaged("\"steps\":5", "\"steps\":500"), HasSubstr("250 columns"));
  EXPECT_THAT(damaged("2e-05", "null"), HasSubstr("'unit_s' holds null"));
  EXPECT_THAT(damaged("\"node\":[0,1", "\"node\":[0,2"), HasSubstr("'node' holds 2"));
  EXPECT_THAT(damaged("\"node\":[0,1", "\"node\":[1"), HasSubstr("'node' is no list of 3"));
  EXPECT_THAT(damaged("[\"n1\"", "[7"), HasSubstr("'nodes' holds 7"));
  EXPECT_THAT(damaged("\"last\":[1", "\"last\":[6"), HasSubstr("'last' holds 6"));
  EXPECT_THAT(damaged("[37500", "[65536"), HasSubstr("'max' holds 65536"));
  EXPECT_THAT(damaged("[37500", "[\"37500\""), HasSubstr("'max' holds \"37500\""));
  EXPECT_THAT(damaged("[37500", "[20000"), HasSubstr("rank 0 has a mean above its maximum"));
}

}  // namespace
}  // namespace assay
