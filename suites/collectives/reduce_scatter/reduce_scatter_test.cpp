#include <gtest/gtest.h>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

TEST(ReduceScatterSpec, CountsTheWholeInput) {
  const BenchmarkSpec& spec = find_benchmark("collectives/reduce_scatter").spec;
  EXPECT_EQ(spec.scope, Scope::group);
  EXPECT_EQ(spec.minimum_ranks, 2);
  EXPECT_EQ(spec.foms.front().name, "busbw");
  EXPECT_EQ(spec.find_parameter("bytes")->meaning, "size of each rank's input: a block for each rank");
  EXPECT_NE(spec.foms.front().meaning.find("* (n - 1) / n"), std::string::npos);
  EXPECT_EQ(spec.find_parameter("dtype")->choices.size(), 4u);
  EXPECT_NE(spec.find_parameter("in_place"), nullptr);
  EXPECT_EQ(spec.find_parameter("root"), nullptr);
}

}  // namespace
}  // namespace assay::bench
