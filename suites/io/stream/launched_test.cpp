// The real program: what it writes is read and compared, faults are found, and only its own files are
// removed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
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

class LaunchedFileStream : public testing::Test {
 protected:
  /// A real file system where there is one: the build's, else whatever holds temporary files.
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
    ASSERT_FALSE(folder_.empty());
    std::ofstream(folder_ / "not ours") << "precious";
    if (!io_uring_unsupported().empty()) engine_ = "posix";
  }
  void TearDown() override {
    if (folder_.empty()) return;
    // Whatever happened, only what was there before is there.
    std::vector<std::string> left;
    for (const auto& entry : fs::directory_iterator(folder_)) left.push_back(entry.path().filename());
    EXPECT_THAT(left, testing::UnorderedElementsAre("not ours"));
  }

  Ended run(int ranks, const std::string& arguments, const std::string& before = "") {
    fs::remove(scratch_ / "records");
    const std::string size = arguments.find("--bytes") == std::string::npos ? " --bytes 1MiB" : "";
    const std::string block = arguments.find("--block") == std::string::npos ? " --block 64KiB" : "";
    return run_command(before + assay_bench(ranks, "io/stream" + size + block + " --folder " +
                                                       folder_.string() + " --json " +
                                                       (scratch_ / "records").string() + " " + arguments));
  }
  std::vector<Record> records() const { return records_in(scratch_ / "records"); }
  std::string engine() const { return " --engine " + engine_ + (direct_ ? "" : " --direct false"); }

  /// Right results: all bytes, and the path says what carried them.
  void expect_right(const Record& record, double bytes) const {
    ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    const DeviceResult& device = record.devices[0];
    EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
    EXPECT_EQ(device.check.error, 0.0);
    ASSERT_EQ(record.foms.size(), 2u);
    for (const FigureOfMerit& fom : record.foms) {
      EXPECT_DOUBLE_EQ(*fom.numerator, bytes);
      EXPECT_EQ(fom.unit, "B/s");
      EXPECT_TRUE(value_of(fom, device)) << fom.name;
    }
    for (const char* part : {"write", "read"}) {
      const std::string name(part);
      EXPECT_LE(device.series.at(name + "_first_done").samples[0], device.series.at(name).samples[0]);
    }
    EXPECT_THAT(record.path.at("acceptance"), HasSubstr("less than 1.5 x RAM"));
    const bool in_memory = !file_system_of(folder_).in_memory.empty();
    EXPECT_EQ(record.path.contains("invalid"), in_memory);
    if (!in_memory) {
      EXPECT_LE(device.metrics.at("resident_before_read"), 0.01);
    }
  }

  ScratchFolder scratch_;
  StorageTestFolder beside_build_;
  fs::path folder_ = beside_build_.path();
  bool direct_ = beside_build_.knows_direct();
  std::string engine_ = "io_uring";
};

TEST_F(LaunchedFileStream, EveryLayoutAndEngineReadsWhatWasWritten) {
  const std::string directs = direct_ ? "true,false" : "false";
  const Ended ended =
      run(2, "--layout per_rank,shared,strided --queue_depth 4 --direct " + directs + " --engine " + engine_);
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  ASSERT_EQ(records().size(), direct_ ? 6u : 3u);
  for (const Record& record : records()) {
    expect_right(record, 2 << 20);
    EXPECT_EQ(record.path.at("read_from"), "what another rank of this node wrote");
  }
  const Ended others = run(2, "--layout per_rank,strided --direct false --engine posix,mpiio --fsync false");
  EXPECT_EQ(others.exit_code, 0) << others.output;
  ASSERT_EQ(records().size(), 4u);
  for (const Record& record : records()) {
    expect_right(record, 2 << 20);
    EXPECT_EQ(record.path.contains("mpi"), to_string(record.parameters.at("engine")) == "mpiio");
  }
}

TEST_F(LaunchedFileStream, OneRankWithoutMpiAndAnUnreachedStonewall) {
  const Ended ended = run(0, "--stonewall '100 s' --preallocate true,false" + engine());
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  ASSERT_EQ(records().size(), 2u);
  for (const Record& record : records()) expect_right(record, 1 << 20);
}

TEST_F(LaunchedFileStream, AtTheStonewallAllWriteAsMuchAsTheFurthest) {
  for (const std::string& rest : {"--layout per_rank,shared,strided" + engine(),
                                  std::string("--layout per_rank,strided --engine mpiio --direct false")}) {
    const Ended ended = run(2, "--stonewall '1e-9 s' --queue_depth 2 " + rest);
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    for (const Record& record : records()) expect_right(record, 2 * 65536);  // one block of each
  }
}

TEST_F(LaunchedFileStream, NodesReadWhatOtherNodesWrote) {
  const std::string program =
      assay_bench(0, "io/stream --bytes 1MiB --block 64KiB --folder " + folder_.string() + " --json " +
                         (scratch_ / "records").string() + engine());
  const Ended ended = run_command(mpiexec() + " -n 1 -env ASSAY_NODE east " + program +
                                  " : -n 1 -env ASSAY_NODE west " + program);
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  ASSERT_EQ(records().size(), 1u);
  expect_right(records()[0], 2 << 20);
  EXPECT_EQ(records()[0].path.at("read_from"), "what another node wrote");
}

