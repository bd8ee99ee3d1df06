// The family with its buffers on a device, under the real mpiexec: a device of tests, whose memory the host
// cannot touch and whose work is done only when somebody waits, with a library of tests in NCCL's place.
#include "suites/collectives/support/launched_family.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

class OnDevice : public LaunchedFamily {
 protected:
  OnDevice() { program_ = bench_with_test_device; }

  void add_on_device(const std::string& name, Parameters parameters) {
    parameters["device"] = std::string("gpu");
    add(name, std::move(parameters));
  }

  /// Every collective in every form that `implementation` has.
  void add_all(const std::string& implementation) {
    constexpr std::int64_t bytes = 4800;
    const bool library = implementation != "mpi";
    const std::int64_t last = GetParam() - 1;
    for (const bool in_place : {false, true}) {
      for (const std::string dtype : {"f32", "bf16"}) {
        const Parameters sum = {
            {"bytes", bytes}, {"in_place", in_place}, {"dtype", dtype}, {"implementation", implementation}};
        add_on_device("allreduce", sum);
        add_on_device("reduce_scatter", sum);
        for (const std::int64_t root : {std::int64_t{0}, last}) {
          if (in_place && root != 0 && !library) continue;  // MPICH 4.0 and 4.1 crash (reduce.cpp)
          Parameters with_root = sum;
          with_root["root"] = root;
          add_on_device("reduce", with_root);
        }
      }
      const Parameters moved = {{"bytes", bytes}, {"in_place", in_place}, {"implementation", implementation}};
      add_on_device("allgather", moved);
      if (!in_place || !library) add_on_device("alltoall", moved);
    }
    for (const std::int64_t root : {std::int64_t{0}, last})
      add_on_device("broadcast", {{"bytes", bytes}, {"root", root}, {"implementation", implementation}});
    add_on_device("allreduce", {{"bytes", bytes},
                                {"implementation", implementation},
                                {"dtype", std::string("f64")},
                                {"mode", std::string("latency")}});
    add_on_device("reduce_scatter",
                  {{"bytes", bytes}, {"implementation", implementation}, {"dtype", std::string("int32")}});
  }

  void expect_right() {
    for (const Record& record : run("")) {
      ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
      const Check& check = record.devices.at(0).check;
      EXPECT_EQ(check.status, CheckStatus::pass) << name_of(record) << ": " << check.how;
      EXPECT_EQ(check.error, 0.0);
      EXPECT_EQ(record.devices[0].kind, "group");
      EXPECT_EQ(record.path.at("gpu"), "separate memory");
      expect_path(record);
    }
  }

  void expect_path(const Record& record) {
    const auto& path = record.path;
    const bool own_sum = word(record, "dtype") == "bf16";
    if (word(record, "implementation") == "nccl") {
      EXPECT_EQ(path.at("library"), "NCCL 2.28.9");
      EXPECT_THAT(path.at("call"), HasSubstr("nccl "));
      EXPECT_EQ(path.at("buffers"), "in GPU memory");
      const auto& metrics = record.devices[0].metrics;
      EXPECT_EQ(metrics.count("device_time_s"), word(record, "mode") == "latency" ? 0u : 1u);
    } else {
      EXPECT_THAT(path.at("call"), HasSubstr("MPI_"));
      EXPECT_EQ(path.count("library"), 0u);
      const bool straight = !environment_.empty() && !own_sum;
      EXPECT_THAT(path.at("buffers"), HasSubstr(straight ? "moved by MPI from there" : "staged through"));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Collectives, OnDevice, testing::Values(2));

TEST_P(OnDevice, RightResultsPassByTheLibrary) {
  add_all("nccl");
  expect_right();
}

TEST_P(OnDevice, RightResultsPassThroughTheHost) {
  add_all("mpi");
  expect_right();
}

TEST_P(OnDevice, RightResultsPassStraightWhereMpiSaysSo) {
  environment_ = "ASSAY_TEST_HOST_REACHES=1";
  add_all("mpi");
  expect_right();
}

TEST_P(OnDevice, EveryFaultIsCaughtByTheLibrary) {
  add_all("nccl");
  expect_faults_caught({"wrong_element", "nan", "silent_rank"});
}

TEST_P(OnDevice, EveryFaultIsCaughtThroughTheHost) {
  add_all("mpi");
  expect_faults_caught({"wrong_element", "silent_rank"});
}

TEST_P(OnDevice, WhatCannotRunIsUnsupportedWithAWayOut) {
  const std::string nccl = "nccl";
  add("allreduce", {{"implementation", nccl}});  // on the host
  add_on_device("allreduce", {{"implementation", std::string("rccl")}});
  add_on_device("allreduce", {{"implementation", std::string("shared_window")}});
  add_on_device("allgather", {{"call", std::string("nonblocking")}});
  add_on_device("alltoall", {{"implementation", nccl}, {"in_place", true}});
  add_on_device("barrier", {{"implementation", nccl}});
  add_on_device("barrier", {});
  for (const Record& record : run("")) {
    EXPECT_EQ(record.status, LaunchStatus::unsupported) << name_of(record);
    EXPECT_THAT(record.reason, HasSubstr("; give ")) << name_of(record);
  }
  environment_ = "FAKE_NCCL_VERSION=2804";
  request_.cases.clear();
  add_on_device("allreduce", {{"implementation", nccl}, {"dtype", std::string("bf16")}});
  std::filesystem::remove(results());
  EXPECT_THAT(run("").at(0).reason, HasSubstr("has no bf16"));
}

TEST_P(OnDevice, WhatTheLibraryRefusesAtTheStartFailsTheCaseAndNobodyWaits) {
  environment_ = "FAKE_NCCL_FAILS=init";
  add_on_device("allreduce", {{"implementation", std::string("nccl")}});
  EXPECT_THAT(run("").at(0).reason, HasSubstr("Duplicate GPU detected"));
}

class MoreOnDevice : public OnDevice {};
INSTANTIATE_TEST_SUITE_P(Collectives, MoreOnDevice, testing::Values(4));

TEST_P(MoreOnDevice, RightResultsPassByTheLibraryAndASilentRankIsCaught) {
  constexpr std::int64_t bytes = std::int64_t{1} << 20;
  for (const std::string name :
       {"allreduce", "reduce_scatter", "allgather", "alltoall", "broadcast", "reduce"})
    add_on_device(name, {{"bytes", bytes}, {"implementation", std::string("nccl")}});
  expect_right();
  expect_faults_caught({"silent_rank"});
}

TEST(OneGpuEach, WithoutOneTheReasonIsTheGpus) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const Ended ended = run_command(
      assay_bench(2, "collectives/allreduce --device gpu --implementation nccl --json " + file.string()));
  if (ended.exit_code == 0) GTEST_SKIP() << "there are two GPUs";
  EXPECT_EQ(ended.exit_code, 4) << ended.output;
  const auto records = records_in(file);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(records[0].reason, HasSubstr("; "));
}

}  // namespace
}  // namespace assay::bench
