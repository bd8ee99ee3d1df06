// What a launched training step tells of itself: the trace of a step, who made the others wait, shares.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/rank_map.h"
#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

class LlmStepTelemetry : public testing::Test {
 protected:
  /// A small model on `ranks` ranks; 0: without mpiexec.
  Record run(int ranks, const std::string& options, int exit_code = 0) {
    const std::filesystem::path json = scratch_ / "records.jsonl";
    std::filesystem::remove(json);
    const Ended ended = run_command(
        "timeout 60 " +
        assay_bench(ranks,
                    "training/llm_step --width 24 --vocabulary 67 --sequence 10 --micro-batch 2 "
                    "--global-batch 8 --precision f64 --threads 1 --time 1ms --folder '" +
                        (scratch_ / ".").string() + "' --json '" + json.string() + "' " + options));
    EXPECT_EQ(ended.exit_code, exit_code) << ended.output;
    const std::vector<Record> records = records_in(json);
    EXPECT_EQ(records.size(), 1u) << ended.output;
    return records.empty() ? Record{} : records[0];
  }
  RankMap map_of(const Record& record) {
    if (record.attachments.size() < 2) return {};
    const auto file = scratch_ / "records.jsonl.attachments" / record.attachments[1];
    return parse_rank_map(read_file(file), file.string());
  }

  ScratchFolder scratch_;
};

TEST_F(LlmStepTelemetry, SpansOfATraceLieSideBySideWithinTheStep) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  const std::filesystem::path file = scratch_ / "trace.json";
  for (const std::string layout : {"--data 2", "--pipeline 2", "--tensor 2"}) {
    run(2, layout + " --steps 4 --warmups 2 --export-trace '" + file.string() + "'");
    const Json trace = Json::parse(read_file(file));
    EXPECT_THAT(trace.at("otherData").at("clocks").get<std::string>(), HasSubstr("barrier"));
    std::map<int, std::string> names;
    std::map<int, Json> steps;
    std::map<int, std::vector<Json>> spans;
    for (const Json& event : trace.at("traceEvents")) {
      const int rank = event.at("pid");
      if (event.at("ph") == "M" && event.at("name") == "process_name") names[rank] = event["args"]["name"];
      if (event.at("ph") != "X") continue;
      if (event.at("cat") == "step") {
        EXPECT_FALSE(steps.contains(rank)) << layout;
        steps[rank] = event;
      } else {
        spans[rank].push_back(event);
      }
    }
    ASSERT_EQ(steps.size(), 2u) << layout;
    for (int rank = 0; rank < 2; ++rank) {
      EXPECT_THAT(names[rank], HasSubstr("rank " + std::to_string(rank) + " on node "));
      // Two warm-ups, and at least four recorded ones, of which this is the last.
      EXPECT_GE(std::stoi(steps[rank].at("name").get<std::string>().substr(5)), 6) << layout;
      // A nanosecond, in microseconds: times are printed to that.
      constexpr double rounding = 0.0011;
      double end = steps[rank].at("ts").get<double>();
      EXPECT_EQ(end, 0);
      std::map<std::string, int> kinds;
      for (const Json& span : spans[rank]) {
        EXPECT_GE(span.at("ts").get<double>(), end - rounding) << layout << " " << span;
        EXPECT_GE(span.at("dur").get<double>(), 0);
        end = span.at("ts").get<double>() + span.at("dur").get<double>();
        ++kinds[span.at("cat").get<std::string>()];
        if (span.at("cat") == "forward") {
          EXPECT_TRUE(span.at("args").contains("micro_batch"));
        }
      }
      EXPECT_LE(end, steps[rank].at("dur").get<double>() + rounding) << layout;
      const int micro_batches = layout == "--data 2" ? 2 : 4;
      EXPECT_EQ(kinds["forward"], micro_batches) << layout;
      EXPECT_GE(kinds["backward"], micro_batches) << layout;  // what is exchanged meanwhile interrupts it
      EXPECT_EQ(kinds["optimizer"], 2) << layout;
      EXPECT_GE(kinds["exposed"], 1) << layout;
    }
  }
}

