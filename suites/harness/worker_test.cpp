#include "suites/harness/worker.h"
#include "reports/base/utc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "suites/harness/agreement.h"
#include "suites/harness/faults.h"
#include "suites/harness/line_file.h"
#include "suites/harness/mpi_library.h"
#include "suites/harness/tables.h"

namespace assay::bench {
namespace {

TEST(ProcessGroupAlone, MakesNoMpiCall) {
  // MPI is not initialised in this program: any call of it would end it.
  ProcessGroup group;
  EXPECT_TRUE(group.alone());
  EXPECT_EQ(group.rank(), 0);
  EXPECT_EQ(group.size(), 1);
  group.barrier();
  EXPECT_EQ(group.maximum(2.5), 2.5);
  std::vector<double> values = {1, 2};
  group.maximum(values);
  EXPECT_THAT(values, testing::ElementsAre(1, 2));
  EXPECT_EQ(group.sum(7), 7);
  EXPECT_TRUE(group.any(true));
  EXPECT_FALSE(group.any(false));
  EXPECT_EQ(group.broadcast(3.5, 0), 3.5);
  EXPECT_THAT(group.gather("text", 0), testing::ElementsAre("text"));
  EXPECT_EQ(group.node_of(0), "localhost");
  EXPECT_EQ(broadcast_text(group, "abc", 0), "abc");
}

TEST(Agreement, TellsWhatWasThrown) {
  const ProcessGroup group;
  EXPECT_EQ(agreed_failure(group, [] {}), "");
  EXPECT_EQ(agreed_failure(group, [] { throw std::runtime_error("no memory"); }), "no memory");
  EXPECT_NE(agreed_failure(group, [] { throw 1; }), "");
}

RequestedCase request_for(const std::string& benchmark) {
  RequestedCase requested;
  requested.position = 3;
  requested.identity.benchmark = benchmark;
  requested.time_s = 0.01;
  return requested;
}

TEST(Worker, AnUnknownBenchmarkIsAFailedRecord) {
  ProcessGroup group;
  SteadyClock clock;
  Worker worker(group, clock);
  const auto records = worker.run(request_for("collectives/allredcue"), {});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::failed);
  EXPECT_THAT(records[0].reason, testing::HasSubstr("did you mean 'collectives/allreduce'"));
  EXPECT_EQ(records[0].position, 3);
  EXPECT_TRUE(records[0].devices.empty());
}

TEST(Worker, OneProcessIsNotTwoRanks) {
  // What a foreign mpiexec does: each process believes that it is alone.
  ProcessGroup group;
  SteadyClock clock;
  Worker worker(group, clock);
  RequestedCase requested = request_for("collectives/allreduce");
  requested.identity.geometry.ranks_per_node = 2;
  const auto records = worker.run(requested, {});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::failed);
  EXPECT_THAT(records[0].reason, testing::HasSubstr("asked for 2 ranks on 1 node"));
}

TEST(Worker, AllreduceAloneIsUnsupportedAndSaysWhatToDo) {
  ProcessGroup group;
  SteadyClock clock;
  Worker worker(group, clock);
  StartSettings settings;
  settings.fault = Fault::nan;
  const auto records = worker.run(request_for("collectives/allreduce"), settings);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(records[0].reason, testing::HasSubstr("mpiexec -n 2"));
  EXPECT_EQ(records[0].planted, "nan");
}

Record rank_record(const std::string& node, int rank, double load) {
  Record record;
  record.node = node;
  DeviceResult device;
  device.rank = rank;
  device.conditions.load = load;
  record.devices.push_back(device);
  return record;
}

TEST(MergeRanks, DevicesAreGroupedByNode) {
  const auto merged =
      merge_ranks({rank_record("a", 0, 1), rank_record("b", 1, 2), rank_record("a", 2, 3)}, Scope::device);
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].node, "a");
  ASSERT_EQ(merged[0].devices.size(), 2u);
  EXPECT_EQ(merged[0].devices[1].rank, 2);
  EXPECT_EQ(merged[1].devices.size(), 1u);
}

TEST(MergeRanks, AGroupIsOneDeviceWithTheWorstConditions) {
  const auto merged = merge_ranks({rank_record("a", 0, 1), rank_record("b", 1, 2)}, Scope::group);
  ASSERT_EQ(merged.size(), 1u);
  ASSERT_EQ(merged[0].devices.size(), 1u);
  EXPECT_EQ(merged[0].devices[0].conditions.load, 2);
}

TEST(UtcNow, HasMilliseconds) {
  EXPECT_THAT(utc_now(),
              testing::MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"));
}

TEST(LineFile, AppendsWholeLines) {
  const auto path = std::filesystem::temp_directory_path() / ("assay-lines-" + std::to_string(getpid()));
  std::filesystem::remove(path);
  {
    LineFile file(path);
    file.append("one");
  }
  LineFile(path).append("two");
  EXPECT_EQ(read_file(path), "one\ntwo\n");
  std::filesystem::remove(path);
}

TEST(LineFile, AFullDiskAndAMissingFolderAreErrorsWithTheReason) {
  try {
    LineFile("/dev/full").append("line");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::cannot_run);
    EXPECT_THAT(error.what(), testing::HasSubstr("No space left on device"));
  }
  EXPECT_THROW(LineFile("/no/such/folder/file"), Error);
}

TEST(MpiLibrary, IsNameAndVersion) {
  EXPECT_EQ(short_mpi_version("MPICH Version:\t4.0.2\nMPICH Release date:\tThu\n"), "MPICH 4.0.2");
  EXPECT_EQ(short_mpi_version("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4"), "Open MPI v4.1.4");
  EXPECT_EQ(short_mpi_version(""), "unknown");
}

TEST(Faults, NamesRoundTrip) {
  for (const std::string& name : fault_names()) EXPECT_EQ(to_string(parse_fault(name)), name);
  EXPECT_EQ(parse_fault(""), Fault::none);
  EXPECT_THROW(parse_fault("wrong"), Error);
}

TEST(Tables, DescribeNamesEveryParameterAndFigure) {
  for (const Benchmark* benchmark : benchmarks()) {
    const std::string text = describe(benchmark->spec);
    for (const auto& parameter : benchmark->spec.parameters) {
      EXPECT_THAT(text, testing::HasSubstr("--" + parameter.name));
      EXPECT_THAT(text, testing::HasSubstr(parameter.meaning));
    }
    for (const auto& fom : benchmark->spec.foms) EXPECT_THAT(text, testing::HasSubstr(fom.meaning));
  }
}

TEST(Tables, WarnOfAFailedCheckStealAndThrottling) {
  const BenchmarkSpec& spec = find_benchmark("collectives/allreduce").spec;
  Record record = rank_record("a", 0, 0);
  record.benchmark = spec.name;
  record.parameters = complete_parameters(spec, {}, {});
  record.devices[0].check = {CheckStatus::fail, 1.0, 0.0, "3 wrong"};
  record.devices[0].conditions.steal_fraction = 0.25;
  record.devices[0].conditions.throttled = true;
  const auto texts = warnings(spec, record);
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_THAT(texts[0], testing::HasSubstr("3 wrong"));
  EXPECT_THAT(texts[1], testing::HasSubstr("25.00 %"));
  EXPECT_THAT(texts[2], testing::HasSubstr("throttled"));
  record.devices[0].check.status = CheckStatus::pass;
  record.devices[0].conditions = {};
  EXPECT_TRUE(warnings(spec, record).empty());
}

}  // namespace
}  // namespace assay::bench
