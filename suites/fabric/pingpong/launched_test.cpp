// The real program under the real mpiexec: right messages pass, wrong and missing ones are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class Pingpong : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  /// A third rank that waits takes the other two's cores where there are only two: such runs do less.
  static bool oversubscribed() { return GetParam() > static_cast<int>(std::thread::hardware_concurrency()); }

  std::vector<Record> run(const std::string& arguments, int expected_exit_code) {
    const auto file = scratch_ / ("records" + std::to_string(++runs_));
    const Ended ended =
        run_command(assay_bench(GetParam(), "fabric/pingpong --json " + file.string() + " " + arguments));
    EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
    return records_in(file);
  }

  static const FigureOfMerit* figure(const Record& record, const std::string& name) {
    for (const FigureOfMerit& fom : record.foms) {
      if (fom.name == name) return &fom;
    }
    return nullptr;
  }

  ScratchFolder scratch_;
  int runs_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Fabric, Pingpong, testing::Values(2, 3));

TEST_P(Pingpong, EveryPatternArrivesAsItWasSent) {
  const std::string sizes = oversubscribed() ? "8" : "0,1,8,70000";
  const auto records =
      run("--time 10ms --bytes " + sizes + " --pattern pingpong,window,bidirectional,message_rate", 0);
  ASSERT_EQ(records.size(), oversubscribed() ? 4u : 16u);
  for (const Record& record : records) {
    ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    const DeviceResult& device = record.devices[0];
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_EQ(device.check.error, 0.0);
    EXPECT_EQ(record.path.at("transport"), "shared memory");
    EXPECT_THAT(record.path.at("pair"),
                HasSubstr(record.parameters.at("pattern") == ParameterValue(std::string("message_rate"))
                              ? "rank 1 on"
                              : "rank " + std::to_string(GetParam() - 1) + " on"));
    const std::string pattern = to_string(record.parameters.at("pattern"));
    const double bytes = std::stod(to_string(record.parameters.at("bytes")));
    const double messages = pattern == "pingpong" ? 1 : pattern == "bidirectional" ? 128 : 64;
    EXPECT_EQ(figure(record, "latency") != nullptr, pattern == "pingpong");
    EXPECT_EQ(figure(record, "message_rate")->numerator, messages);
    if (bytes > 0) {
      EXPECT_EQ(figure(record, "bandwidth")->numerator, messages * bytes);
    } else {
      EXPECT_EQ(figure(record, "bandwidth"), nullptr);
    }
    for (const FigureOfMerit& fom : record.foms) EXPECT_TRUE(value_of(fom, device)) << fom.name;
  }
}

TEST_P(Pingpong, LatencyModeGivesPercentilesOfHalfRoundTrips) {
  const auto records = run("--time 20ms --bytes 0,8 --mode latency", 0);
  ASSERT_EQ(records.size(), 2u);
  for (const Record& record : records) {
    const DeviceResult& device = record.devices[0];
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    ASSERT_TRUE(device.series.at("one_way").histogram);
    ASSERT_EQ(record.foms.size(), 4u);
    double before = 0;
    for (const FigureOfMerit& fom : record.foms) {
      const auto value = value_of(fom, device);
      ASSERT_TRUE(value) << fom.name;
      EXPECT_GE(*value, before);  // median <= p95 <= p99 <= max
      before = *value;
    }
    // Half of each of the trips that one series times as a whole: the means agree but for what lies between.
    EXPECT_FALSE(device.series.at("one_way_with_clock").samples.empty());
  }
}

TEST_P(Pingpong, WrongAndMissingMessagesAreFound) {
  const std::string sizes = oversubscribed() ? "8" : "0,5,5000";
  const std::string patterns = oversubscribed() ? "pingpong" : "pingpong,window,bidirectional,message_rate";
  const std::size_t size_count = oversubscribed() ? 1 : 3;
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    for (const std::string mode : {"throughput", "latency"}) {
      const bool latency = mode == "latency";
      const auto records = run("--time 10ms --bytes " + sizes + " --mode " + mode + " --pattern " +
                                   (latency ? "pingpong" : patterns) + " --plant " + fault,
                               1);
      ASSERT_EQ(records.size(), latency || oversubscribed() ? size_count : 4 * size_count);
      for (const Record& record : records) {
        ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
        const Check& check = record.devices[0].check;
        EXPECT_EQ(check.status, CheckStatus::fail) << fault;
        EXPECT_GT(check.error.value_or(0), 0);
        const std::string bytes = to_string(record.parameters.at("bytes"));
        if (fault == "silent_rank") {
          EXPECT_THAT(check.how, HasSubstr("messages did not arrive as sent"));
          if (bytes != "0") {
            EXPECT_THAT(check.how, HasSubstr("nothing arrived"));
          }
        } else if (bytes == "0") {
          EXPECT_THAT(check.how, HasSubstr("1 messages did not arrive as sent"));
        } else {
          EXPECT_THAT(check.how,
                      HasSubstr(fault == "nan" && bytes == "5000" ? "8 bytes wrong" : " bytes wrong"));
          EXPECT_THAT(check.how, HasSubstr("instead of"));
        }
      }
    }
  }
}

TEST(PingpongNodes, TheRanksThatTalkAreOnDifferentNodes) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const std::string program =
      assay_bench(0, "fabric/pingpong --pattern pingpong,message_rate --time 10ms --json " + file.string());
  const Ended ended = run_command(
      mpiexec() + " -n 1 -env ASSAY_NODE east " + program + " : -n 1 -env ASSAY_NODE west " + program +
      " : -n 1 -env ASSAY_NODE east " + program + " : -n 1 -env ASSAY_NODE west " + program);
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  const auto records = records_in(file);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].path.at("pair"), "rank 0 on east, rank 3 on west");
  EXPECT_EQ(records[1].path.at("pairs"), "2 at once, 2 of them across nodes");
  for (const Record& record : records) EXPECT_EQ(record.path.at("transport"), "network (not identified)");
}

}  // namespace
}  // namespace assay::bench
