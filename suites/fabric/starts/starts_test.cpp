#include "suites/fabric/starts/starts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "suites/harness/launched_program.h"
#include "suites/harness/session.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

TEST(LaunchMoment, IsADecimalNumberOfSeconds) {
  EXPECT_EQ(parse_launched("1790000000.25"), 1790000000.25);
  EXPECT_EQ(parse_launched("12"), 12);
  for (const char* wrong : {"", "now", "-3", "nan", "inf", "1e9", "1.2.3", "12 s", "0x10", " 1"})
    EXPECT_FALSE(parse_launched(wrong)) << wrong;
  EXPECT_FALSE(parse_launched(nullptr));
}

TEST(Start, OnlyATimeThatCanBeIsOne) {
  EXPECT_EQ(implausible_start(1000, 1000.5, 0.4), "");
  EXPECT_EQ(implausible_start(1000, 1000.5, 0), "");  // not known how long the processes took
  EXPECT_EQ(implausible_start(1000, 1000.5, 0.55), "");
  EXPECT_EQ(implausible_start(1000, 1000 + 86400, 1), "");
  EXPECT_THAT(implausible_start(1000, 999.5, 0), HasSubstr("-0.500000 s"));
  EXPECT_THAT(implausible_start(1000, 1000, 0), HasSubstr("clocks"));
  EXPECT_THAT(implausible_start(0, 86401, 0), HasSubstr("86401.000000 s"));
  // A process cannot have begun before it was launched.
  EXPECT_THAT(implausible_start(1000, 1000.5, 2), HasSubstr("up to 2.00 s until MPI was ready"));
}

TEST(ProcessAge, IsReadBehindTheNameWhateverThatIs) {
  // proc(5): field 22 is the start in ticks since boot; here 5000 ticks of 1/100 s, 60 s after boot.
  const std::string behind = " S 1 2 3 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 5000 1000 200";
  EXPECT_DOUBLE_EQ(process_age_s("77 (bench)" + behind, 60, 100), 10);
  EXPECT_DOUBLE_EQ(process_age_s("77 (a) S 9 (b)" + behind, 60, 100), 10);
  EXPECT_DOUBLE_EQ(process_age_s("77 (bench) S 1", 60, 100), 0);
  EXPECT_DOUBLE_EQ(process_age_s("", 60, 100), 0);
  EXPECT_DOUBLE_EQ(process_age_s("77 (bench)" + behind, 40, 100), 0);  // started in the future: not known
}

class LaunchedStarts : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  Record run(const std::string& environment, const std::string& arguments, int expected_exit_code) {
    const auto file = scratch_ / ("records" + std::to_string(++runs_));
    const Ended ended = run_command(
        environment + " " + assay_bench(3, "fabric/starts --json " + file.string() + " " + arguments));
    EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
    const auto records = records_in(file);
    EXPECT_EQ(records.size(), 1u);
    return records.empty() ? Record{} : records[0];
  }

  ScratchFolder scratch_;
  int runs_ = 0;
};

constexpr const char* now = "ASSAY_LAUNCHED=$(date +%s.%N)";

TEST_F(LaunchedStarts, FromTheLaunchToTheFirstBarrier) {
  const Record record = run(now, "", 0);
  ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
  const DeviceResult& device = record.devices.at(0);
  EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
  ASSERT_EQ(record.foms.size(), 1u);
  EXPECT_EQ(record.foms[0].name, "time");
  const auto time_s = value_of(record.foms[0], device);
  ASSERT_TRUE(time_s);
  EXPECT_GT(*time_s, 0);
  EXPECT_EQ(device.series.at("time").samples.size(), 1u);
  EXPECT_EQ(device.metrics.at("ranks"), 3);
  EXPECT_EQ(device.metrics.at("nodes"), 1);
  EXPECT_GE(device.metrics.at("moments_apart_s"), 0);
  EXPECT_EQ(record.path.count("invalid"), 0u);
}

TEST_F(LaunchedStarts, WithoutTheMomentOfTheLaunchItSaysHowToGiveIt) {
  for (const char* environment : {"env -u ASSAY_LAUNCHED", "ASSAY_LAUNCHED=soon"}) {
    const Record record = run(environment, "", 4);
    EXPECT_EQ(record.status, LaunchStatus::unsupported);
    EXPECT_THAT(record.reason, HasSubstr("ASSAY_LAUNCHED=$(date +%s.%N) mpiexec -n 3"));
  }
}

TEST_F(LaunchedStarts, ClocksThatDifferMakeItInvalid) {
  const Record future = run("ASSAY_LAUNCHED=99999999999.5", "", 1);
  EXPECT_THAT(future.path.at("invalid"), HasSubstr("the clocks of the machines differ"));
  EXPECT_FALSE(value_of(future.foms.at(0), future.devices.at(0)));
  const Record past = run("ASSAY_LAUNCHED=1.5", "", 1);
  EXPECT_THAT(past.path.at("invalid"), HasSubstr("the clocks of the machines differ"));
}

TEST_F(LaunchedStarts, ARankThatIsMissingIsFound) {
  for (const std::string fault : {"silent_rank", "wrong_element", "nan"}) {
    const Record record = run(now, "--plant " + fault, 1);
    const Check& check = record.devices.at(0).check;
    EXPECT_EQ(check.status, CheckStatus::fail) << fault;
    EXPECT_THAT(check.how, HasSubstr("a rank is missing in the sums"));
  }
}

}  // namespace
}  // namespace assay::bench
