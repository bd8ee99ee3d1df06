// The real program: every block that was read is compared, latencies are recorded, faults are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "suites/harness/launched_program.h"
#include "suites/io/support/block_io.h"
#include "suites/io/support/file_system.h"
#include "suites/io/support/test_folder.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class LaunchedRandom : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
    ASSERT_FALSE(folder_.empty());
    if (!io_uring_unsupported().empty()) engine_ = "posix";
  }
  void TearDown() override {
    if (folder_.empty()) return;
    EXPECT_TRUE(fs::is_empty(folder_));
  }

  std::string arguments(const fs::path& folder, const std::string& rest) const {
    const std::string size = rest.find("--bytes") == std::string::npos ? " --bytes 1MiB" : "";
    const std::string sample =
        rest.find("--sample_bytes") == std::string::npos ? " --sample_bytes 32KiB" : "";
    return "io/random" + size + sample + " --shards 2 --time 20ms --folder " + folder.string() + " " + rest;
  }
  Ended run(int ranks, const std::string& rest) {
    fs::remove(scratch_ / "records");
    return run_command(
        assay_bench(ranks, arguments(folder_, rest + " --json " + (scratch_ / "records").string())));
  }
  std::vector<Record> records() const { return records_in(scratch_ / "records"); }
  std::string engine() const { return " --engine " + engine_ + (direct_ ? "" : " --direct false"); }

  void expect_right(const Record& record, double blocks, double block_bytes) const {
    ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    const DeviceResult& device = record.devices[0];
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_GE(device.iterations, 2);
    std::map<std::string, FigureOfMerit> foms;
    for (const FigureOfMerit& fom : record.foms) {
      foms[fom.name] = fom;
      EXPECT_TRUE(value_of(fom, device)) << fom.name;
    }
    EXPECT_DOUBLE_EQ(*foms.at("iops").numerator, blocks);
    EXPECT_DOUBLE_EQ(*foms.at("read").numerator, blocks * block_bytes);
    EXPECT_LE(*value_of(foms.at("p50"), device), *value_of(foms.at("p99_9"), device));
    double operations = 0;
    for (const std::uint64_t count : device.series.at("operation").histogram->counts)
      operations += static_cast<double>(count);
    EXPECT_EQ(operations, blocks * static_cast<double>(device.iterations));
    EXPECT_EQ(record.path.contains("invalid"), !file_system_of(folder_).in_memory.empty());
  }

  ScratchFolder scratch_;
  StorageTestFolder beside_build_;
  fs::path folder_ = beside_build_.path();
  bool direct_ = beside_build_.knows_direct();
  std::string engine_ = "io_uring";
};

TEST_F(LaunchedRandom, EveryBlockIsRight) {
  const Ended ended = run(2, "--pattern uniform,data_loader --block 4KiB,16KiB" + engine());
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  ASSERT_EQ(records().size(), 4u);
  for (const Record& record : records()) {
    const double block = std::stod(to_string(record.parameters.at("block")));
    expect_right(record, (2 << 20) / block, block);
    const bool epoch = to_string(record.parameters.at("pattern")) == "data_loader";
    ASSERT_EQ(record.foms.size(), epoch ? 6u : 5u);
    if (epoch) {
      EXPECT_DOUBLE_EQ(*record.foms[5].numerator, 64);  // 2 MiB in samples of 32 KiB
    }
  }
}

TEST_F(LaunchedRandom, OneRankWithoutMpiAndFewOperations) {
  const Ended ended = run(0, std::string("--operations 100 --queue_depth 7 --engine posix --direct ") +
                                 (direct_ ? "true,false" : "false"));
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  ASSERT_EQ(records().size(), direct_ ? 2u : 1u);
  for (const Record& record : records()) expect_right(record, 100, 4096);
}

TEST_F(LaunchedRandom, NodesShareFilesOrHaveTheirOwn) {
  fs::create_directory(scratch_ / "west");
  for (const bool shared : {true, false}) {
    fs::remove(scratch_ / "records");
    const auto program = [&](const fs::path& folder) {
      return assay_bench(0, arguments(folder, "--pattern uniform,data_loader" + engine() + " --json " +
                                                  (scratch_ / "records").string()));
    };
    const Ended ended =
        run_command(mpiexec() + " -n 1 -env ASSAY_NODE east " + program(folder_) +
                    " : -n 1 -env ASSAY_NODE west " + program(shared ? folder_ : scratch_ / "west"));
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    ASSERT_EQ(records().size(), 2u);
    for (const Record& record : records()) {
      EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::pass);
      EXPECT_THAT(record.path.at("read_from"),
                  HasSubstr(shared ? "a file system that the nodes share" : "the node's own disk"));
    }
    EXPECT_TRUE(fs::is_empty(scratch_ / "west"));
  }
}

TEST_F(LaunchedRandom, WrongBytesFailTheCheck) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const Ended ended = run(2, "--pattern uniform,data_loader --operations 64 --plant " + fault + engine());
    EXPECT_EQ(ended.exit_code, 1) << ended.output;
    ASSERT_EQ(records().size(), 2u);
    for (const Record& record : records()) {
      const Check& check = record.devices[0].check;
      EXPECT_EQ(check.status, CheckStatus::fail) << fault;
      EXPECT_THAT(check.how, HasSubstr(" wrong, first: "));
    }
  }
}

TEST_F(LaunchedRandom, WhatCannotRunSaysWhy) {
  const auto reason = [&](const std::string& rest) {
    run(0, rest);
    const auto all = records();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? "" : all[0].reason;
  };
  EXPECT_THAT(reason("--block 1000 --direct false"), HasSubstr("give a multiple of 4096"));
  EXPECT_THAT(reason("--pattern data_loader --sample_bytes 6000"), HasSubstr("whole number of blocks"));
  EXPECT_THAT(reason("--bytes 1000000"), HasSubstr("shards with whole blocks"));
  EXPECT_THAT(reason("--storage fast"), HasSubstr("'fast'"));
  EXPECT_THAT(reason("--bytes 1PiB"), testing::AllOf(HasSubstr("are needed"), HasSubstr("free")));
}

}  // namespace
}  // namespace assay::bench
