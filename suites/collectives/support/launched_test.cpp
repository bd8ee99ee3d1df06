// The whole family under the real mpiexec: right results pass on even and odd numbers of ranks, and every
// fault that can be planted is caught in every collective, implementation and form of call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/collectives/support/launched_family.h"
#include "suites/harness/mpi_library.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class Family : public LaunchedFamily {
 protected:
  /// Every collective in every form: blocking and not, in place and not, the root first and last.
  void add_all() {
    const std::string blocking = "blocking";
    const std::string nonblocking = "nonblocking";
    constexpr std::int64_t bytes = 4800;
    const std::int64_t last = GetParam() - 1;
    for (const std::string& call : {blocking, nonblocking}) {
      for (const bool in_place : {false, true}) {
        const std::string dtype = in_place ? "bf16" : "int32";
        add("allreduce", {{"bytes", bytes}, {"call", call}, {"in_place", in_place}});
        add("reduce_scatter", {{"bytes", bytes}, {"call", call}, {"in_place", in_place}, {"dtype", dtype}});
        add("allgather", {{"bytes", bytes}, {"call", call}, {"in_place", in_place}});
        add("alltoall", {{"bytes", bytes}, {"call", call}, {"in_place", in_place}});
        for (const std::int64_t root : {std::int64_t{0}, last}) {
          if (in_place && root != 0 && call == blocking) continue;  // MPICH 4.0 and 4.1 crash (reduce.cpp)
          add("reduce", {{"bytes", bytes}, {"call", call}, {"in_place", in_place}, {"root", root}});
        }
      }
      for (const std::int64_t root : {std::int64_t{0}, last})
        add("broadcast", {{"bytes", bytes}, {"call", call}, {"root", root}});
      add("barrier", {{"call", call}});
    }
    for (const bool in_place : {false, true}) {
      for (const std::int64_t size : {std::int64_t{8}, bytes}) {  // each sums all; each sums its share
        add("allreduce", {{"bytes", size},
                          {"implementation", std::string("shared_window")},
                          {"in_place", in_place},
                          {"dtype", std::string(in_place ? "bf16" : "f32")}});
      }
    }
    add("allreduce", {{"bytes", bytes},
                      {"implementation", std::string("shared_window")},
                      {"mode", std::string("latency")}});
    add("alltoall", {{"bytes", bytes}, {"call", nonblocking}, {"progress", std::string("test")}});
    add("allgather", {{"bytes", bytes}, {"mode", std::string("latency")}});
    add("barrier", {{"mode", std::string("latency")}});
  }

  /// One form of each. With more ranks than cores an operation takes milliseconds whatever its size, so
  /// messages are large: the ring is short then.
  void add_each(std::int64_t bytes) {
    for (const std::string name :
         {"allreduce", "reduce_scatter", "allgather", "alltoall", "broadcast", "reduce"})
      add(name, {{"bytes", bytes}});
    add("barrier", {});
    add("allreduce", {{"bytes", bytes}, {"implementation", std::string("shared_window")}});
  }
};

INSTANTIATE_TEST_SUITE_P(Collectives, Family, testing::Values(2));

constexpr std::int64_t large_bytes = std::int64_t{4} << 20;

/// Every figure is there whose condition the parameters meet (but for with_copies, which is of throughput
/// mode).
void expect_figures(const Record& record, int ranks) {
  const bool barrier = record.benchmark == "collectives/barrier";
  std::vector<std::string> expected;
  if (word(record, "mode") == "latency") {
    expected = {"latency", "p95", "p99", "max"};
  } else {
    if (!barrier) expected = {"busbw", "algbw"};
    expected.emplace_back("time");
    if (word(record, "call") == "nonblocking") expected.emplace_back("overlap");
    if (word(record, "implementation") == "shared_window") expected.emplace_back("with_copies");
  }
  std::vector<std::string> found;
  for (const FigureOfMerit& fom : record.foms) {
    found.push_back(fom.name);
    EXPECT_TRUE(value_of(fom, record.devices.at(0))) << record.benchmark << " " << fom.name;
  }
  EXPECT_EQ(found, expected) << record.benchmark;
  if (barrier || expected[0] != "busbw") return;
  double factor = 1;
  if (record.benchmark == "collectives/allreduce") factor = 2.0 * (ranks - 1) / ranks;
  for (const char* name : {"reduce_scatter", "allgather", "alltoall"})
    if (record.benchmark == std::string("collectives/") + name) factor = (ranks - 1.0) / ranks;
  const double bytes = record.devices[0].metrics.at("message_bytes");
  EXPECT_EQ(bytes, std::stod(word(record, "bytes")));
  EXPECT_DOUBLE_EQ(*record.foms[0].numerator, bytes * factor) << record.benchmark;
  EXPECT_DOUBLE_EQ(*record.foms[1].numerator, bytes);
}

