#include "suites/collectives/support/moved_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "suites/collectives/support/arithmetic.h"

namespace assay::bench {
namespace {

constexpr std::size_t count = 3000;

std::vector<std::byte> block(BlockOf of, std::uint64_t seed = 5) {
  std::vector<std::byte> bytes(count * sizeof(float));
  MovedData(seed).fill(bytes.data(), count, of);
  return bytes;
}

TEST(MovedData, IsWholeNumbersThatAreNeverZero) {
  const auto bytes = block({1, 2, 3});
  for (std::size_t i = 0; i < count; ++i) {
    float value = 0;
    std::memcpy(&value, &bytes[i * sizeof value], sizeof value);
    EXPECT_GE(value, 1);
    EXPECT_LE(value, 1 << 23);
    EXPECT_EQ(value, std::floor(value));
  }
  EXPECT_EQ(MovedData(5).compare(bytes.data(), count, {1, 2, 3}).wrong, 0);
}

TEST(MovedData, TellsSourceDestinationSlotSeedAndPlaceApart) {
  const auto bytes = block({1, 2, 3});
  const auto wrong = [&](BlockOf of, std::uint64_t seed) {
    return MovedData(seed).compare(bytes.data(), count, of).wrong;
  };
  constexpr std::int64_t nearly_all = count - 3;
  EXPECT_GE(wrong({2, 2, 3}, 5), nearly_all);
  EXPECT_GE(wrong({1, 1, 3}, 5), nearly_all);
  EXPECT_GE(wrong({2, 1, 3}, 5), nearly_all);  // exchanged
  EXPECT_GE(wrong({1, 2, 4}, 5), nearly_all);
  EXPECT_GE(wrong({1, 2, 3}, 6), nearly_all);
  auto moved = bytes;
  std::rotate(moved.begin(), moved.begin() + sizeof(float), moved.end());
  EXPECT_GE(MovedData(5).compare(moved.data(), count, {1, 2, 3}).wrong, nearly_all);
}

TEST(MovedData, SeesTheSmallestErrorNaNAndPoison) {
  auto bytes = block({0, 0, 0});
  std::byte* at = &bytes[2047 * sizeof(float)];
  const double right = decode(Element::f32, at);
  encode(Element::f32,
         static_cast<std::int64_t>(right / unit_of(Element::f32)) + MovedData::smallest_error_units(), at);
  Differences differences = MovedData(5).compare(bytes.data(), count, {0, 0, 0});
  EXPECT_EQ(differences.wrong, 1);
  EXPECT_EQ(differences.first, 2047u);
  EXPECT_EQ(differences.largest, 1);
  for (std::size_t byte = 0; byte < sizeof(float); ++byte) at[byte] = poison_byte(Element::f32, byte);
  differences = MovedData(5).compare(bytes.data(), count, {0, 0, 0});
  EXPECT_EQ(differences.wrong, 1);
  EXPECT_TRUE(differences.not_a_number);
}

TEST(Differences, OfPartsKeepTheFirstAndTheLargest) {
  Differences all;
  Differences part;
  part.add(4, 1.5, 1.0);
  part.add(6, 5, 1);
  all.add(Differences{}, 0);
  all.add(part, 100);
  all.add(part, 200);
  EXPECT_EQ(all.wrong, 4);
  EXPECT_EQ(all.first, 104u);
  EXPECT_EQ(all.found, 1.5);
  EXPECT_EQ(all.largest, 4);
  EXPECT_FALSE(all.not_a_number);
}

}  // namespace
}  // namespace assay::bench
