#include "suites/training/support/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "reports/base/error.h"
#include "suites/training/support/generator.h"

namespace assay::training {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Fingerprint steps() {
  return {{.step = 0, .loss = 4.5, .gradient_norm = 2, .parameters = 17},
          {.step = 1, .loss = 4.25, .gradient_norm = 1.5, .parameters = 18},
          {.step = 2, .loss = 4.125, .gradient_norm = 1.25, .parameters = 19}};
}

std::vector<std::string> names(std::size_t count) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back("rank " + std::to_string(i));
  return all;
}

double flipped(double value, int bit) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << bit));
}

TEST(Fingerprint, TextKeepsEveryBit) {
  Fingerprint all = steps();
  all[1].loss = std::numeric_limits<double>::quiet_NaN();
  all[2].gradient_norm = -0.0;
  EXPECT_EQ(parse_fingerprint(to_text(all)), all);
  EXPECT_EQ(to_text({all[0]}), "0 4012000000000000 4000000000000000 0000000000000011\n");
  EXPECT_THROW(parse_fingerprint("0 4012000000000000 4000000000000000\n"), Error);
  EXPECT_THROW(parse_fingerprint("0 4012000000000000 4000000000000000 000000000000001g\n"), Error);
  EXPECT_THROW(parse_fingerprint(to_text({all[0]}) + "\n"), Error);
}

TEST(Fingerprint, AnyFlippedBitIsFoundWithItsStepAndRank) {
  for (int bit = 0; bit < 64; ++bit) {
    std::vector<Fingerprint> all(4, steps());
    EXPECT_FALSE(first_difference(all, names(4)));
    all[2][1].loss = flipped(all[2][1].loss, bit);
    all[0][2].loss = 0;  // later
    const auto difference = first_difference(all, names(4));
    ASSERT_TRUE(difference);
    EXPECT_EQ(difference->step, 1);
    EXPECT_EQ(difference->what, "loss");
    EXPECT_THAT(difference->who, ElementsAre(2));
    EXPECT_TRUE(difference->has_majority);
    EXPECT_THAT(difference->words,
                AllOf(HasSubstr("step 1, loss: rank 2 has "), HasSubstr("the other 3 have 4011")));
  }
}

TEST(Fingerprint, NormAndParametersAndLengthCountToo) {
  std::vector<Fingerprint> all(3, steps());
  all[1][2].parameters ^= 1;
  EXPECT_EQ(first_difference(all, names(3))->what, "parameters");
  all[0][2].gradient_norm = flipped(all[0][2].gradient_norm, 0);
  EXPECT_EQ(first_difference(all, names(3))->what, "gradient norm");
  EXPECT_THAT(first_difference(all, names(3))->who, ElementsAre(0));
  all = {steps(), steps(), steps()};
  all[2].pop_back();
  EXPECT_EQ(first_difference(all, names(3))->what, "number of steps");
  EXPECT_THAT(first_difference(all, names(3))->who, ElementsAre(2));
}

TEST(Fingerprint, OfTwoNobodyKnowsWhichIsWrong) {
  std::vector<Fingerprint> all(2, steps());
  all[1][0].loss = 5;
  const auto difference = first_difference(all, names(2));
  EXPECT_FALSE(difference->has_majority);
  EXPECT_THAT(difference->who, ElementsAre(0, 1));
  EXPECT_THAT(difference->words, HasSubstr("nobody knows"));
}

TEST(Fingerprint, NanIsLikeItselfAndZerosDiffer) {
  std::vector<Fingerprint> all(2, steps());
  all[0][0].loss = all[1][0].loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(first_difference(all, names(2)));
  all[0][1].loss = 0.0;
  all[1][1].loss = -0.0;
  EXPECT_TRUE(first_difference(all, names(2)));
}

TEST(ParameterChecksum, AnyFlippedBitChangesIt) {
  std::vector<float> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.01F * static_cast<float>(i);
  const std::uint64_t good = add_parameters(0, 3, 0, values);
  for (const std::size_t element : {std::size_t{0}, std::size_t{57}, std::size_t{99}}) {
    for (int bit = 0; bit < 32; ++bit) {
      std::vector<float> bad = values;
      bad[element] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(bad[element]) ^ (1U << bit));
      EXPECT_NE(add_parameters(0, 3, 0, bad), good);
    }
  }
  // Two flipped signs do not cancel, nor do exchanged elements.
  std::vector<double> wide{1, 2, 3}, signs{-1, -2, 3}, exchanged{2, 1, 3};
  const std::uint64_t of_wide = add_parameters(0, 0, 0, std::span<const double>(wide));
  EXPECT_NE(add_parameters(0, 0, 0, std::span<const double>(signs)), of_wide);
  EXPECT_NE(add_parameters(0, 0, 0, std::span<const double>(exchanged)), of_wide);
}

TEST(ParameterChecksum, IsItsFormulaWhateverTheProcessor) {
  std::vector<float> values(1003);
  std::uint64_t expected = 5;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sqrt(static_cast<float>(i)) - 7;
    expected += mixed((mixed(4) + golden * (11 + i)) ^ std::bit_cast<std::uint32_t>(values[i]));
  }
  EXPECT_EQ(add_parameters(5, 3, 11, values), expected);
}

TEST(ParameterChecksum, PartsAddUpInAnyOrder) {
  std::vector<float> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sqrt(static_cast<float>(i));
  const std::span<const float> all(values);
  const std::uint64_t whole = add_parameters(add_parameters(0, 1, 0, all), 2, 0, all);
  std::uint64_t parts = add_parameters(0, 2, 40, all.subspan(40));
  parts += add_parameters(0, 1, 0, all.first(17));
  parts += add_parameters(0, 1, 17, all.subspan(17));
  parts += add_parameters(0, 2, 0, all.first(40));
  EXPECT_EQ(parts, whole);
  EXPECT_NE(add_parameters(0, 1, 0, all), add_parameters(0, 2, 0, all));
}

}  // namespace
}  // namespace assay::training
