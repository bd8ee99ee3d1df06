#include "suites/harness/ring.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace assay::bench {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

TEST(Ring, ExceedsTwiceTheCacheOrSaysItIsACacheCase) {
  // Two ranks, two buffers of 1 MiB: 4 MiB a slot, so 17 slots exceed 2 x 32 MiB.
  EXPECT_EQ(ring_slots(mebibyte, 2, 2, 32 * mebibyte), 17);
  EXPECT_EQ(ring_slots(8, 2, 2, 32 * mebibyte), 16);
  EXPECT_EQ(ring_slots(64 * mebibyte, 2, 2, 32 * mebibyte), 2);
  EXPECT_EQ(ring_slots(64 * mebibyte, 2, 1, 512 * mebibyte), 2);  // memory: 256 MiB a rank
  EXPECT_EQ(ring_slots(8 * mebibyte, 2, 1, 512 * mebibyte), 16);  // 65 slots are more than 64
  EXPECT_EQ(ring_slots(16 * mebibyte, 2, 1, 512 * mebibyte), 8);  // 33 would be right, 8 fit
  EXPECT_EQ(ring_slots(mebibyte, 2, 2, 0), 17);                   // an unknown cache counts as 32 MiB
  EXPECT_GE(ring_slots(1024 * mebibyte, 2, 1024, 32 * mebibyte), 2);
}

TEST(Ring, SlotsStandOnTheirOwnLines) {
  const Ring ring(65, 3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(ring[0]) % 4096, 0U);
  EXPECT_EQ(ring[1] - ring[0], 128);
  const Ring empty(0, 2);  // messages of no bytes have an address all the same
  EXPECT_NE(empty[0], empty[1]);
}

}  // namespace
}  // namespace assay::bench
