#include "suites/collectives/allreduce/allreduce.h"

#include <gtest/gtest.h>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

TEST(Busbw, FactorIsThatOfNcclTests) {
  EXPECT_DOUBLE_EQ(busbw_factor(1), 0);
  EXPECT_DOUBLE_EQ(busbw_factor(2), 1);
  EXPECT_DOUBLE_EQ(busbw_factor(3), 4.0 / 3.0);
  EXPECT_DOUBLE_EQ(busbw_factor(8), 1.75);
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
