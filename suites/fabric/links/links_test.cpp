// The description of fabric/links, and the real program under the real mpiexec: all patterns, and every
// fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/catalogue.h"
#include "reports/record/link_matrix.h"
#include "suites/fabric/links/exchange.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/launched_program.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LinksSpec, OneNodeHasNoLinksBetweenNodes) {
  const Benchmark& benchmark = find_benchmark("fabric/links");
  ProcessGroup alone;
  const Context context{alone};
  Parameters parameters = complete_parameters(benchmark.spec, {{"endpoints", std::string("nodes")}}, {});
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("two nodes or more, or say endpoints"));
  parameters["endpoints"] = std::string("auto");
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("two ranks or more"));
}

TEST(LinksSpec, FollowsTheRuleOfLinkTest) {
  const BenchmarkSpec& spec = find_benchmark("fabric/links").spec;
  EXPECT_EQ(std::get<std::int64_t>(spec.find_parameter("bytes")->default_value), 16 << 20);
  EXPECT_EQ(spec.find_parameter("messages")->minimum, 25);
  EXPECT_EQ(std::get<std::int64_t>(spec.find_parameter("warmups")->default_value), 3);
  EXPECT_EQ(spec.foms.front().name, "slowest");
  EXPECT_EQ(spec.scope, Scope::group);
}

TEST(LinkMembers, FollowTheNodesWhateverTheLauncherDid) {
  // Ranks dealt out in turn to two nodes: the halves of a bisection are nodes all the same.
  const std::vector<std::string> nodes = {"a", "b", "a", "b", "a"};
  EXPECT_THAT(link_members(nodes, true), ElementsAre(0, 2, 4, 1, 3));
  EXPECT_THAT(link_members(nodes, false), ElementsAre(0, 1));
}

class LaunchedLinks : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  std::vector<Record> run(const std::string& arguments, int expected_exit_code, int ranks = 2) {
    return finish(assay_bench(ranks, options(arguments)), expected_exit_code);
  }

  /// With a GPU of tests, whose memory the host cannot touch, for each rank.
  std::vector<Record> run_on_device(const std::string& arguments, int expected_exit_code, int ranks = 2,
                                    const std::string& environment = "") {
    return finish(assay_bench(ranks, options("--device gpu --time 1ms " + arguments), bench_with_test_device),
                  expected_exit_code, environment);
  }

  /// One rank on each of the nodes n1, n2, ...
  std::vector<Record> run_on_nodes(int nodes, const std::string& arguments, int expected_exit_code) {
    std::string command = mpiexec();
    for (int node = 1; node <= nodes; ++node) {
      command += (node == 1 ? " -n 1 -env ASSAY_NODE n" : " : -n 1 -env ASSAY_NODE n") +
                 std::to_string(node) + " " + assay_bench(0, options(arguments));
    }
    return finish(command, expected_exit_code);
  }

  LinkMatrix matrix_of(const Record& record) const {
    EXPECT_EQ(record.attachments.size(), 1U);
    if (record.attachments.empty()) return {};
    const std::string bytes =
        read_file(std::filesystem::path(file().string() + ".attachments") / record.attachments[0]);
    EXPECT_EQ(sha256_hex(bytes), record.attachments[0]);
    return decode_links(bytes, "attachment");
  }

  std::filesystem::path file() const { return scratch_ / "records.jsonl"; }

 private:
  std::string options(const std::string& arguments) const {
    return "fabric/links --time 50ms --json " + file().string() + " " + arguments;
  }
  std::vector<Record> finish(const std::string& command, int expected_exit_code,
                             const std::string& environment = "") {
    std::filesystem::remove(file());
    const Ended ended = run_command(environment + " timeout 60 " + command);
    EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
    return std::filesystem::exists(file()) ? records_in(file()) : std::vector<Record>{};
  }

  ScratchFolder scratch_;
};

double figure(const Record& record, const std::string& name) {
  for (const FigureOfMerit& fom : record.foms) {
    if (fom.name == name) return value_of(fom, record.devices.at(0)).value_or(-1);
  }
  return -1;
}

TEST_F(LaunchedLinks, TwoRanksOfOneNodeAreOnePair) {
  const auto records = run("--bytes 8KiB,1", 0);
  ASSERT_EQ(records.size(), 2U);
  const Record& record = records[0];
  const DeviceResult& device = record.devices.at(0);
  EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
  EXPECT_EQ(device.kind, "group");
  EXPECT_GT(figure(record, "slowest"), 0);
  EXPECT_GT(figure(record, "median"), 0);
  EXPECT_EQ(record.path.at("endpoints"), "all 2 ranks of 1 node");
  EXPECT_EQ(record.path.at("transport"), "shared memory");
  const LinkMatrix matrix = matrix_of(record);
  EXPECT_EQ(matrix.message_bytes, 8192U);
  ASSERT_EQ(matrix.codes.size(), 1U);
  EXPECT_GT(matrix.codes[0], 0);
  ASSERT_EQ(matrix.alone.size(), 1U);
  EXPECT_EQ(endpoint_names(matrix).at(1), record.node + " rank 1");
}

