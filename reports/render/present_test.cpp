#include "reports/render/present.h"

#include <gtest/gtest.h>

#include "reports/render/sample_judgement_test.h"

namespace assay::render {
namespace {

TEST(Present, AFailingValueNeverReadsAsItsTarget) {
  PartVerdict part;
  part.unit = "FLOP/s";
  part.target = 700e12;
  part.limit = 686e12;
  part.measured = 699.9999e12;
  EXPECT_EQ(measured_text(part), "699.9999 TFLOP/s");
  part.measured = 685.99999e12;
  EXPECT_EQ(measured_text(part), "685.99999 TFLOP/s");
  part.measured = 700e12;
  EXPECT_EQ(measured_text(part), "700.0 TFLOP/s");
  part.unit = "1";
  part.target = part.limit = 0.05;
  part.measured = 0.0500001;
  EXPECT_EQ(measured_text(part), "5.00001 %");
}

TEST(Present, ADistanceIsNeverRoundedToNothing) {
  EXPECT_EQ(distance_text(0.0366), "+3.66 %");
  EXPECT_EQ(distance_text(-0.25), "-25.0 %");
  EXPECT_EQ(distance_text(-1.2e-7), "-0.00001 %");
  EXPECT_EQ(distance_text(0), "+0.00 %");
}

TEST(Present, Intervals) {
  PartVerdict part;
  part.unit = "B/s";
  EXPECT_EQ(interval_text(part), "insufficient");
  part.interval = {9.1e9, 9.5e9};
  EXPECT_EQ(interval_text(part), "9.100 to 9.500 GB/s");
  part.interval = {900e6, 1.1e9};
  EXPECT_EQ(interval_text(part), "900.0 MB/s to 1.100 GB/s");
  part.interval = {9.1e9, std::nullopt};
  EXPECT_EQ(interval_text(part), ">= 9.100 GB/s");
  part.interval = {std::nullopt, 9.1e9};
  EXPECT_EQ(interval_text(part), "<= 9.100 GB/s");
  part.kind = PartVerdict::Kind::document;
  EXPECT_EQ(interval_text(part), "-");
}

TEST(Present, CountsAndTimes) {
  EXPECT_EQ(thousands(0), "0");
  EXPECT_EQ(thousands(999), "999");
  EXPECT_EQ(thousands(1234567), "1,234,567");
  EXPECT_EQ(devices_text(1), "1 device");
  EXPECT_EQ(period_text("2026-11-22T10:00:00.123Z", "2026-11-22T10:02:31Z"), "2026-11-22 10:00 to 10:02 UTC");
  EXPECT_EQ(period_text("2026-11-22T23:59:00Z", "2026-11-23T00:02:31Z"),
            "2026-11-22 23:59 to 2026-11-23 00:02 UTC");
  EXPECT_EQ(period_text("yesterday", ""), "yesterday");
  EXPECT_EQ(register_text(samples::small()), "campaign 3 of 3 under these targets");
  EXPECT_EQ(bounds_text(samples::small()), "two one-sided 95 % bounds");
  EXPECT_NEAR(e_value_needed(samples::small()), 20, 1e-9);
}

TEST(Present, WhatDecidesComesWorstFirst) {
  const Judgement judgement = samples::everything();
  const std::vector<DecidingPart> rows = deciding_parts(judgement);
  std::vector<std::string> ids;
  for (const DecidingPart& row : rows) ids.push_back(row.target->id);
  // Two fail (3.6 % off before 2.4 %), then invalid, missing, inconclusive; the waived and passing ones are
  // absent, and so is the passing part of 4.3.2.
  EXPECT_EQ(ids, (std::vector<std::string>{"4.3.2", "4.2.2", "4.2.4", "5.1", "4.3.3"}));
}

TEST(Present, WhenNothingIsWrongTheClosestComesFirst) {
  const Judgement judgement = samples::passing();
  const std::vector<DecidingPart> rows = deciding_parts(judgement);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].target->id, "4.2.1");  // +3.66 % against +17.5 %
  EXPECT_TRUE(deciding_parts(samples::empty()).empty());
}

}  // namespace
}  // namespace assay::render
