// The real program under the real mpiexec, with more ranks than most test machines have cores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class Congestion : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  std::vector<Record> run(int ranks, const std::string& arguments, int expected_exit_code) {
    const auto file = scratch_ / ("records" + std::to_string(++runs_));
    // A deadlock must not outlive the test.
    const Ended ended =
        run_command("timeout 60 " + assay_bench(ranks, "fabric/congestion --time 20ms --json " +
                                                           file.string() + " " + arguments));
    EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
    return records_in(file);
  }

  ScratchFolder scratch_;
  int runs_ = 0;
};

TEST_F(Congestion, EachCongestorReallyRunsBesideTheVictims) {
  const auto records = run(4, "--congestor all_to_all,incast,broadcast --congestor_bytes 4KiB", 0);
  ASSERT_EQ(records.size(), 3u);
  for (const Record& record : records) {
    ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
    const DeviceResult& device = record.devices.at(0);
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_EQ(record.path.count("invalid"), 0u) << record.path.at("invalid");
    EXPECT_EQ(record.path.at("roles"), "2 victims, 2 congestors, interleaved by ranks");
    EXPECT_GE(device.metrics.at("fewest_rounds_alongside"), 1);
    EXPECT_GE(device.metrics.at("rounds_alongside"), 2 * device.metrics.at("fewest_rounds_alongside"));
    ASSERT_EQ(record.foms.size(), 4u);
    for (const FigureOfMerit& fom : record.foms) {
      EXPECT_EQ(fom.unit, "1");
      const auto value = value_of(fom, device);
      ASSERT_TRUE(value) << fom.name;
      EXPECT_GT(*value, 0);
      EXPECT_EQ(device.series.at(fom.series).samples.size(), static_cast<std::size_t>(device.iterations));
    }
    for (const char* test : {"latency", "allreduce"}) {
      for (const char* when : {"_alone", "_congested"}) {
        const Series& series = device.series.at(std::string(test) + when);
        ASSERT_TRUE(series.histogram);
        std::uint64_t operations = 0;
        for (const std::uint64_t count : series.histogram->counts) operations += count;
        EXPECT_GE(operations, 2u * 16u);  // both victims, a batch at least
      }
    }
  }
}

TEST_F(Congestion, AnOddNumberOfRanksAndAnotherShare) {
  const auto records = run(5, "--victims 0.6 --bytes 100 --allreduce_bytes 64 --congestor_bytes 1", 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].devices.at(0).check.status, CheckStatus::pass) << records[0].devices[0].check.how;
  EXPECT_EQ(records[0].path.at("roles"), "3 victims, 2 congestors, interleaved by ranks");
}

TEST_F(Congestion, WrongAndMissingMessagesOfBothGroupsAreFound) {
  struct Planted {
    const char* fault;
    const char* congestors;
    std::size_t count;
    const char* said;
  };
  for (const Planted& one : {Planted{"wrong_element", "broadcast", 1, "1 wrong operations of victims"},
                             Planted{"nan", "all_to_all,broadcast", 2, "wrong messages of congestors"},
                             Planted{"silent_rank", "incast", 1, "wrong operations of victims"}}) {
    const auto records = run(
        4, std::string("--congestor_bytes 4KiB --congestor ") + one.congestors + " --plant " + one.fault, 1);
    ASSERT_EQ(records.size(), one.count);
    for (const Record& record : records) {
      ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
      const Check& check = record.devices.at(0).check;
      EXPECT_EQ(check.status, CheckStatus::fail) << one.fault;
      EXPECT_GT(check.error.value_or(0), 0);
      EXPECT_THAT(check.how, HasSubstr(one.said));
    }
  }
}

TEST_F(Congestion, BlocksThatDoNotFitAreRefusedWithTheSizeThatDoes) {
  const auto records = run(4, "--congestor_bytes 512MiB", 4);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(records[0].reason, HasSubstr("congestor_bytes=268435456 or less"));
}

}  // namespace
}  // namespace assay::bench
