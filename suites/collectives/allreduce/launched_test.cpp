// The real program under the real mpiexec: right results pass, and every fault that can be planted is caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/record/catalogue.h"
#include "reports/record/request.h"
#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class Launched : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  /// More ranks than cores take milliseconds for each operation: such runs do less.
  static bool oversubscribed() { return GetParam() > static_cast<int>(std::thread::hardware_concurrency()); }

  /// Runs cases by hand and reads what they recorded.
  std::vector<Record> run(const std::string& arguments, int expected_exit_code) {
    const auto file = scratch_ / "records.jsonl";
    const Ended ended = run_command(assay_bench(
        GetParam(), "collectives/allreduce --time 20ms --json " + file.string() + " " + arguments));
    EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
    return records_in(file);
  }

  StartRequest request(const std::string& fault) const {
    RequestedCase one;
    one.position = 1;
    one.identity.benchmark = "collectives/allreduce";
    one.identity.parameters = {{"bytes", std::int64_t{1024}},
                               {"dtype", std::string("f32")},
                               {"in_place", false},
                               {"mode", std::string("throughput")}};
    one.identity.geometry.ranks_per_node = GetParam();
    one.time_s = 0.02;
    StartRequest request;
    request.start = 4;
    request.seed = 11;
    request.plant = fault;
    request.cases = {one, one};
    request.cases[1].position = 2;
    return request;
  }

  Ended run_request(const StartRequest& request, const std::string& before = "") {
    write_file(scratch_ / "request.json", to_json(request));
    return run_command(before + assay_bench(GetParam(), "--request " + (scratch_ / "request.json").string() +
                                                            " --results " + results().string()));
  }

  std::filesystem::path results() const { return scratch_ / "results.jsonl"; }

  std::vector<std::string> result_lines() const {
    std::vector<std::string> lines{""};
    for (const char c : read_file(results())) {
      if (c == '\n') {
        lines.emplace_back();
      } else {
        lines.back() += c;
      }
    }
    return lines;  // the last one is what follows the last newline: empty when all is well
  }

  ScratchFolder scratch_;
};

INSTANTIATE_TEST_SUITE_P(Allreduce, Launched, testing::Values(2, 3));

TEST_P(Launched, EveryTypeIsSummedExactly) {
  const std::string sizes = oversubscribed() ? "1000" : "8,65536";
  const auto records = run("--bytes " + sizes + " --dtype f32,f64,int32,bf16 --in_place false,true", 0);
  ASSERT_EQ(records.size(), oversubscribed() ? 8u : 16u);
  for (const Record& record : records) {
    EXPECT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    const DeviceResult& device = record.devices[0];
    EXPECT_EQ(device.kind, "group");
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_EQ(device.check.error, 0.0);
    EXPECT_GE(device.warmups, 3);
    EXPECT_LE(device.samples_s.size(), 64u);
    EXPECT_EQ(record.geometry.ranks_per_node, GetParam());
    EXPECT_EQ(record.path.at("transport"), "shared memory");
    const bool bf16 = to_string(record.parameters.at("dtype")) == "bf16";
    EXPECT_EQ(record.path.at("operation"), bf16 ? "user-defined bf16 sum" : "MPI_SUM");
    // busbw = bytes * 2 (n - 1) / n / time
    const double bytes = std::stod(to_string(record.parameters.at("bytes")));
    ASSERT_FALSE(record.foms.empty());
    EXPECT_EQ(record.foms[0].name, "busbw");
    EXPECT_DOUBLE_EQ(*record.foms[0].numerator, bytes * (GetParam() == 2 ? 1.0 : 4.0 / 3.0));
  }
}

TEST_P(Launched, LatencyModeGivesAHistogram) {
  const auto records = run("--bytes 8 --mode latency", 0);
  ASSERT_EQ(records.size(), 1u);
  const DeviceResult& device = records[0].devices[0];
  ASSERT_TRUE(device.histogram);
  EXPECT_EQ(device.check.status, CheckStatus::pass);
  ASSERT_EQ(records[0].foms.size(), 4u);
  for (const FigureOfMerit& fom : records[0].foms) {
    EXPECT_EQ(fom.unit, "s");
    EXPECT_TRUE(value_of(fom, device)) << fom.name;
  }
}

TEST_P(Launched, WrongNumbersFailTheCheck) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const auto file = scratch_ / fault;
    const Ended ended = run_command(
        assay_bench(GetParam(),
                    "collectives/allreduce --bytes 1KiB --time 20ms --dtype f32,bf16,int32 --in_place "
                    "false,true --plant " +
                        fault + " --json " + file.string()));
    EXPECT_EQ(ended.exit_code, 1) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("FAIL"));
    const auto records = records_in(file);
    ASSERT_EQ(records.size(), 6u);
    for (const Record& record : records) {
      EXPECT_EQ(record.planted, fault);
      const std::string dtype = to_string(record.parameters.at("dtype"));
      const Check& check = record.devices[0].check;
      EXPECT_EQ(check.status, CheckStatus::fail) << fault << " " << dtype;
      if (fault == "nan" && dtype != "int32") {
        EXPECT_FALSE(check.error);
      } else {
        EXPECT_GT(check.error.value_or(0), 0);
      }
      if (fault != "silent_rank") {
        EXPECT_THAT(check.how, HasSubstr("1 wrong"));
        EXPECT_THAT(check.how, HasSubstr("rank " + std::to_string(GetParam() - 1)));
      }
    }
  }
}

