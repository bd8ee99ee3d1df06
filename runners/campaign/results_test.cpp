// What a worker wrote: every way in which it can be wrong must end in a failed case with a reason.
#include "runners/campaign/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/record/record_json.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Results : public testing::Test {
 protected:
  Results() {
    request_.start = 4;
    for (int i = 1; i <= 3; ++i) {
      request_.cases.push_back(
          {i, {"compute/gemm", {{"m", std::int64_t{i}}}, {Placement::fixed, 1, 1, 0}}, 1});
    }
  }

  Record good(int position, const std::string& node = "n1") const {
    const RequestedCase& wanted = request_.cases[static_cast<std::size_t>(position - 1)];
    Record record;
    record.benchmark = wanted.identity.benchmark;
    record.parameters = wanted.identity.parameters;
    record.geometry = wanted.identity.geometry;
    record.start = request_.start;
    record.position = position;
    record.node = node;
    record.started = "2026-11-22T10:00:00.000Z";
    record.foms = {{"rate", 1.0, "FLOP/s", Better::higher, Reduce::median, {}}};
    DeviceResult device;
    device.kind = "cpu";
    device.name = "C";
    device.iterations = 1;
    device.samples_s = {1.0};
    device.check = {CheckStatus::pass, 0.0, 1.0, "-"};
    record.devices = {device};
    return record;
  }

  std::string line(int position) const { return to_json_line(good(position)) + "\n"; }
  static std::string begin(int position) { return progress_line(position) + "\n"; }

  GroupResults read(const std::string& text, const GroupEnd& end = {},
                    const std::vector<std::string>& nodes = {"n1"}, bool together = false) const {
    return read_results(request_, nodes, std::vector<bool>(3, together), text, end,
                        "2026-11-22T11:00:00.000Z");
  }

  /// Statuses in order, as words.
  static std::vector<std::string> statuses(const GroupResults& results) {
    std::vector<std::string> all;
    for (const Record& record : results.records) {
      all.push_back(record.status == LaunchStatus::completed     ? "completed"
                    : record.status == LaunchStatus::timeout     ? "timeout"
                    : record.status == LaunchStatus::unsupported ? "unsupported"
                                                                 : "failed");
    }
    return all;
  }

  StartRequest request_;
};

GroupEnd crash() {
  GroupEnd end;
  end.exit_code = 11;
  end.cause = "SIGSEGV";
  end.last_words = "boom";
  return end;
}

TEST_F(Results, AllGood) {
  const GroupResults results = read(begin(1) + line(1) + begin(2) + line(2) + begin(3) + line(3));
  EXPECT_THAT(statuses(results), ElementsAre("completed", "completed", "completed"));
  EXPECT_THAT(results.begun, ElementsAre(1, 2, 3));
  EXPECT_TRUE(results.broken.empty());
  EXPECT_TRUE(results.findings.empty());
}

TEST_F(Results, ACrashFailsTheRunningCaseAndLeavesTheRestForAnotherStart) {
  const GroupResults results = read(begin(1) + line(1) + begin(2), crash());
  EXPECT_THAT(statuses(results), ElementsAre("completed", "failed"));
  EXPECT_EQ(results.records[1].reason, "ended by SIGSEGV; last line of stderr: boom");
  EXPECT_EQ(results.records[1].position, 2);
  EXPECT_EQ(results.records[1].started, "2026-11-22T11:00:00.000Z");
  EXPECT_THAT(results.begun, ElementsAre(1, 2));
  EXPECT_THAT(results.broken, ElementsAre(2));
  ASSERT_EQ(results.findings.size(), 1U);
  EXPECT_EQ(results.findings[0].code, "ASY-4003");
}

TEST_F(Results, AHangIsATimeout) {
  GroupEnd end;
  end.how = GroupEnd::How::timed_out;
  end.limit_s = 60;
  const GroupResults results = read(begin(1), end);
  EXPECT_THAT(statuses(results), ElementsAre("timeout"));
  EXPECT_THAT(results.records[0].reason, HasSubstr("time limit of"));
  EXPECT_EQ(results.findings[0].code, "ASY-4002");
}

TEST_F(Results, NothingWrittenFailsTheFirstCase) {
  const GroupResults results = read("");
  EXPECT_THAT(statuses(results), ElementsAre("failed"));
  EXPECT_EQ(results.records[0].reason, "it wrote nothing: ended with exit code 0");
  EXPECT_THAT(results.begun, ElementsAre(1));
  EXPECT_EQ(results.findings[0].code, "ASY-4005");
}

TEST_F(Results, AnInterruptedCaseIsKeptAsSuch) {
  GroupEnd end;
  end.how = GroupEnd::How::interrupted;
  end.interrupted_by = "SIGINT";
  const GroupResults results = read(begin(1) + line(1) + begin(2), end);
  EXPECT_THAT(statuses(results), ElementsAre("completed", "failed"));
  EXPECT_THAT(results.records[1].reason, HasSubstr("interrupted by SIGINT"));
  EXPECT_TRUE(results.findings.empty());
}

