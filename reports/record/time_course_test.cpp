#include "reports/record/time_course.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "reports/record/damaged_attachment_testing.h"

namespace assay {
namespace {

using testing::HasSubstr;

TimeCourse small() {
  const std::vector<std::string> nothing, cap = {"power cap"}, both = {"temperature", "power cap"};
  TimeCourse course{"matrix products", "FLOP/s", {}};
  course.devices = {{0,
                     "n1",
                     "NVIDIA H200",
                     "GPU-1",
                     {{0, 5, 7.5e14, 1.98e9, 690.5, 60, nothing},
                      {5, 5, 7e14, std::nullopt, 700, 71, cap},
                      {10.5, 5, 6.5e14, 1.7e9, std::nullopt, std::nullopt, both}}},
                    {1, "n1", "a \"quoted\" one", "", {{0, 0.25, 1, {}, {}, {}, std::nullopt}}}};
  return course;
}

std::string refusal(const std::string& bytes) {
  return refusal_of(parse_time_course, bytes);
}

std::string damaged(const std::string& part, const std::string& with) {
  return refusal_of_damaged(parse_time_course, to_json(small()), part, with);
}

TEST(TimeCourse, TextIsThatOfTheFormat) {
  EXPECT_EQ(to_json(small()),
            "{\"schema\":\"assay.time_course/1\",\"quantity\":\"matrix products\",\"unit\":\"FLOP/s\","
            "\"devices\":[{\"rank\":0,\"node\":\"n1\",\"name\":\"NVIDIA H200\",\"id\":\"GPU-1\","
            "\"reasons\":[\"power cap\",\"temperature\"],\"begin_s\":[0.0,5.0,10.5],"
            "\"length_s\":[5.0,5.0,5.0],\"value\":[750000000000000.0,700000000000000.0,650000000000000.0],"
            "\"clock_hz\":[1980000000.0,null,1700000000.0],\"power_w\":[690.5,700.0,null],"
            "\"temperature_c\":[60.0,71.0,null],\"throttled_by\":[[],[0],[1,0]]},"
            "{\"rank\":1,\"node\":\"n1\",\"name\":\"a \\\"quoted\\\" one\",\"id\":\"\",\"reasons\":[],"
            "\"begin_s\":[0.0],\"length_s\":[0.25],\"value\":[1.0],\"clock_hz\":[null],\"power_w\":[null],"
            "\"temperature_c\":[null],\"throttled_by\":[null]}]}\n");
}

TEST(TimeCourse, WhatWasWrittenIsRead) {
  EXPECT_EQ(parse_time_course(to_json(small()), "x"), small());
  EXPECT_EQ(parse_time_course(to_json(TimeCourse{}), "x"), TimeCourse{});
}

TEST(TimeCourse, WindowsOneAfterTheOtherStaySoWhenRounded) {
  TimeCourse course{"q", "s", {{0, "n", "", "", {}}}};
  double at_s = 0;
  for (std::size_t i = 0; i < most_course_windows; ++i) {
    const double length_s = 4.9876543217 + 0.001234567 * static_cast<double>(i % 7);
    course.devices[0].windows.push_back({at_s, length_s, 1, {}, {}, {}, {}});
    at_s += length_s;
  }
  EXPECT_EQ(parse_time_course(to_json(course), "x").devices[0].windows.size(), most_course_windows);
  course.devices[0].windows.push_back({at_s, 1, 1, {}, {}, {}, {}});
  EXPECT_THROW(to_json(course), std::logic_error);
}

TEST(TimeCourse, WhatIsNoneIsNotWritten) {
  for (const double wrong : {-1.0, std::nan(""), HUGE_VAL}) {
    TimeCourse course = small();
    course.devices[0].windows[1].value = wrong;
    EXPECT_THROW(to_json(course), std::logic_error);
    course = small();
    course.devices[0].windows[1].power_w = wrong;
    EXPECT_THROW(to_json(course), std::logic_error);
  }
  TimeCourse course = small();
  course.devices[0].windows[1].begin_s = 4.9;
  EXPECT_THROW(to_json(course), std::logic_error);
}

TEST(TimeCourse, DamageIsRefused) {
  EXPECT_TRUE(is_time_course(to_json(small())));
  EXPECT_FALSE(is_time_course("{\"schema\":\"assay.rank_map/1\""));
  EXPECT_FALSE(is_time_course(""));
  const std::string whole = to_json(small());
  for (std::size_t size = 0; size + 2 < whole.size(); ++size)
    EXPECT_THAT(refusal(whole.substr(0, size)), HasSubstr("attachments/x: this time course")) << size;
  EXPECT_THAT(damaged("time_course/1", "time_course/2"), HasSubstr("expected assay.time_course/1"));
  EXPECT_THAT(damaged("\"unit\":\"FLOP/s\",", ""), HasSubstr("no 'unit'"));
  EXPECT_THAT(damaged("\"unit\":\"FLOP/s\"", "\"unit\":7"), HasSubstr("'unit' holds 7"));
  EXPECT_THAT(damaged("\"devices\":[", "\"devices\":[7,"), HasSubstr("no JSON object"));
  EXPECT_THAT(damaged("\"rank\":0", "\"rank\":-1"), HasSubstr("'rank' holds -1"));
  EXPECT_THAT(damaged("[5.0,5.0,5.0]", "[5.0,5.0]"), HasSubstr("'length_s' is no list of 3"));
  EXPECT_THAT(damaged("[5.0,5.0,5.0]", "[5.6,5.0,5.0]"), HasSubstr("window 1 begins before"));
  EXPECT_THAT(damaged("[0.0,5.0,10.5]", "[0.0,-5.0,10.5]"), HasSubstr("window 1 holds a number"));
  EXPECT_THAT(damaged("[0.0,5.0,10.5]", "[0.0,null,10.5]"), HasSubstr("'begin_s' holds null"));
  EXPECT_THAT(damaged("690.5", "\"690.5\""), HasSubstr("'power_w' holds \"690.5\""));
  EXPECT_THAT(damaged("[1,0]", "[2,0]"), HasSubstr("'throttled_by' holds 2"));
  EXPECT_THAT(damaged("[1,0]", "7"), HasSubstr("'throttled_by' holds 7"));
  EXPECT_THAT(damaged("[\"power cap\",", "[1,"), HasSubstr("'reasons' holds 1"));
}

}  // namespace
}  // namespace assay
