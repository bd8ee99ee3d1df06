#include "reports/record/catalogue.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

FomSpec only_when(const std::string& parameter, const std::string& value) {
  FomSpec fom;
  fom.only_when = {parameter, value};
  return fom;
}

TEST(FomSpec, IsGivenWithOneValueOfAParameter) {
  const FomSpec latency = only_when("mode", "latency");
  EXPECT_TRUE(latency.given_with(std::string("latency")));
  EXPECT_FALSE(latency.given_with(std::string("throughput")));
  EXPECT_EQ(latency.condition(), "mode = \"latency\"");
  EXPECT_TRUE(only_when("steps", "4").given_with(std::int64_t{4}));
  EXPECT_FALSE(only_when("steps", "4").given_with(std::int64_t{5}));
}

TEST(FomSpec, IsGivenWithAnyNumberAboveZero) {
  const FomSpec sustained = only_when("sustain", above_zero);
  EXPECT_TRUE(sustained.given_with(600.0));
  EXPECT_TRUE(sustained.given_with(std::int64_t{1}));
  for (const ParameterValue& value :
       {ParameterValue(0.0), ParameterValue(-1.0), ParameterValue(std::int64_t{0}), ParameterValue(true),
        ParameterValue(std::string(">0"))})
    EXPECT_FALSE(sustained.given_with(value)) << to_string(value);
  EXPECT_EQ(sustained.condition(), "sustain above 0");
}

}  // namespace
}  // namespace assay
