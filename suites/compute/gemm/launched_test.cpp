// The real program: the load held and the search on one rank and on two, with faults planted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/time_course.h"
#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class LaunchedGemm : public testing::Test {
 protected:
  Record run(int ranks, const std::string& options, int exit_code = 0) {
    const auto json = scratch_ / "records.jsonl";
    std::filesystem::remove(json);
    const Ended ended =
        run_command("timeout 60 " +
                    assay_bench(ranks, "compute/gemm --m 40 --n 24 --k 16 --threads 1 --time 20ms --json '" +
                                           json.string() + "' " + options));
    EXPECT_EQ(ended.exit_code, exit_code) << ended.output;
    const std::vector<Record> records = records_in(json);
    EXPECT_EQ(records.size(), 1u) << ended.output;
    return records.empty() ? Record{} : records[0];
  }

  TimeCourse course_of(const Record& record) {
    EXPECT_EQ(record.attachments.size(), 1u);
    if (record.attachments.empty()) return {};
    const auto file = scratch_ / "records.jsonl.attachments" / record.attachments[0];
    return parse_time_course(read_file(file), file.string());
  }

  ScratchFolder scratch_;
};

double value(const Record& record, const std::string& name) {
  for (const FigureOfMerit& fom : record.foms)
    if (fom.name == name) return value_of(fom, record.devices.at(0)).value_or(-1);
  return -2;
}

TEST_F(LaunchedGemm, APlainCaseGivesOneFigureAndNoAttachment) {
  const Record record = run(0, "");
  EXPECT_EQ(record.foms.size(), 1u);
  EXPECT_GT(value(record, "rate"), 0);
  EXPECT_TRUE(record.attachments.empty());
  EXPECT_FALSE(record.path.contains("warm_up"));
}

TEST_F(LaunchedGemm, ALoadHeldByTwoRanksHasTheCourseOfBoth) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const Record record = run(2, "--sustain 0.3s");
  ASSERT_EQ(record.devices.size(), 2u);
  EXPECT_GT(value(record, "rate"), 0);
  EXPECT_GT(value(record, "sustained"), 0);
  EXPECT_GE(value(record, "sustained"), value(record, "sustained_lowest"));
  EXPECT_EQ(value(record, "per_joule"), -1);  // two ranks share the node's counters
  EXPECT_THAT(record.path.at("energy"), HasSubstr("among 2 ranks"));
  const TimeCourse course = course_of(record);
  ASSERT_EQ(course.devices.size(), 2u);
  for (int rank = 0; rank < 2; ++rank) {
    const DeviceCourse& device = course.devices[static_cast<std::size_t>(rank)];
    EXPECT_EQ(device.rank, rank);
    EXPECT_EQ(device.node, record.node);
    EXPECT_GT(device.windows.size(), 1u);
  }
}

TEST_F(LaunchedGemm, ASearchByTwoRanksAgreesOnOneShape) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const Record record = run(2, "--search");
  ASSERT_EQ(record.devices.size(), 2u);
  for (const char* name : {"best_m", "best_n", "best_k", "shapes_tried"})
    EXPECT_EQ(record.devices[0].metrics.at(name), record.devices[1].metrics.at(name)) << name;
  EXPECT_THAT(record.path.at("shape"), HasSubstr("by its slowest rank"));
  EXPECT_GT(value(record, "rate"), 0);
}

TEST_F(LaunchedGemm, PlantedFaultsAreCaught) {
  for (const std::string options : {"--sustain 50ms --plant wrong_element", "--search --plant nan"}) {
    const Record record = run(0, options, 1);
    ASSERT_EQ(record.devices.size(), 1u);
    EXPECT_EQ(record.devices[0].check.status, CheckStatus::fail) << options;
  }
}

TEST_F(LaunchedGemm, ASlowRankIsSlowInEveryWindow) {
  const Record record = run(0, "--sustain 0.1s --plant slow_rank");
  EXPECT_EQ(record.planted, "slow_rank");
  const TimeCourse course = course_of(record);
  ASSERT_EQ(course.devices.size(), 1u);
  // 5 ms are added to each window.
  for (const CourseWindow& window : course.devices[0].windows) EXPECT_GE(window.length_s, 0.005);
}

TEST_F(LaunchedGemm, SearchWithSustainIsRefusedWithWhatToDo) {
  const Record record = run(0, "--sustain 1s --search", 4);
  EXPECT_EQ(record.status, LaunchStatus::unsupported);
  EXPECT_THAT(record.reason, HasSubstr("search first"));
}

}  // namespace
}  // namespace assay::bench
