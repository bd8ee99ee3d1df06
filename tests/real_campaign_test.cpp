// The whole way with nothing scripted: assay, MPICH's mpiexec, assay-bench and its libraries. Limits are such
// that no machine's speed matters; what counts is that everything that was written is right and judged as it
// should be.
#include <gmock/gmock.h>

#include "reports/record/record_json.h"
#include "tests/whole.h"

namespace assay::whole {
namespace {

using ::testing::HasSubstr;

class RealCampaign : public WholeTest {
 protected:
  void SetUp() override {
#ifndef ASSAY_HAS_SUITES
    GTEST_SKIP() << "built without assay-bench";
#endif
    if (find_program("mpiexec.hydra").empty()) GTEST_SKIP() << "MPICH's mpiexec is not installed";
    write("plan.toml", R"(
schema = "assay.plan/1"
name = "real"
budget = "1 s"
[[case]]
benchmark = "compute/gemm"
parameters = { dtype = ["f64", "f32"], m = 65, n = 33, k = 129 }
[[case]]
benchmark = "collectives/allreduce"
parameters = { bytes = ["8 B", "1 KiB"] }
geometry = { ranks_per_node = 2 }
[[case]]
benchmark = "collectives/allreduce"
parameters = { bytes = "8 B", mode = "latency" }
geometry = { ranks_per_node = 2 }
)");
    write("targets.toml", R"(
schema = "assay.targets/1"
name = "Any speed will do"
[[target]]
id = "rate"
fom = "compute/gemm.rate"
at_least = "1 kFLOP/s"
[[target]]
id = "ratio"
fom = "compute/gemm.rate"
where = { dtype = "f32" }
at_least = "0.0001 % of compute/gemm.rate"
of_where = { dtype = "f64" }
[[target]]
id = "time"
fom = "collectives/allreduce.time"
where = { mode = "throughput" }
at_most = "1 h"
[[target]]
id = "tail"
fom = "collectives/allreduce.p99"
where = { mode = "latency" }
at_most = "1 h"
[[inventory]]
id = "memory"
fact = "memory_bytes"
at_least = "1 MiB"
)");
  }
};

TEST_F(RealCampaign, IsRightFromTheFirstSampleToTheVerdict) {
  const Outcome passed =
      assay({"run", path("plan.toml"), "--targets", path("targets.toml"), "--out", path("campaigns")});
  ASSERT_EQ(passed.status, 0) << passed.out << passed.err;
  EXPECT_THAT(passed.out, HasSubstr("Passes: 5 of 5 mandatory clauses met"));

  // Each of the five cases is decided after seven launches, and each launch was checked on what was timed.
  std::size_t records = 0;
  read_records(campaigns()[0] / "records.jsonl", [&](Record&& record) {
    ++records;
    EXPECT_EQ(record.status, LaunchStatus::completed) << record.reason;
    for (const DeviceResult& device : record.devices) {
      EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
      EXPECT_GT(device.iterations, 0);
      EXPECT_LE(device.samples_s.size(), 64U);
    }
  });
  EXPECT_EQ(records, 5U * 7U);

  // The same evidence fails stricter targets.
  write("stricter.toml", R"(
schema = "assay.targets/1"
name = "Beyond any machine"
[[target]]
id = "rate"
fom = "compute/gemm.rate"
where = { dtype = "f64" }
at_least = "1000 PFLOP/s"
)");
  const Outcome failed = assay({"judge", campaigns()[0].string(), "--targets", path("stricter.toml")});
  EXPECT_EQ(failed.status, 1) << failed.out << failed.err;
  EXPECT_THAT(failed.out, HasSubstr("Fails: 1 of 1 mandatory clause"));

  // All that was written matches its schema.
  const std::string script = std::string(ASSAY_SOURCE_DIR) + "/tests/validate_schemas.py";
  Process validate({{"python3", script, path("campaigns")}, {}, folder_ / "out.txt", folder_ / "err.txt"});
  const Outcome valid = finish(validate);
  if (valid.status == 77) GTEST_SKIP() << valid.out << valid.err;
  EXPECT_EQ(valid.status, 0) << valid.out << valid.err;
}

}  // namespace
}  // namespace assay::whole
