// Schedules proved complete, and payloads that show every kind of loss.
#include "suites/fabric/links/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <vector>

#include "suites/fabric/links/payload.h"

namespace assay::bench {
namespace {

TEST(LinkSchedule, EveryPairMeetsOnceAndNobodyTwiceInARound) {
  for (int n = 2; n <= 257; ++n) {
    const int rounds = pair_rounds(n);
    EXPECT_EQ(rounds, n % 2 == 0 ? n - 1 : n);
    std::vector<int> met(static_cast<std::size_t>(n) * static_cast<std::size_t>(n), 0);
    for (int round = 0; round < rounds; ++round) {
      std::vector<int> busy(static_cast<std::size_t>(n), 0);
      const auto pairs = pairs_of_round(n, round);
      ASSERT_EQ(pairs.size(), static_cast<std::size_t>(n / 2)) << n << " round " << round;
      for (const auto& [first, second] : pairs) {
        ASSERT_LT(first, second);
        ASSERT_LT(second, n);
        ++busy[static_cast<std::size_t>(first)];
        ++busy[static_cast<std::size_t>(second)];
        ++met[static_cast<std::size_t>(first * n + second)];
        // Both must agree, or they wait for each other for ever.
        ASSERT_EQ(partner_in_round(n, round, first), second);
        ASSERT_EQ(partner_in_round(n, round, second), first);
      }
      ASSERT_LE(*std::max_element(busy.begin(), busy.end()), 1) << n << " round " << round;
      const auto resting = std::count(busy.begin(), busy.end(), 0);
      ASSERT_EQ(resting, n % 2);
    }
    for (int i = 0; i < n; ++i) {
      for (int j = i + 1; j < n; ++j) ASSERT_EQ(met[static_cast<std::size_t>(i * n + j)], 1) << n;
    }
  }
}

TEST(LinkSchedule, FourMeetAsOnPaper) {
  using Pairs = std::vector<std::pair<int, int>>;
  EXPECT_EQ(pairs_of_round(4, 0), (Pairs{{0, 3}, {1, 2}}));
  EXPECT_EQ(pairs_of_round(4, 1), (Pairs{{0, 1}, {2, 3}}));
  EXPECT_EQ(pairs_of_round(4, 2), (Pairs{{0, 2}, {1, 3}}));
  EXPECT_EQ(pair_rounds(1), 0);
}

TEST(LinkSchedule, HalvesMeetAcrossTheMiddle) {
  for (int n = 2; n <= 65; ++n) {
    int resting = 0;
    for (int member = 0; member < n; ++member) {
      const int partner = partner_across(n, member);
      if (partner < 0) {
        ++resting;
        continue;
      }
      EXPECT_EQ(partner_across(n, partner), member);
      EXPECT_NE(member < n / 2, partner < n / 2);
    }
    EXPECT_EQ(resting, n % 2);
  }
  EXPECT_EQ(partner_across(5, 4), -1);
}

TEST(LinkSchedule, ARingHoldsEveryoneAndDependsOnTheSeedAlone) {
  for (const int n : {1, 2, 3, 100}) {
    std::vector<int> ring = random_ring(n, 7);
    EXPECT_EQ(ring, random_ring(n, 7));
    if (n == 100) {
      EXPECT_NE(ring, random_ring(n, 8));
    }
    std::sort(ring.begin(), ring.end());
    std::vector<int> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(ring, all);
  }
  // Every place of a ring of three is reached from some seed.
  std::set<std::vector<int>> rings;
  for (std::uint64_t seed = 0; seed < 100; ++seed) rings.insert(random_ring(3, seed));
  EXPECT_EQ(rings.size(), 6U);
}

class LinkPayloadTest : public testing::TestWithParam<std::size_t> {
 protected:
  std::vector<std::byte> message(const LinkPayload& payload, std::int64_t number) const {
    std::vector<std::byte> bytes(GetParam());
    payload.fill(bytes.data(), bytes.size());
    for (std::int64_t i = 0; i <= number; ++i) payload.stamp(bytes.data(), bytes.size(), i);
    return bytes;
  }
  std::size_t wrong(const LinkPayload& payload, const std::vector<std::byte>& bytes,
                    std::int64_t number) const {
    return payload.wrong_bytes(bytes.data(), bytes.size(), number);
  }
};

INSTANTIATE_TEST_SUITE_P(Sizes, LinkPayloadTest, testing::Values(1, 7, 8, 9, 15, 16, 17, 24, 1000, 4096));

TEST_P(LinkPayloadTest, WhatWasSentIsRight) {
  const LinkPayload payload(1, 0, 1, 5);
  EXPECT_EQ(wrong(payload, message(payload, 24), 24), 0U);
}

TEST_P(LinkPayloadTest, EveryWrongByteIsSeen) {
  const LinkPayload payload(1, 3, 2, 0);
  const std::vector<std::byte> right = message(payload, 2);
  for (std::size_t at = 0; at < right.size(); ++at) {
    std::vector<std::byte> bytes = right;
    bytes[at] ^= std::byte{1};
    ASSERT_EQ(wrong(payload, bytes, 2), 1U) << at;
  }
}

TEST_P(LinkPayloadTest, ADroppedMessageIsSeen) {
  const LinkPayload payload(1, 3, 2, 0);
  // The last message did not come: the buffer still holds the one before.
  EXPECT_GT(wrong(payload, message(payload, 23), 24), 0U);
}

TEST(LinkPayload, AMessageFromOrForAnotherOrOfAnotherExchangeIsWrong) {
  const LinkPayload expected(1, 3, 2, 7);
  std::vector<std::byte> bytes(512);
  for (const LinkPayload& other : {LinkPayload(1, 4, 2, 7), LinkPayload(1, 3, 4, 7), LinkPayload(1, 2, 3, 7),
                                   LinkPayload(1, 3, 2, 6), LinkPayload(2, 3, 2, 7)}) {
    other.fill(bytes.data(), bytes.size());
    other.stamp(bytes.data(), bytes.size(), 24);
    EXPECT_GT(expected.wrong_bytes(bytes.data(), bytes.size(), 24), 384U);
  }
  std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
  EXPECT_GT(expected.wrong_bytes(bytes.data(), bytes.size(), 24), 384U);
}

}  // namespace
}  // namespace assay::bench
