#include <gtest/gtest.h>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

TEST(ReduceSpec, HasARootAndTypes) {
  const BenchmarkSpec& spec = find_benchmark("collectives/reduce").spec;
  EXPECT_EQ(spec.scope, Scope::group);
  EXPECT_EQ(spec.minimum_ranks, 2);
  EXPECT_EQ(spec.foms.front().name, "busbw");
  EXPECT_EQ(spec.foms.front().meaning, "bytes / time");
  EXPECT_EQ(to_string(spec.find_parameter("root")->default_value), "0");
  EXPECT_EQ(spec.find_parameter("dtype")->choices.size(), 4u);
  EXPECT_NE(spec.find_parameter("in_place"), nullptr);
}

}  // namespace
}  // namespace assay::bench
