#include "suites/collectives/support/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

namespace assay::bench {
namespace {

constexpr Element all_elements[] = {Element::f32, Element::f64, Element::int32, Element::bf16};

TEST(SumLimits, PartialSumsStayExact) {
  // By hand: bf16 has 8 significant bits, so integers up to 256 are exact.
  EXPECT_EQ(sum_limits(Element::bf16, 2).magnitude, 128);
  EXPECT_EQ(sum_limits(Element::bf16, 2).contributors, 2);
  EXPECT_EQ(sum_limits(Element::bf16, 3).magnitude, 85);
  EXPECT_EQ(sum_limits(Element::bf16, 256).magnitude, 1);
  EXPECT_EQ(sum_limits(Element::bf16, 256).contributors, 256);
  EXPECT_EQ(sum_limits(Element::bf16, 1000).magnitude, 1);
  EXPECT_EQ(sum_limits(Element::bf16, 1000).contributors, 256);
  EXPECT_EQ(sum_limits(Element::f32, 1000).contributors, 1000);
  for (const Element element : all_elements) {
    for (const int ranks : {1, 2, 3, 7, 64, 255, 256, 257, 4096, 100000}) {
      const SumLimits limits = sum_limits(element, ranks);
      EXPECT_GE(limits.magnitude, 1);
      EXPECT_LE(limits.magnitude * limits.contributors, exact_limit(element));
    }
  }
}

TEST(Bf16, EveryIntegerUpToTheLimitIsExactAndTheNextIsNot) {
  for (std::int64_t units = -256; units <= 256; ++units) {
    std::byte bytes[2];
    encode(Element::bf16, units, bytes);
    EXPECT_EQ(decode(Element::bf16, bytes), static_cast<double>(units) * unit_of(Element::bf16));
  }
  EXPECT_EQ(device::to_float(device::to_bf16(257)), 256);  // the tie goes to the even neighbour
}

TEST(Bf16, TheSumOfOurOwnRoundsOnce) {
  using device::to_bf16;
  device::Bf16 a[] = {to_bf16(1), to_bf16(256), to_bf16(256), to_bf16(NAN)};
  device::Bf16 b[] = {to_bf16(2), to_bf16(1), to_bf16(3), to_bf16(1)};
  add_bf16(a, b, 4);
  EXPECT_EQ(device::to_float(b[0]), 3);
  EXPECT_EQ(device::to_float(b[1]), 256);  // 257 is a tie: to even
  EXPECT_EQ(device::to_float(b[2]),
            260);  // 259 is a tie of 258 and 260, whose last bit is even
  EXPECT_TRUE(std::isnan(device::to_float(b[3])));
}

/// Adds the ranks' buffers in the order given, rounding each partial sum to the type.
std::vector<std::byte> sum_in_order(Element element, const std::vector<std::vector<std::byte>>& buffers,
                                    const std::vector<int>& order, std::size_t count) {
  const std::size_t size = device::bytes_of(element);
  std::vector<std::byte> sum = buffers[static_cast<std::size_t>(order[0])];
  for (std::size_t r = 1; r < order.size(); ++r) {
    const auto& next = buffers[static_cast<std::size_t>(order[r])];
    for (std::size_t i = 0; i < count; ++i) {
      const double partial = decode(element, &sum[i * size]) + decode(element, &next[i * size]);
      if (element == Element::bf16) {
        const device::Bf16 rounded = device::to_bf16(static_cast<float>(partial));
        std::memcpy(&sum[i * size], &rounded, size);
      } else if (element == Element::f32) {
        const auto rounded = static_cast<float>(partial);
        std::memcpy(&sum[i * size], &rounded, size);
      } else if (element == Element::f64) {
        std::memcpy(&sum[i * size], &partial, size);
      } else {
        const auto whole = static_cast<std::int32_t>(partial);
        std::memcpy(&sum[i * size], &whole, size);
      }
    }
  }
  return sum;
}

TEST(ExactSum, AnyOrderOfSummationGivesTheExpectedBytes) {
  constexpr std::size_t count = 2500;
  std::mt19937 random(7);
  for (const Element element : all_elements) {
    for (const int ranks : {2, 3, 5, 300}) {
      if (ranks > 256 && element != Element::bf16) continue;  // only bf16 is different there
      std::vector<std::vector<std::byte>> buffers;
      for (int rank = 0; rank < ranks; ++rank) {
        buffers.emplace_back(count * device::bytes_of(element));
        ExactSum(element, 42, rank, ranks).fill(buffers.back().data(), count, 5);
      }
      const ExactSum sums(element, 42, 0, ranks);
      std::vector<int> order(static_cast<std::size_t>(ranks));
      std::iota(order.begin(), order.end(), 0);
      for (int trial = 0; trial < 3; ++trial) {
        const auto sum = sum_in_order(element, buffers, order, count);
        const Differences differences = sums.compare(sum.data(), count, 5);
        EXPECT_EQ(differences.wrong, 0) << device::name_of(element) << " " << ranks;
        std::shuffle(order.begin(), order.end(), random);
      }
    }
  }
}

TEST(ExactSum, OneRankMissingIsSeenInAlmostEveryElement) {
  constexpr std::size_t count = 4000;
  for (const Element element : all_elements) {
    std::vector<std::byte> own(count * device::bytes_of(element));
    ExactSum(element, 1, 0, 2).fill(own.data(), count, 0);
    const Differences differences = ExactSum(element, 1, 0, 2).compare(own.data(), count, 0);
    EXPECT_EQ(differences.wrong, static_cast<std::int64_t>(count));  // no input is zero
    EXPECT_GT(differences.largest, 0);
  }
}

TEST(ExactSum, SlotsAndBlocksOfPowersOfTwoDiffer) {
  constexpr std::size_t count = 1 << 16;
  std::vector<std::byte> first(count * 4);
  std::vector<std::byte> second(count * 4);
  const ExactSum sums(Element::f32, 1, 0, 1);
  sums.fill(first.data(), count, 0);
  sums.fill(second.data(), count, 1);
  EXPECT_EQ(sums.compare(first.data(), count, 0).wrong, 0);
  EXPECT_GT(sums.compare(second.data(), count, 0).wrong, static_cast<std::int64_t>(count * 9 / 10));
  // Two halves exchanged, as a wrong offset of an algorithm would.
  std::rotate(first.begin(), first.begin() + count * 2, first.end());
  EXPECT_GT(sums.compare(first.data(), count, 0).wrong, static_cast<std::int64_t>(count * 9 / 10));
}

TEST(ExactSum, SeesOneUnitOneNaNAndPoison) {
  constexpr std::size_t count = 1500;
  for (const Element element : all_elements) {
    const std::size_t size = device::bytes_of(element);
    const ExactSum sums(element, 9, 0, 1);
    std::vector<std::byte> buffer(count * size);
    sums.fill(buffer.data(), count, 0);
    const double right = decode(element, &buffer[1234 * size]);
    encode(element, static_cast<std::int64_t>(right / unit_of(element)) + (right > 0 ? -1 : 1),
           &buffer[1234 * size]);
    Differences differences = sums.compare(buffer.data(), count, 0);
    EXPECT_EQ(differences.wrong, 1);
    EXPECT_EQ(differences.first, 1234u);
    EXPECT_EQ(differences.largest, unit_of(element));

    for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = poison_byte(element, i % size);
    differences = sums.compare(buffer.data(), count, 0);
    EXPECT_EQ(differences.wrong, static_cast<std::int64_t>(count));
    EXPECT_EQ(differences.not_a_number, element != Element::int32);
  }
}

}  // namespace
}  // namespace assay::bench
