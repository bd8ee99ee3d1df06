// For tests: the family under the real mpiexec.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"
#include "suites/harness/launched_program.h"

namespace assay::bench {

inline std::string word(const Record& record, const char* parameter) {
  const auto found = record.parameters.find(parameter);
  return found == record.parameters.end() ? "" : to_string(found->second);
}

/// One start of many cases, on as many ranks as the parameter says.
class LaunchedFamily : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  void add(const std::string& name, Parameters parameters) {
    RequestedCase one;
    one.position = static_cast<int>(request_.cases.size()) + 1;
    one.identity.benchmark = "collectives/" + name;
    one.identity.parameters = std::move(parameters);
    one.identity.geometry.ranks_per_node = GetParam();
    one.time_s = 0.004;
    request_.cases.push_back(one);
  }

  std::vector<Record> run(const std::string& fault) {
    request_.start = 1;
    request_.seed = 23;
    request_.plant = fault;
    write_file(scratch_ / "request.json", to_json(request_));
    const Ended ended = run_command(
        environment_ + " timeout 120 " +
        assay_bench(GetParam(),
                    "--request " + (scratch_ / "request.json").string() + " --results " + results().string(),
                    program_));
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    std::vector<Record> records = records_of_start(results());
    EXPECT_EQ(records.size(), request_.cases.size());
    return records;
  }

  void expect_faults_caught(const std::vector<std::string>& faults) {
    for (const std::string& fault : faults) {
      std::filesystem::remove(results());
      for (const Record& record : run(fault)) {
        ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
        const Check& check = record.devices.at(0).check;
        EXPECT_EQ(check.status, CheckStatus::fail) << fault << " " << name_of(record) << ": " << check.how;
        if (fault == "nan" && word(record, "dtype") != "int32") {
          EXPECT_FALSE(check.error) << name_of(record);
        }
        if (fault == "wrong_element") {
          EXPECT_GT(check.error.value_or(0), 0) << name_of(record);
          EXPECT_THAT(check.how, testing::HasSubstr("1 wrong")) << name_of(record);
        }
      }
    }
  }

  std::filesystem::path results() const { return scratch_ / "results.jsonl"; }

  static std::string name_of(const Record& record) {
    std::string name = record.benchmark;
    for (const auto& [key, value] : record.parameters) name += " " + key + "=" + to_string(value);
    return name;
  }

  std::string program_ = "assay-bench";
  std::string environment_;  ///< "A=1 B=2"
  StartRequest request_;
  ScratchFolder scratch_;
};

}  // namespace assay::bench