TEST_P(Family, RightResultsPass) {
  add_all();
  for (const Record& record : run("")) {
    ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
    const Check& check = record.devices.at(0).check;
    EXPECT_EQ(check.status, CheckStatus::pass) << name_of(record) << ": " << check.how;
    EXPECT_EQ(check.error, 0.0);
    const bool window = word(record, "implementation") == "shared_window";
    EXPECT_EQ(record.path.at("transport"), window ? "shared memory window" : "shared memory");
    EXPECT_EQ(record.path.count("call"), window ? 0u : 1u);
    expect_figures(record, GetParam());
  }
}

TEST_P(Family, EveryFaultIsCaughtInEveryForm) {
  add_all();
  expect_faults_caught({"wrong_element", "nan", "silent_rank"});
}

TEST_P(Family, ASlowRankHasRightResultsInEveryForm) {
  for (const std::string call : {"blocking", "nonblocking"}) {
    add("allgather", {{"bytes", std::int64_t{4800}}, {"call", call}});
  }
  add("allreduce", {{"implementation", std::string("shared_window")}, {"bytes", std::int64_t{4800}}});
  for (const Record& record : run("slow_rank")) {
    ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
    EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::pass);
  }
}

TEST_P(Family, WhatCannotRunIsUnsupportedWithAWayOut) {
  const std::int64_t ranks = GetParam();
  add("allgather", {{"bytes", 4 * ranks + 2}});
  add("broadcast", {{"root", ranks}});
  add("reduce", {{"root", std::int64_t{99}}});
  add("barrier", {{"call", std::string("nonblocking")}, {"mode", std::string("latency")}});
  add("reduce_scatter", {{"progress", std::string("test")}});
  add("allreduce", {{"implementation", std::string("shared_window")}, {"call", std::string("nonblocking")}});
  const std::string library = mpi_library();
  const bool crashes =
      library.rfind("MPICH 4.0", 0) == 0 || library.rfind("MPICH 4.1", 0) == 0;  // reduce.cpp
  if (crashes) add("reduce", {{"root", ranks - 1}, {"in_place", true}});
  const auto records = run("");
  ASSERT_EQ(records.size(), crashes ? 7u : 6u);
  for (const Record& record : records) {
    EXPECT_EQ(record.status, LaunchStatus::unsupported) << name_of(record);
    EXPECT_THAT(record.reason, HasSubstr("; give ")) << name_of(record);
  }
  EXPECT_THAT(records[0].reason, HasSubstr("give " + std::to_string(4 * ranks)));
  EXPECT_THAT(records[1].reason, HasSubstr("from 0 to " + std::to_string(ranks - 1)));
}

/// Odd numbers, and such that do not divide the size. More ranks than cores wait for each other's time
/// slices, so there are few of them.
class OddRanks : public Family {};
INSTANTIATE_TEST_SUITE_P(Collectives, OddRanks, testing::Values(3, 5));

TEST_P(OddRanks, RightResultsPass) {
  add_each(large_bytes);
  for (const Record& record : run("")) {
    ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
    const DeviceResult& device = record.devices.at(0);
    EXPECT_EQ(device.check.status, CheckStatus::pass) << name_of(record) << ": " << device.check.how;
    if (record.benchmark == "collectives/barrier") continue;
    // By hand: 4 MiB are 1048576 elements; in blocks 3 x 349525 or 5 x 209715 of them.
    const double in_blocks = 4.0 * 1048575;
    const bool blocks = record.benchmark != "collectives/allreduce" &&
                        record.benchmark != "collectives/broadcast" &&
                        record.benchmark != "collectives/reduce";
    EXPECT_EQ(device.metrics.at("message_bytes"), blocks ? in_blocks : large_bytes) << name_of(record);
  }
}

class ThreeRanks : public Family {};
INSTANTIATE_TEST_SUITE_P(Collectives, ThreeRanks, testing::Values(3));

TEST_P(ThreeRanks, OneThatCommunicatesWithNobodyIsCaught) {
  add_each(large_bytes);
  expect_faults_caught({"silent_rank"});
}

TEST(SharedWindow, NeedsOneNode) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const std::string program =
      assay_bench(0, "collectives/allreduce --implementation shared_window --bytes 8 --time 20ms --json " +
                         file.string());
  const Ended ended = run_command(mpiexec() + " -n 1 -env ASSAY_NODE east " + program +
                                  " : -n 1 -env ASSAY_NODE west " + program);
  EXPECT_EQ(ended.exit_code, 4) << ended.output;
  const auto records = records_in(file);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(records[0].reason, HasSubstr("one node"));
}

}  // namespace
}  // namespace assay::bench
