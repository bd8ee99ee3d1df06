#include <gtest/gtest.h>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

TEST(AllreduceSpec, RefusesPartsOfElements) {
  const Benchmark& benchmark = find_benchmark("collectives/allreduce");
  ProcessGroup group;
  const Context context{group};
  Parameters parameters = complete_parameters(benchmark.spec, {{"bytes", std::int64_t{6}}}, {});
  EXPECT_NE(benchmark.unsupported(parameters, context), "");
  parameters["dtype"] = std::string("bf16");
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
}

TEST(AllreduceSpec, FiguresDependOnTheParameters) {
  const BenchmarkSpec& spec = find_benchmark("collectives/allreduce").spec;
  EXPECT_EQ(spec.foms.front().name, "busbw");
  EXPECT_EQ(spec.scope, Scope::group);
  EXPECT_EQ(spec.minimum_ranks, 2);
  for (const FomSpec& fom : spec.foms) ASSERT_TRUE(fom.only_when);
  EXPECT_EQ(spec.find_fom("time")->only_when->second, "throughput");
  EXPECT_EQ(spec.find_fom("p99")->only_when->second, "latency");
  EXPECT_EQ(spec.find_fom("overlap")->only_when->second, "nonblocking");
  EXPECT_EQ(spec.find_fom("with_copies")->only_when->second, "shared_window");
}

TEST(AllreduceSpec, TheWindowIsAnotherImplementationAndSaysWhatItCannotDo) {
  const Benchmark& benchmark = find_benchmark("collectives/allreduce");
  ProcessGroup group;
  const Context context{group};
  Parameters parameters =
      complete_parameters(benchmark.spec, {{"implementation", std::string("shared_window")}}, {});
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
  parameters["call"] = std::string("nonblocking");
  EXPECT_NE(benchmark.unsupported(parameters, context).find("no non-blocking form"), std::string::npos);
}

}  // namespace
}  // namespace assay::bench
