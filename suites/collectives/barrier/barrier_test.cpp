#include <gtest/gtest.h>

#include "suites/collectives/barrier/late_rank.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

TEST(BarrierSpec, HasTimesAndNoBandwidth) {
  const BenchmarkSpec& spec = find_benchmark("collectives/barrier").spec;
  EXPECT_EQ(spec.foms.front().name, "time");
  EXPECT_EQ(spec.find_fom("busbw"), nullptr);
  EXPECT_EQ(spec.find_parameter("bytes"), nullptr);
  EXPECT_NE(spec.find_fom("overlap"), nullptr);
}

TEST(LateRanks, AreAllOfAFewAndFourOfMany) {
  EXPECT_EQ(late_ranks(2), (std::vector<int>{0, 1}));
  EXPECT_EQ(late_ranks(3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(late_ranks(4), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(late_ranks(100), (std::vector<int>{0, 1, 50, 99}));
}

}  // namespace
}  // namespace assay::bench
