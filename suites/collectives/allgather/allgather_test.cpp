#include <gtest/gtest.h>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

TEST(AllgatherSpec, CountsTheWholeResult) {
  const BenchmarkSpec& spec = find_benchmark("collectives/allgather").spec;
  EXPECT_EQ(spec.scope, Scope::group);
  EXPECT_EQ(spec.minimum_ranks, 2);
  EXPECT_EQ(spec.foms.front().name, "busbw");
  EXPECT_EQ(spec.find_parameter("bytes")->meaning, "size of each rank's result: a block of each rank");
  EXPECT_NE(spec.foms.front().meaning.find("* (n - 1) / n"), std::string::npos);
  EXPECT_EQ(spec.find_parameter("dtype"), nullptr);  // nothing is computed
  EXPECT_NE(spec.find_parameter("in_place"), nullptr);
}

}  // namespace
}  // namespace assay::bench
