#include "suites/collectives/allreduce/window_sum.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <new>

#include "suites/collectives/support/exact_sum.h"
#include "suites/harness/ring.h"

namespace assay::bench {
namespace {

TEST(WindowShares, AreDisjointWholeLinesAndMakeUpTheBuffer) {
  // By hand: 200 bytes are four lines, of which the last has 8 bytes; three ranks take 1, 1 and 2 lines.
  EXPECT_EQ(share_of(200, 0, 3).end, 64u);
  EXPECT_EQ(share_of(200, 1, 3).end, 128u);
  EXPECT_EQ(share_of(200, 2, 3).end, 200u);
  for (const std::size_t bytes : {2u, 8u, 64u, 65u, 1000u, 4096u, 1u << 20}) {
    for (const int ranks : {2, 3, 5, 7, 64, 257}) {
      std::size_t done = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Share share = share_of(bytes, rank, ranks);
        EXPECT_EQ(share.begin, done);
        EXPECT_LE(share.begin, share.end);
        EXPECT_TRUE(share.begin % 64 == 0 || share.begin == bytes);
        done = share.end;
      }
      EXPECT_EQ(done, bytes);
    }
  }
}

/// Ranks one after the other instead of at once: buffers of all ranks, every type, with and without the
/// cache.
class WindowSum : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Stores, WindowSum, testing::Values(false, true));

TEST_P(WindowSum, EveryRankHasTheExactSum) {
  for (const Element element : {Element::f32, Element::f64, Element::int32, Element::bf16}) {
    for (const int ranks : {2, 3, 5}) {
      for (const bool in_place : {false, true}) {
        for (const std::size_t count : {1u, 17u, 5000u}) {
          const std::size_t bytes = count * device::bytes_of(element);
          const Ring inputs(bytes, ranks);
          const Ring own_results(bytes, ranks);
          const Ring& results = in_place ? inputs : own_results;
          std::vector<const std::byte*> from;
          std::vector<std::byte*> to;
          for (int rank = 0; rank < ranks; ++rank) {
            std::memset(own_results[rank], 0xff, bytes);
            ExactSum(element, 3, rank, ranks).fill(inputs[rank], count, 1);
            from.push_back(inputs[rank]);
            to.push_back(results[rank]);
          }
          const ExactSum sums(element, 3, 0, ranks);
          for (int rank = 0; rank < ranks; ++rank) {
            const Share share = share_of(bytes, rank, ranks);
            if (rank == ranks - 1 && share.begin < share.end) {
              // The last share is still missing: seen on each rank.
              for (const std::byte* result : to) EXPECT_GT(sums.compare(result, count, 1).wrong, 0);
            }
            sum_share(element, from, to, share, GetParam());
          }
          for (const std::byte* result : to) EXPECT_EQ(sums.compare(result, count, 1).wrong, 0);
        }
      }
    }
  }
}

TEST_P(WindowSum, CopiesWriteNothingBeyondTheEnd) {
  const Ring buffers(1024, 2);
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 65u, 1000u}) {
    for (int byte = 0; byte < 1024; ++byte) {
      buffers[0][byte] = static_cast<std::byte>(byte % 251 + 1);
      buffers[1][byte] = std::byte{0};
    }
    copy(buffers[1], buffers[0], bytes, GetParam());
    EXPECT_EQ(std::memcmp(buffers[0], buffers[1], bytes), 0);
    for (std::size_t byte = bytes; byte < 1024; ++byte) EXPECT_EQ(buffers[1][byte], std::byte{0});
  }
}

}  // namespace
}  // namespace assay::bench