TEST_F(LaunchedFileStream, NodesThatDoNotShareTheFolderAreToldSo) {
  const auto program = [&](const fs::path& folder) {
    return assay_bench(0, "io/stream --bytes 1MiB --block 64KiB --folder " + folder.string() + engine());
  };
  fs::create_directory(scratch_ / "west");
  const Ended ended = run_command(mpiexec() + " -n 1 -env ASSAY_NODE east " + program(folder_) +
                                  " : -n 1 -env ASSAY_NODE west " + program(scratch_ / "west"));
  EXPECT_EQ(ended.exit_code, 4);
  EXPECT_THAT(ended.output, testing::AllOf(HasSubstr("not a shared file system"), HasSubstr("node west")));
  EXPECT_TRUE(fs::is_empty(scratch_ / "west"));
}

TEST_F(LaunchedFileStream, WrongBytesFailTheCheck) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const Ended ended = run(2, "--layout per_rank,shared --plant " + fault + engine());
    EXPECT_EQ(ended.exit_code, 1) << ended.output;
    ASSERT_EQ(records().size(), 2u);
    for (const Record& record : records()) {
      const Check& check = record.devices[0].check;
      EXPECT_EQ(check.status, CheckStatus::fail) << fault;
      EXPECT_THAT(check.how, HasSubstr(" wrong, first: "));
      EXPECT_GT(check.error.value_or(0), 0);
      // One byte in the file, eight in memory; a silent rank's zeros are right by chance in one of 256.
      if (fault == "wrong_element") {
        EXPECT_EQ(check.error, 1.0);
      }
      if (fault == "nan") {
        EXPECT_GE(check.error, 7.0);
      }
      if (fault == "silent_rank") {
        EXPECT_GT(check.error, 1'000'000.0);
      }
    }
  }
  const Ended ended = run(2, "--layout strided --engine mpiio --direct false --plant wrong_element");
  EXPECT_EQ(ended.exit_code, 1) << ended.output;
}

TEST_F(LaunchedFileStream, WhatCannotRunSaysWhy) {
  const auto reason = [&](int ranks, const std::string& arguments) {
    run(ranks, arguments);
    const auto all = records();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? "" : all[0].reason;
  };
  EXPECT_THAT(reason(1, "--engine mpiio"), HasSubstr("give direct=false"));
  EXPECT_THAT(reason(0, "--engine mpiio --direct false"), HasSubstr("mpiexec"));
  EXPECT_THAT(reason(0, "--block 1000 --bytes 1000000 --engine " + engine_),
              HasSubstr("give a multiple of 4096"));
  EXPECT_THAT(reason(0, "--block 3MiB" + engine()), HasSubstr("no whole number of blocks"));
  EXPECT_THAT(reason(0, "--storage fast" + engine()), HasSubstr("'fast'"));
  EXPECT_THAT(reason(0, "--bytes 1PiB" + engine()),
              testing::AllOf(HasSubstr("are needed"), HasSubstr("free")));
}

TEST_F(LaunchedFileStream, AFailureWhileWritingIsOnRecordAndLeavesNothing) {
  // Files may not grow beyond 20,000 blocks of the shell (10 or 20 MB; MPI itself needs some): writes of
  // every engine are short, then fail.
  const std::string limited = "trap '' XFSZ; ulimit -f 20000; ";
  for (const std::string& rest :
       {"--preallocate false --layout per_rank,shared" + engine(), "--stonewall '9 s'" + engine(),
        std::string("--layout per_rank,strided --engine mpiio --direct false")}) {
    const Ended ended = run(2, "--bytes 24MiB --block 1MiB " + rest, limited);
    EXPECT_EQ(ended.exit_code, 4) << ended.output;
    EXPECT_FALSE(records().empty()) << ended.output;
    for (const Record& record : records()) {
      EXPECT_EQ(record.status, LaunchStatus::failed);
      EXPECT_THAT(record.reason, testing::AnyOf(HasSubstr("cannot"), HasSubstr("moved"))) << record.reason;
    }
  }
}

/// On a disk of 24 MiB with room for the data and none for the reserve, and on one that is filled meanwhile;
/// where nothing may be mounted, the limits above stand for it.
TEST_F(LaunchedFileStream, MemoryIsInvalidAndAFullDiskIsNamed) {
  const fs::path disk = scratch_ / "disk";
  fs::create_directory(disk);
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=24m") != 0) return;
  const auto run_there = [&](const std::string& bytes) {
    fs::remove(scratch_ / "records");
    run_command(assay_bench(2, "io/stream --block 64KiB --direct false --bytes " + bytes + " --folder " +
                                   disk.string() + " --json " + (scratch_ / "records").string() +
                                   " --engine " + engine_));
    return records();
  };
  auto all = run_there("1MiB");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].devices.at(0).check.status, CheckStatus::pass);
  EXPECT_THAT(all[0].path.at("invalid"), testing::AllOf(HasSubstr("tmpfs"), HasSubstr("page cache before")));
  all = run_there("10MiB");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(all[0].reason, HasSubstr("are needed"));
  EXPECT_TRUE(fs::is_empty(disk));
  umount2(disk.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace assay::bench
