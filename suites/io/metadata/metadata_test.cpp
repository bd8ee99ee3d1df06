// The case itself, alone and under the real mpiexec, with every fault planted.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "suites/harness/agreement.h"
#include "suites/harness/launched_program.h"
#include "suites/harness/recorder.h"
#include "suites/harness/worker.h"
#include "suites/io/support/file_system.h"
#include "suites/io/support/test_folder.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class MetadataCase : public testing::Test {
 protected:
  Parameters parameters(const Parameters& given) const {
    return complete_parameters(find_benchmark("io/metadata").spec, given, {});
  }
  Context context(Fault fault = Fault::none) {
    Context context{group_};
    context.fault = fault;
    context.storage["scratch"] = scratch_ / "";
    return context;
  }
  std::unique_ptr<PassCase> make(const Parameters& given, Fault fault = Fault::none) {
    std::unique_ptr<Case> made = find_benchmark("io/metadata").make(parameters(given), context(fault));
    return std::unique_ptr<PassCase>(dynamic_cast<PassCase*>(made.release()));
  }
  void pass(PassCase& one) {
    recorder_.begin_pass(passes_++, true);
    one.pass(recorder_);
  }
  std::vector<std::filesystem::path> left() const {
    std::vector<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_ / ""))
      all.push_back(entry.path());
    return all;
  }

  ScratchFolder scratch_;
  ProcessGroup group_;
  SteadyClock clock_;
  Recorder recorder_{Scope::group, group_, clock_};
  std::int64_t passes_ = 0;
};

TEST_F(MetadataCase, EachPhaseIsASeriesAndNothingIsLeft) {
  for (const std::string directories : {"own", "shared"}) {
    {
      const auto one = make({{"files", std::int64_t{20}}, {"directories", directories}});
      one->prepare();
      EXPECT_FALSE(left().empty());
      pass(*one);
      one->poison();
      pass(*one);
      const Check check = one->check();
      EXPECT_EQ(check.status, CheckStatus::pass) << check.how;
      EXPECT_THAT(check.how, HasSubstr("20 files"));
      EXPECT_EQ(one->figures().size(), 4u);
      for (const FigureOfMerit& figure : one->figures()) {
        EXPECT_EQ(figure.unit, "file/s");
        EXPECT_EQ(figure.numerator, 20.0);
        EXPECT_FALSE(recorder_.samples(figure.series).empty()) << figure.series;
      }
      EXPECT_THAT(one->path().at("examined_by"), HasSubstr("its cache may answer"));
    }
    EXPECT_THAT(left(), testing::IsEmpty());
  }
}

TEST_F(MetadataCase, PlantedFaultsFail) {
  for (const Fault fault : {Fault::wrong_element, Fault::nan, Fault::silent_rank}) {
    for (const std::int64_t bytes : {0, 3, 3901}) {
      const auto one = make({{"files", std::int64_t{9}}, {"bytes", bytes}}, fault);
      one->prepare();
      one->poison();
      pass(*one);
      const Check check = one->check();
      EXPECT_EQ(check.status, CheckStatus::fail) << check.how;
      EXPECT_GT(check.error.value_or(0), 0);
      EXPECT_THAT(check.how, HasSubstr("wrong"));
    }
  }
  EXPECT_THAT(left(), testing::IsEmpty());
}

TEST_F(MetadataCase, AFileTooManyIsCounted) {
  const auto one = make({{"files", std::int64_t{4}}});
  one->prepare();
  std::filesystem::path folder;
  for (const auto& path : left()) {
    if (path.filename() == "rank-0") folder = path;
  }
  std::ofstream(folder / "somebody's") << "precious";
  pass(*one);
  const Check check = one->check();
  EXPECT_EQ(check.status, CheckStatus::fail);
  EXPECT_THAT(check.how, HasSubstr("5 entries before removal instead of 4"));
  EXPECT_TRUE(std::filesystem::exists(folder / "somebody's"));
}

TEST_F(MetadataCase, NothingExaminedIsNoPass) {
  const auto one = make({{"files", std::int64_t{4}}});
  one->prepare();
  pass(*one);
  one->poison();
  EXPECT_EQ(one->check().status, CheckStatus::fail);
}

TEST_F(MetadataCase, AFileInTheWayIsAnErrorThatRemovesOnlyOurs) {
  {
    const auto one = make({{"files", std::int64_t{10}}});
    one->prepare();
    std::filesystem::path folder;
    for (const auto& path : left()) {
      if (path.filename() == "rank-0") folder = path;
    }
    std::ofstream(folder / "f000000005") << "in the way";
    try {
      pass(*one);
      FAIL() << "a file was replaced";
    } catch (const AgreedError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("create f000000005"), HasSubstr("in the way")));
    }
  }
  const auto rest = left();
  ASSERT_EQ(rest.size(), 3u);  // our folder, the rank's, and what is not ours
  EXPECT_EQ(rest[2].filename(), "f000000005");
}

TEST_F(MetadataCase, MoreFilesThanFitAreRefusedBeforehand) {
  const auto one = make({{"files", std::int64_t{100000000}}, {"bytes", std::int64_t{1} << 26}});
  try {
    one->prepare();
    FAIL() << "this disk has room for 6 PB?";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("free"));
  }
  EXPECT_THAT(left(), testing::IsEmpty());
}

TEST_F(MetadataCase, WithoutAFolderItIsUnsupported) {
  Context nowhere{group_};
  EXPECT_THAT(find_benchmark("io/metadata").unsupported(parameters({}), nowhere), HasSubstr("scratch"));
  EXPECT_EQ(find_benchmark("io/metadata").unsupported(parameters({}), context()), "");
}

class LaunchedMetadata : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
    ASSERT_FALSE(disk_.path().empty());
  }
  std::vector<Record> run(int ranks, const std::string& arguments, int expected_exit_code) {
    const auto file = scratch_ / "records.jsonl";
    std::filesystem::remove(file);
    const Ended ended = run_command(
        assay_bench(ranks, "io/metadata --directories own,shared --files 50 --time 20ms --folder " +
                               disk_.path().string() + " --json " + file.string() + " " + arguments));
    // Where the build lies in memory, right results are invalid ones.
    const bool in_memory = !file_system_of(disk_.path()).in_memory.empty();
    EXPECT_EQ(ended.exit_code, expected_exit_code == 0 && in_memory ? 1 : expected_exit_code) << ended.output;
    EXPECT_TRUE(std::filesystem::is_empty(disk_.path()));
    return records_in(file);
  }

  ScratchFolder scratch_;
  StorageTestFolder disk_;
};

TEST_F(LaunchedMetadata, OwnAndSharedFolders) {
  const auto records = run(3, "", 0);
  ASSERT_EQ(records.size(), 2u);
  for (const Record& record : records) {
    EXPECT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    EXPECT_EQ(record.devices[0].check.status, CheckStatus::pass) << record.devices[0].check.how;
    for (const FigureOfMerit& figure : record.foms) {
      EXPECT_EQ(figure.numerator, 150.0);
      EXPECT_TRUE(value_of(figure, record.devices[0])) << figure.name;
    }
  }
}

TEST_F(LaunchedMetadata, FaultsAreCaught) {
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    const auto records = run(2, "--plant " + fault, 1);
    ASSERT_EQ(records.size(), 2u);
    for (const Record& record : records) {
      EXPECT_EQ(record.planted, fault);
      EXPECT_EQ(record.devices.at(0).check.status, CheckStatus::fail) << fault;
    }
  }
}

}  // namespace
}  // namespace assay::bench
