// The case itself, alone and under the real mpiexec, with every fault planted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "suites/harness/agreement.h"
#include "suites/harness/launched_program.h"
#include "suites/harness/recorder.h"
#include "suites/harness/worker.h"
#include "suites/io/checkpoint/checkpoint_sizes.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/file_size_limit.h"
#include "suites/io/support/file_system.h"
#include "suites/io/support/test_folder.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class CheckpointCase : public testing::Test {
 protected:
  /// 1.1 MB of the 8B model, through the page cache: the temporary folder may be on any file system.
  std::unique_ptr<PassCase> make(Parameters given, Fault fault = Fault::none) {
    given.emplace("scale", 1e-5);
    given.emplace("direct", false);
    given.emplace("engine", std::string("posix"));
    Context context{group_};
    context.fault = fault;
    context.storage["scratch"] = scratch_ / "";
    const Benchmark& benchmark = find_benchmark("io/checkpoint");
    std::unique_ptr<Case> made = benchmark.make(complete_parameters(benchmark.spec, given, {}), context);
    return std::unique_ptr<PassCase>(dynamic_cast<PassCase*>(made.release()));
  }
  void pass(PassCase& one) {
    recorder_.begin_pass(passes_++, true);
    one.pass(recorder_);
  }
  bool nothing_left() const { return std::filesystem::is_empty(scratch_ / ""); }

  ScratchFolder scratch_;
  ProcessGroup group_;
  SteadyClock clock_;
  Recorder recorder_{Scope::group, group_, clock_};
  std::int64_t passes_ = 0;
};

TEST_F(CheckpointCase, SavesAndRestoresInBothModes) {
  for (const std::string mode : {"synchronous", "asynchronous"}) {
    {
      const auto one = make({{"mode", mode}});
      one->prepare();
      pass(*one);
      one->poison();
      pass(*one);
      const Check check = one->check();
      EXPECT_EQ(check.status, CheckStatus::pass) << check.how;
      EXPECT_EQ(check.error, 0.0);
      const auto bytes = static_cast<double>(checkpoint_bytes(checkpoint_model("llama3-8b"), 1e-5, 1));
      for (const FigureOfMerit& figure : one->figures()) {
        EXPECT_FALSE(recorder_.samples(figure.series).empty()) << figure.name;
        if (figure.unit == "B/s") {
          EXPECT_EQ(figure.numerator, bytes) << figure.name;  // of one rank the mean is the whole
        }
      }
      EXPECT_EQ(one->figures().front().name, mode == "synchronous" ? "save" : "blocked");
      EXPECT_EQ(one->metrics().at("checkpoint_bytes"), bytes);
      EXPECT_EQ(one->path().at("restored_by"), "the node that saved");
    }
    EXPECT_TRUE(nothing_left());
  }
}

TEST_F(CheckpointCase, PlantedFaultsFail) {
  for (const Fault fault : {Fault::wrong_element, Fault::nan, Fault::silent_rank}) {
    for (const std::string mode : {"synchronous", "asynchronous"}) {
      const auto one = make({{"mode", mode}}, fault);
      one->prepare();
      one->poison();
      pass(*one);
      const Check check = one->check();
      EXPECT_EQ(check.status, CheckStatus::fail) << check.how;
      EXPECT_GT(check.error.value_or(0), 0);
      EXPECT_THAT(check.how, HasSubstr("wrong"));
      EXPECT_THAT(check.how, HasSubstr(fault == Fault::silent_rank ? "model" : "optimizer"));
    }
  }
  EXPECT_TRUE(nothing_left());
}

TEST_F(CheckpointCase, NothingRestoredIsNoPass) {
  const auto one = make({});
  one->prepare();
  pass(*one);
  one->poison();
  EXPECT_EQ(one->check().status, CheckStatus::fail);
}

TEST_F(CheckpointCase, AFullDiskIsAnErrorAndNothingIsLeft) {
  for (const std::string mode : {"synchronous", "asynchronous"}) {
    const auto one = make({{"mode", mode}});
    one->prepare();
    const FileSizeLimit limit(500000);
    try {
      pass(*one);
      FAIL() << "written beyond the limit";
    } catch (const AgreedError& error) {
      EXPECT_THAT(error.what(), HasSubstr("optimizer"));
    }
    EXPECT_TRUE(nothing_left());
  }
}

