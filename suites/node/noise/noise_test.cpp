#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/harness/launched_program.h"
#include "suites/node/noise/quanta.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

TEST(Quantum, ClosedFormIsTheWork) {
  for (const std::uint64_t rounds : {0u, 1u, 2u, 3u, 7u, 64u, 1000u, 12345u}) {
    const Jump jump = jump_of(rounds);
    for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
      EXPECT_EQ(spin(begin, rounds), jump(begin)) << rounds;
  }
  // One step from 1 by hand: 6364136223846793005 + 1442695040888963407.
  EXPECT_EQ(spin(1, 1), 7806831264735756412u);
  EXPECT_NE(jump_of(1000)(1), jump_of(1001)(1));  // a round left out shows
}

TEST(CoreNoise, IsWhatTheFastestQuantumDoesNotExplain) {
  // Fastest 1 ms: 4 of 5 ms are work, the longest lost 1 ms more than it.
  const CoreNoise noise = noise_of({1e-3, 1e-3, 2e-3, 1e-3});
  EXPECT_DOUBLE_EQ(noise.fastest_s, 1e-3);
  EXPECT_DOUBLE_EQ(noise.longest_interruption_s, 1e-3);
  EXPECT_NEAR(noise.lost, 0.2, 1e-12);
  EXPECT_EQ(noise.disturbed, 1u);
  const CoreNoise none = noise_of({1e-3, 1e-3});
  EXPECT_EQ(none.lost, 0);
  EXPECT_EQ(none.longest_interruption_s, 0);
}

TEST(NoiseSummary, NamesTheWorstCores) {
  // Core 1 loses most, core 2 has the longest interruption and is always slow.
  const NoiseSummary all = summarize({{1e-3, 1e-5, 0.01, 1}, {1e-3, 2e-5, 0.06, 2}, {1.1e-3, 3e-5, 0.02, 4}});
  EXPECT_DOUBLE_EQ(all.worst_lost, 0.06);
  EXPECT_EQ(all.worst_core, 1u);
  EXPECT_NEAR(all.mean_lost, 0.03, 1e-12);
  EXPECT_DOUBLE_EQ(all.longest_interruption_s, 3e-5);
  EXPECT_EQ(all.longest_core, 2u);
  EXPECT_NEAR(all.core_spread, 0.1, 1e-12);
  EXPECT_EQ(all.slowest_core, 2u);
  EXPECT_DOUBLE_EQ(all.fastest_s, 1e-3);
  EXPECT_EQ(all.disturbed, 7u);
}

std::vector<Record> run_noise(int ranks, const std::string& arguments, int expected_exit_code) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const Ended ended = run_command(assay_bench(ranks, "node/noise --json " + file.string() + " " + arguments));
  EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
  return records_in(file);
}

TEST(LaunchedNoise, GivesSharesAndTheHistogramOfQuanta) {
  const auto records = run_noise(0, "--time 100ms --quantum 0.5ms", 0);
  ASSERT_EQ(records.size(), 1u);
  const DeviceResult& device = records[0].devices.at(0);
  EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
  ASSERT_EQ(records[0].foms.size(), 4u);
  for (const FigureOfMerit& fom : records[0].foms) {
    const auto value = value_of(fom, device);
    ASSERT_TRUE(value) << fom.name;
    EXPECT_GE(*value, 0);
    if (fom.name == "lost" || fom.name == "mean_lost") {
      EXPECT_LT(*value, 1);
    }
  }
  const auto& histogram = device.series.at("quantum").histogram;
  ASSERT_TRUE(histogram);
  double counted = 0;
  for (const auto count : histogram->counts) counted += static_cast<double>(count);
  EXPECT_EQ(counted, device.metrics.at("quanta"));
  EXPECT_TRUE(device.metrics.contains("worst_cpu"));
}

TEST(LaunchedNoise, AWrongResultIsFoundOnItsCore) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  for (const std::string fault : {"wrong_element", "nan"}) {
    const auto records = run_noise(2, "--time 40ms --quantum 0.5ms --plant " + fault, 1);
    ASSERT_EQ(records.size(), 1u);
    ASSERT_EQ(records[0].devices.size(), 2u);
    EXPECT_EQ(records[0].devices[0].check.status, CheckStatus::pass) << records[0].devices[0].check.how;
    EXPECT_EQ(records[0].devices[1].check.status, CheckStatus::fail);
    EXPECT_THAT(records[0].devices[1].check.how, HasSubstr("1 wrong; first on CPU"));
  }
}

TEST(LaunchedNoise, ASlowRankIsSlowOnRecord) {
  const auto records = run_noise(0, "--time 40ms --plant slow_rank", 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].planted, "slow_rank");
  // It sleeps 5 ms before its quanta.
  EXPECT_GE(records[0].devices.at(0).series.at("window").samples.at(0), 5e-3);
}

}  // namespace
}  // namespace assay::bench
