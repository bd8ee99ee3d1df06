// The real program: the ladder by hand, and planted faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

std::vector<Record> run_latency(int ranks, const std::string& arguments, int expected_exit_code) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const Ended ended =
      run_command(assay_bench(ranks, "memory/latency --time 20ms --json " + file.string() + " " + arguments));
  EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
  return records_in(file);
}

TEST(LaunchedLatency, TheLadderHasItsCacheSizes) {
  const auto records = run_latency(0, "--bytes 4KiB,64KiB,8MiB", 0);
  ASSERT_EQ(records.size(), 3u);
  const double sizes[] = {4096, 65536, 8388608};
  for (std::size_t i = 0; i < records.size(); ++i) {
    const DeviceResult& device = records[i].devices.at(0);
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_EQ(device.metrics.at("working_set_bytes"), sizes[i]);
    EXPECT_TRUE(records[i].path.contains("level"));
    EXPECT_TRUE(value_of(records[i].foms[0], device));
    EXPECT_EQ(records[i].foms[0].name, "latency");
  }
  const DeviceResult& first = records[0].devices[0];
  if (first.metrics.contains("l1_bytes") && first.metrics.at("l1_bytes") >= 4096) {
    EXPECT_EQ(records[0].path.at("level"), "L1");
  }
}

TEST(LaunchedLatency, PlantedFaultsAreFound) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  for (const std::string fault : {"wrong_element", "nan"}) {
    const auto records = run_latency(2, "--bytes 64KiB --plant " + fault, 1);
    ASSERT_EQ(records.size(), 1u);
    ASSERT_EQ(records[0].devices.size(), 2u);
    EXPECT_EQ(records[0].devices[0].check.status, CheckStatus::pass) << records[0].devices[0].check.how;
    EXPECT_EQ(records[0].devices[1].check.status, CheckStatus::fail);
    EXPECT_THAT(records[0].devices[1].check.how,
                HasSubstr(fault == "nan" ? "no walk ended" : "1 wrong pointers"));
  }
}

}  // namespace
}  // namespace assay::bench