TEST_F(CheckpointCase, WhatDoesNotFitIsRefusedBeforehand) {
  for (const std::string model : {"1t", "llama3-405b"}) {
    const auto one = make({{"model", model}, {"scale", 1.0}});
    EXPECT_THROW(one->prepare(), Error);
    EXPECT_TRUE(nothing_left());
  }
}

TEST_F(CheckpointCase, OddBlocksAreUnsupported) {
  const Benchmark& benchmark = find_benchmark("io/checkpoint");
  Context context{group_};
  context.storage["scratch"] = scratch_ / "";
  Parameters parameters = complete_parameters(benchmark.spec, {{"engine", std::string("posix")}}, {});
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
  parameters["block"] = std::int64_t{5000};
  parameters["direct"] = false;
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
  parameters["direct"] = true;
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("4096"));
  parameters["block"] = std::int64_t{8192};
  context.storage.clear();
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("scratch"));
}

class LaunchedCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
    ASSERT_FALSE(disk_.path().empty());
  }
  std::string arguments(const std::string& scale,
                        const std::string& how = "--engine posix --direct false") const {
    return " io/checkpoint " + how + " --time 20ms --scale " + scale + " --folder " + disk_.path().string() +
           " --json " + (scratch_ / "records.jsonl").string() + " ";
  }
  std::vector<Record> run(const std::string& command, int expected_exit_code) {
    std::filesystem::remove(scratch_ / "records.jsonl");
    const Ended ended = run_command(command);
    // Where the build lies in memory, right results are invalid ones.
    const bool in_memory = !file_system_of(disk_.path()).in_memory.empty();
    EXPECT_EQ(ended.exit_code, expected_exit_code == 0 && in_memory ? 1 : expected_exit_code) << ended.output;
    EXPECT_TRUE(std::filesystem::is_empty(disk_.path()));
    return records_in(scratch_ / "records.jsonl");
  }

  ScratchFolder scratch_;
  StorageTestFolder disk_;
};

TEST_F(LaunchedCheckpoint, BothModesAndBothStages) {
  const std::string how = std::string("--engine ") + (io_uring_unsupported().empty() ? "io_uring" : "posix") +
                          " --direct " + (disk_.knows_direct() ? "true" : "false");
  const auto records =
      run(assay_bench(3, arguments("1e-7", how) + "--model llama3-8b,1t --mode synchronous,asynchronous"), 0);
  ASSERT_EQ(records.size(), 4u);
  for (const Record& record : records) {
    EXPECT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    EXPECT_EQ(record.devices[0].check.status, CheckStatus::pass) << record.devices[0].check.how;
    for (const FigureOfMerit& figure : record.foms)
      EXPECT_TRUE(value_of(figure, record.devices[0])) << figure.name;
  }
}

TEST_F(LaunchedCheckpoint, FaultsAreCaught) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const auto records =
        run(assay_bench(2, arguments("1e-5") + "--mode synchronous,asynchronous --plant " + fault), 1);
    ASSERT_EQ(records.size(), 2u);
    for (const Record& record : records) {
      EXPECT_EQ(record.planted, fault);
      EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::fail) << fault;
    }
  }
}

TEST_F(LaunchedCheckpoint, OneRankThatCannotWriteFailsTheCaseOnAll) {
  // 19 MB of optimizer state a rank, where the second rank may have files of 16 MiB.
  const std::string program = assay_bench(0, arguments("4e-4"));
  const auto records = run(mpiexec() + " -n 1 " + program +
                               " : -n 1 sh -c \"trap '' XFSZ; ulimit -f 32768; exec " + program + "\"",
                           4);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].status, LaunchStatus::failed);
  EXPECT_THAT(records[0].reason, testing::AllOf(HasSubstr("rank 1: "), HasSubstr("optimizer-0-rank-00001"),
                                                HasSubstr("too large")));
}

}  // namespace
}  // namespace assay::bench