TEST_F(LlmStepTelemetry, ATraceThatCannotBeWrittenIsToldBeforeTheRun) {
  const Ended ended = run_command(assay_bench(
      0, "training/llm_step --time 1ms --export-trace '" + (scratch_ / "no/such/folder/x").string() + "'"));
  EXPECT_EQ(ended.exit_code, 4) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("no/such/folder"));
}

TEST_F(LlmStepTelemetry, ASlowRankIsTheOneThatMakesTheOthersWait) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  for (const std::string layout : {"--data 2", "--tensor 2", "--pipeline 2"}) {
    const Record record = run(2, layout + " --steps 10 --plant slow_rank");
    ASSERT_EQ(record.devices.size(), 1u);
    const auto& metrics = record.devices[0].metrics;
    EXPECT_EQ(metrics.at("slowest_rank"), 1) << layout;
    EXPECT_GT(metrics.at("slowest_rank_share"), 0.5) << layout;
    EXPECT_GT(metrics.at("rank_spread"), 1.1) << layout;
    const RankMap map = map_of(record);
    ASSERT_EQ(map.ranks.size(), 2u) << layout;
    EXPECT_GE(map.steps, 10);
    EXPECT_EQ(map.ranks[0].last + map.ranks[1].last, map.steps) << layout;
    EXPECT_EQ(static_cast<double>(map.ranks[1].last) / static_cast<double>(map.steps),
              metrics.at("slowest_rank_share"));
    EXPECT_GE(map.ranks[1].median_s, 5e-3) << layout;  // it slept so long
    EXPECT_GT(map.ranks[1].median_s, map.ranks[0].median_s) << layout;
    // The sleep belongs to no phase.
    EXPECT_GT(metrics.at("share_other"), 0) << layout;
  }
}

TEST_F(LlmStepTelemetry, FiguresAndTheirOriginAreOnRecord) {
  const Record record = run(0, "--steps 6 --warmups 2");
  ASSERT_EQ(record.devices.size(), 1u);
  const auto& metrics = record.devices[0].metrics;
  double sum = 0;
  for (const char* part : {"forward", "backward", "exposed", "optimizer", "data", "other"})
    sum += metrics.at(std::string("share_") + part);
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_EQ(metrics.at("share_exposed"), 0);  // there is nobody to wait for
  EXPECT_EQ(metrics.at("slowest_rank_share"), 1);
  EXPECT_EQ(metrics.at("rank_spread"), 1);
  EXPECT_EQ(metrics.at("warmup_steps"), 2);
  EXPECT_GT(metrics.at("gemm_rate_flop_per_s"), 0);
  EXPECT_GT(metrics.at("mfu_of_gemm"), 0);
  EXPECT_EQ(record.path.at("warmup_steps"), "2, not recorded");
  EXPECT_THAT(record.path.at("mfu_of_gemm"), HasSubstr("256 x 256 x 256"));  // a model of no size
  EXPECT_THAT(record.path.at("flops"), HasSubstr("N = "));
  const bool counted = metrics.contains("energy_per_step_j");
  EXPECT_EQ(record.path.at("energy").starts_with("no readable energy counter: "), !counted)
      << record.path.at("energy");
  const RankMap map = map_of(record);
  ASSERT_EQ(map.ranks.size(), 1u);
  EXPECT_EQ(map.ranks[0].last, map.steps);
}

TEST_F(LlmStepTelemetry, TheOptionBelongsToBenchmarksWithPhases) {
  const Ended ended = run_command(assay_bench(0, "compute/gemm --export-trace x.json"));
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.output, HasSubstr("it has no phases to show); it is there for training/llm_step"));
}

}  // namespace
}  // namespace assay::bench