TEST_F(LaunchedLinks, ThreeNodesMeetInThreeRounds) {
  const auto records = run_on_nodes(3, "--bytes 256 --again 1 --time 1ms --endpoints nodes", 0);
  ASSERT_EQ(records.size(), 1U);
  const Record& record = records[0];
  EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::pass) << record.devices[0].check.how;
  EXPECT_EQ(record.path.at("endpoints"), "the first rank of each of 3 nodes");
  EXPECT_EQ(record.path.at("transport"), "network (not identified)");
  EXPECT_EQ(record.devices[0].metrics.at("sets_of_pairs"), 3);
  const LinkMatrix matrix = matrix_of(record);
  EXPECT_THAT(endpoint_names(matrix), ElementsAre("n1", "n2", "n3"));
  ASSERT_EQ(matrix.codes.size(), 3U);
  for (const std::uint16_t code : matrix.codes) EXPECT_GT(code, 0);
  EXPECT_GE(matrix.alone.size(), 1U);
}

TEST_F(LaunchedLinks, BisectionAndRing) {
  const auto records = run("--pattern bisection,ring --bytes 1000", 0);
  ASSERT_EQ(records.size(), 2U);
  for (const Record& record : records) {
    EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::pass) << record.devices[0].check.how;
    EXPECT_TRUE(record.attachments.empty());
  }
  // One pair, both directions.
  EXPECT_GT(figure(records[0], "bisection"), 0);
  EXPECT_DOUBLE_EQ(figure(records[0], "bisection"), 2 * figure(records[0], "per_pair"));
  EXPECT_GT(figure(records[1], "ring"), 0);
}

TEST_F(LaunchedLinks, OfThreeOneRestsAndTheRingGoesRound) {
  const auto records = run("--pattern bisection,ring --bytes 64 --time 1ms", 0, 3);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[0].path.at("endpoints"), HasSubstr("the last one resting"));
  for (const Record& record : records) {
    EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::pass) << record.devices[0].check.how;
  }
}

TEST_F(LaunchedLinks, WrongAndMissingMessagesFailTheCheck) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const auto records = run("--bytes 4KiB --pattern pairs,bisection,ring --time 1ms --plant " + fault, 1);
    ASSERT_EQ(records.size(), 3U) << fault;
    for (const Record& record : records) {
      const Check& check = record.devices.at(0).check;
      EXPECT_EQ(check.status, CheckStatus::fail)
          << to_string(record.parameters.at("pattern")) << " " << fault;
      if (fault != "wrong_element") continue;
      EXPECT_EQ(check.error, 1.0);
      EXPECT_THAT(check.how, HasSubstr("from rank 0 to rank 1: 1 of 4096 bytes"));
    }
  }
}

TEST_F(LaunchedLinks, ASlowRankIsInTheTimeOfItsPairs) {
  const auto records = run("--bytes 64 --plant slow_rank", 0);
  ASSERT_EQ(records.size(), 1U);
  // The last rank sleeps 5 ms in each exchange of 25 messages: at least 0.2 ms a message.
  EXPECT_LE(figure(records[0], "slowest"), 64 / 0.2e-3);
}

TEST_F(LaunchedLinks, MessagesOfDevicesArriveWhateverMovesThem) {
  struct Way {
    std::string implementation, environment, buffers;
    int ranks;
  };
  for (const Way& way : {Way{"nccl", "", "in GPU memory", 3}, Way{"mpi", "", "staged through the host", 2},
                         Way{"mpi", "ASSAY_TEST_HOST_REACHES=1", "moved by MPI from there", 2}}) {
    const auto records = run_on_device(
        "--again 1 --bytes 4KiB --pattern pairs,bisection,ring --implementation " + way.implementation, 0,
        way.ranks, way.environment);
    ASSERT_EQ(records.size(), 3U) << way.implementation;
    for (const Record& record : records) {
      EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::pass) << record.devices[0].check.how;
      EXPECT_THAT(record.path.at("buffers"), HasSubstr(way.buffers));
      EXPECT_EQ(record.path.count("library"), way.implementation == "nccl" ? 1U : 0U);
    }
  }
}

TEST_F(LaunchedLinks, WrongAndMissingMessagesOfDevicesFailTheCheck) {
  for (const std::string implementation : {"nccl", "mpi"}) {
    for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
      const auto records =
          run_on_device("--again 1 --bytes 4KiB --pattern pairs,bisection,ring --implementation " +
                            implementation + " --plant " + fault,
                        1);
      ASSERT_EQ(records.size(), 3U) << fault;
      for (const Record& record : records) {
        const Check& check = record.devices.at(0).check;
        EXPECT_EQ(check.status, CheckStatus::fail)
            << implementation << " " << to_string(record.parameters.at("pattern")) << " " << fault;
        if (fault != "wrong_element") continue;
        EXPECT_EQ(check.error, 1.0);
      }
    }
  }
}

TEST_F(LaunchedLinks, WhatDoesNotGoTogetherIsUnsupportedWithAdvice) {
  for (const std::string arguments : {"--implementation rccl", "--implementation nccl --warmups 0"}) {
    const auto records = run_on_device(arguments, 4);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_THAT(records[0].reason, HasSubstr("; give ")) << arguments;
  }
  EXPECT_THAT(run("--implementation nccl", 4).at(0).reason, HasSubstr("give device=gpu"));
}

TEST_F(LaunchedLinks, NodesOnOneNodeAreUnsupportedWithAdvice) {
  const auto records = run("--endpoints nodes", 4);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(records[0].reason, HasSubstr("endpoints = \"ranks\""));
}

}  // namespace
}  // namespace assay::bench