TEST_F(Results, ALineCutOffByTheCrashBelongsToTheCrash) {
  const GroupResults results = read(begin(1) + line(1).substr(0, 40), crash());
  EXPECT_THAT(statuses(results), ElementsAre("failed"));
  EXPECT_EQ(results.records[0].reason,
            "ended by SIGSEGV; last line of stderr: boom (the last line that it wrote is cut off)");
  EXPECT_THAT(results.broken, ElementsAre(1));
  // The same without any trouble of the group is the worker's own fault.
  EXPECT_THAT(read(begin(1) + line(1).substr(0, 40)).records[0].reason, HasSubstr("cut off"));
}

TEST_F(Results, NothingThatIsWrongIsBelieved) {
  const auto reason = [&](const std::string& text) {
    const GroupResults results = read(begin(1) + text + begin(2) + line(2) + begin(3) + line(3));
    EXPECT_THAT(statuses(results), ElementsAre("failed", "completed", "completed")) << text;
    EXPECT_EQ(results.findings.size(), 1U);
    EXPECT_EQ(results.findings[0].code, "ASY-4004");
    return results.records[0].reason;
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = line(1);
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_THAT(reason("garbage\n"), HasSubstr("not a record"));
  EXPECT_THAT(reason("{\"schema\":5}\n"), HasSubstr("not a record"));
  EXPECT_THAT(reason("\xff\xfe\n"), HasSubstr("not a record"));
  EXPECT_THAT(reason("\n"), HasSubstr("not a record"));
  EXPECT_THAT(reason(line(1) + "garbage\n"), HasSubstr("not a record"));
  EXPECT_THAT(reason(changed("\"samples_s\":[1", "\"samples_s\":[NaN")), HasSubstr("not a record"));
  EXPECT_THAT(reason(changed("\"samples_s\":[1", "\"samples_s\":[\"1\"")), HasSubstr("not a record"));
  EXPECT_THAT(reason(changed("assay.record/1", "assay.record/2")), HasSubstr("schema"));
  EXPECT_THAT(reason(changed("{\"schema\"", "{\"x\":1,\"schema\"")), HasSubstr("unknown key"));
  EXPECT_THAT(reason(changed("\"start\":4", "\"start\":3")), HasSubstr("of start 3 in start 4"));
  EXPECT_THAT(reason(changed("\"position\":1", "\"position\":2")), HasSubstr("record of case 2"));
  EXPECT_THAT(reason(changed("\"m\":1", "\"m\":9")), HasSubstr("another case"));
  EXPECT_THAT(reason(changed("\"nodes\":1", "\"nodes\":2")), HasSubstr("another case"));
  EXPECT_THAT(reason(changed("\"node\":\"n1\"", "\"node\":\"n2\"")), HasSubstr("not in this process group"));
  EXPECT_THAT(reason(changed("\"planted\":null", "\"planted\":\"nan\"")), HasSubstr("planted"));
  EXPECT_THAT(reason(line(1) + line(1)), HasSubstr("two records"));
  EXPECT_THAT(reason(begin(1) + line(1)), HasSubstr("out of turn"));
  Record empty = good(1);
  empty.devices.clear();
  EXPECT_THAT(reason(to_json_line(empty) + "\n"), HasSubstr("no figure of any device"));
}

TEST_F(Results, ACaseThatWasPassedOverInSilenceFails) {
  const GroupResults results = read(begin(1) + begin(2) + line(2) + begin(3) + line(3));
  EXPECT_THAT(statuses(results), ElementsAre("failed", "completed", "completed"));
  EXPECT_THAT(results.records[0].reason, HasSubstr("without a record"));
  EXPECT_TRUE(results.broken.empty());
}

TEST_F(Results, EveryNodeGetsItsRecord) {
  const std::string both = to_json_line(good(1, "n1")) + "\n" + to_json_line(good(1, "n2")) + "\n";
  for (RequestedCase& one : request_.cases) one.identity.geometry.nodes = 1;
  const GroupResults all = read(begin(1) + both, {}, {"n1", "n2"});
  EXPECT_THAT(statuses(all), ElementsAre("completed", "completed"));
  const GroupResults one = read(begin(1) + to_json_line(good(1, "n2")) + "\n", crash(), {"n1", "n2"});
  EXPECT_THAT(statuses(one), ElementsAre("failed", "completed"));
  EXPECT_EQ(one.records[0].node, "n1");
}

TEST_F(Results, RanksThatWorkTogetherHaveOneRecord) {
  const GroupResults one = read(begin(1) + line(1), {}, {"n1", "n2"}, true);
  EXPECT_THAT(statuses(one), ElementsAre("completed"));
  const GroupResults none = read(begin(1), crash(), {"n1", "n2"}, true);
  EXPECT_THAT(statuses(none), ElementsAre("failed"));
  const std::string both = line(1) + to_json_line(good(1, "n2")) + "\n";
  EXPECT_THAT(read(begin(1) + both, {}, {"n1", "n2"}, true).records[0].reason, HasSubstr("several nodes"));
}

TEST_F(Results, DeathAfterTheLastResultIsNamed) {
  const GroupResults results = read(begin(1) + line(1) + begin(2) + line(2) + begin(3) + line(3), crash());
  EXPECT_THAT(statuses(results), ElementsAre("completed", "completed", "completed"));
  ASSERT_EQ(results.findings.size(), 1U);
  EXPECT_EQ(results.findings[0].code, "ASY-4015");
}

}  // namespace
}  // namespace assay