TEST(Nodes, AreWhatTheLauncherSaysNotTheHostName) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const std::string program =
      assay_bench(0, "collectives/allreduce --bytes 8 --time 20ms --json " + file.string());
  const Ended ended = run_command(mpiexec() + " -n 1 -env ASSAY_NODE east " + program +
                                  " : -n 1 -env ASSAY_NODE west " + program);
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  const auto records = records_in(file);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].node, "east");
  EXPECT_EQ(records[0].geometry.nodes, 2);
  EXPECT_EQ(records[0].geometry.ranks_per_node, 1);
  EXPECT_EQ(records[0].path.at("transport"), "network (not identified)");
}

TEST_P(Launched, ASlowRankIsTheTimeOfTheGroup) {
  const auto records = run("--bytes 8 --plant slow_rank", 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].planted, "slow_rank");
  // The rank sleeps at least 5 ms in each iteration, so no sample can be shorter.
  for (const double sample : records[0].devices[0].samples_s) EXPECT_GE(sample, 5e-3);
}

TEST_P(Launched, ARequestIsAnsweredWithProgressAndRecords) {
  const Ended ended = run_request(request(""));
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  const auto lines = result_lines();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(parse_progress(lines[0]), 1);
  EXPECT_EQ(parse_progress(lines[2]), 2);
  const Record record = parse_record(lines[3], {});
  EXPECT_EQ(record.start, 4);
  EXPECT_EQ(record.position, 2);
  EXPECT_EQ(record.status, LaunchStatus::completed);
  EXPECT_EQ(lines[4], "");
}

TEST_P(Launched, AnotherNumberOfRanksThanAskedForIsAFailedRecord) {
  StartRequest wrong = request("");
  for (RequestedCase& one : wrong.cases) one.identity.geometry.ranks_per_node = GetParam() + 1;
  EXPECT_EQ(run_request(wrong).exit_code, 0);
  const auto lines = result_lines();
  ASSERT_EQ(lines.size(), 5u);
  const Record record = parse_record(lines[1], {});
  EXPECT_EQ(record.status, LaunchStatus::failed);
  EXPECT_THAT(record.reason, HasSubstr("asked for"));
}

TEST_P(Launched, ACrashLeavesOnlyTheProgressLine) {
  const Ended ended = run_request(request("crash"));
  EXPECT_NE(ended.exit_code, 0);
  const auto lines = result_lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(parse_progress(lines[0]), 1);
}

TEST_P(Launched, AHangLastsUntilItIsEnded) {
  // On a busy machine ranks may take longer than that to start.
  for (const char* limit : {"timeout 3 ", "timeout 20 "}) {
    EXPECT_EQ(run_request(request("hang"), limit).exit_code, 124);
    if (std::filesystem::exists(results())) break;
  }
  const auto lines = result_lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(parse_progress(lines[0]), 1);
}

TEST_P(Launched, ATruncatedRecordEndsWithinALine) {
  run_request(request("truncated_record"));
  const auto lines = result_lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[1], "");
  EXPECT_THROW(parse_record(lines[1], {}), Error);
}

TEST_P(Launched, GarbageIsNoRecord) {
  run_request(request("garbage"));
  const auto lines = result_lines();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_THROW(parse_record(lines[1], {}), Error);
}

TEST_P(Launched, UsageErrorsAreSaidOnceByAllRanks) {
  const Ended ended = run_command(assay_bench(GetParam(), "collectives/allreduce --dtype fp32"));
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.output, HasSubstr("did you mean 'f32'"));
  const auto first = ended.output.find("did you mean");
  EXPECT_EQ(ended.output.find("did you mean", first + 1), std::string::npos);
}

TEST_P(Launched, AFullDiskEndsAllRanksWithTheReason) {
  const Ended ended =
      run_command(assay_bench(GetParam(), "collectives/allreduce --bytes 8 --time 20ms --json /dev/full"));
  EXPECT_EQ(ended.exit_code, 4);
  EXPECT_THAT(ended.output, HasSubstr("No space left on device"));
}

TEST(ByHand, WithoutMpiexecAllreduceSaysHowToStartIt) {
  const Ended ended = run_command(assay_bench(0, "collectives/allreduce"));
  EXPECT_EQ(ended.exit_code, 4);
  EXPECT_THAT(ended.output, HasSubstr("mpiexec -n 2"));
}

TEST(ByHand, DescribesItselfWithoutMpi) {
  const Ended list = run_command(assay_bench(0, "--list"));
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_THAT(list.output, HasSubstr("collectives/allreduce"));
  const Ended catalogue = run_command(assay_bench(0, "--describe"));
  EXPECT_NE(parse_catalogue(catalogue.output, "stdout").find("collectives/allreduce"), nullptr);
  EXPECT_THAT(run_command(assay_bench(0, "--describe collectives/allreduce")).output,
              HasSubstr("--in_place"));
  EXPECT_EQ(run_command(assay_bench(0, "--version")).exit_code, 0);
  EXPECT_THAT(run_command(assay_bench(0, "--help")).output, HasSubstr("Exit status"));
}

TEST(ByHand, UsageErrorsExitWithThree) {
  EXPECT_EQ(run_command(assay_bench(0, "collectives/allreduc")).exit_code, 3);
  EXPECT_EQ(run_command(assay_bench(0, "collectives/allreduce --bytes 1")).exit_code, 3);
  EXPECT_EQ(run_command(assay_bench(0, "--request /no/such/file --results /tmp/x")).exit_code, 3);
}

}  // namespace
}  // namespace assay::bench
