// The catalogue for builds without benchmarks is the one that this version's worker writes.
#include "tests/whole.h"

namespace assay::whole {
namespace {

TEST_F(WholeTest, TheKeptCatalogueIsTheWorkersOwn) {
#ifndef ASSAY_HAS_SUITES
  GTEST_SKIP() << "this build has no assay-bench";
#else
  Process process({{programs + "/assay-bench", "--describe"}, {}, folder_ / "out.txt", folder_ / "err.txt"});
  const Outcome outcome = finish(process);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, read_file(std::string(ASSAY_SOURCE_DIR) + "/reference_results/catalogue.json"))
      << "write it anew: build/host/bin/assay-bench --describe > reference_results/catalogue.json";
#endif
}

}  // namespace
}  // namespace assay::whole
