#include "suites/collectives/allreduce/allreduce.h"

#include <gtest/gtest.h>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

TEST(Busbw, FactorIsThatOfNcclTests) {
  EXPECT_DOUBLE_EQ(busbw_factor(1), 0);
  EXPECT_DOUBLE_EQ(busbw_factor(2), 1);
  EXPECT_DOUBLE_EQ(busbw_factor(3), 4.0 / 3.0);
  EXPECT_DOUBLE_EQ(busbw_factor(8), 1.75);
}

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

TEST(AllreduceSpec, RefusesPartsOfElements) {
  const Benchmark& benchmark = find_benchmark("collectives/allreduce");
  ProcessGroup group;
  const Context context{group};
  Parameters parameters = complete_parameters(benchmark.spec, {{"bytes", std::int64_t{6}}}, {});
  EXPECT_NE(benchmark.unsupported(parameters, context), "");
  parameters["dtype"] = std::string("bf16");
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
}

TEST(AllreduceSpec, FiguresDependOnTheMode) {
  const BenchmarkSpec& spec = find_benchmark("collectives/allreduce").spec;
  EXPECT_EQ(spec.foms.front().name, "busbw");
  EXPECT_EQ(spec.scope, Scope::group);
  EXPECT_EQ(spec.minimum_ranks, 2);
  for (const FomSpec& fom : spec.foms) {
    ASSERT_TRUE(fom.only_when);
    EXPECT_EQ(fom.only_when->first, "mode");
  }
}

}  // namespace
}  // namespace assay::bench
