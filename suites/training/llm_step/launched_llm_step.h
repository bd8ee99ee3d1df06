// For tests: training/llm_step in the real program under the real mpiexec.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"
#include "suites/harness/launched_program.h"
#include "suites/training/support/fingerprint.h"

namespace assay::bench {

using training::Fingerprint;

inline Parameters both(Parameters first, const Parameters& second) {
  for (const auto& [name, value] : second) first.insert_or_assign(name, value);
  return first;
}

inline std::int64_t whole(std::int64_t value) {
  return value;
}

/// Small models whose sizes are no multiples of anything that they need not be.
inline const std::map<std::string, Parameters>& models() {
  static const std::map<std::string, Parameters> all = {
      {"gpt, tied", {{"width", whole(24)}, {"vocabulary", whole(67)}, {"sequence", whole(10)}}},
      {"llama, tied",
       {{"model", std::string("llama3-1b")},
        {"layers", whole(2)},
        {"width", whole(24)},
        {"heads", whole(4)},
        {"kv_heads", whole(2)},
        {"vocabulary", whole(67)},
        {"sequence", whole(10)}}},
      {"llama",
       {{"model", std::string("llama3-8b")},
        {"layers", whole(3)},
        {"width", whole(16)},
        {"heads", whole(4)},
        {"kv_heads", whole(4)},
        {"vocabulary", whole(33)},
        {"sequence", whole(6)}}},
  };
  return all;
}

class LaunchedLlmStep : public testing::Test {
 protected:
  void SetUp() override {
    if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  }

  /// These, and what the tests usually ask for.
  static Parameters request_parameters(const Parameters& parameters) {
    static const Parameters usual = {{"precision", std::string("f64")},
                                     {"micro_batch", whole(2)},
                                     {"global_batch", whole(8)},
                                     {"steps", whole(5)},
                                     {"warmups", whole(1)},
                                     {"rate", 0.01}};
    return both(usual, parameters);
  }

  void add(const Parameters& parameters, int ranks) {
    RequestedCase one;
    one.position = static_cast<int>(request_.cases.size()) + 1;
    one.identity.benchmark = "training/llm_step";
    one.identity.parameters = request_parameters(parameters);
    one.identity.geometry.ranks_per_node = ranks;
    one.identity.geometry.threads_per_rank = 1;
    one.time_s = 1e-6;
    request_.cases.push_back(one);
  }

  /// Runs what was added in one start, by assay-bench or one of its kind for tests.
  std::vector<Record> run(int ranks, const std::string& fault = "",
                          const std::string& program = "assay-bench", const std::string& environment = "") {
    request_.start = 1;
    request_.seed = 23;
    request_.plant = fault;
    request_.storage = {{"scratch", scratch_ / "."}};
    std::filesystem::remove(results());
    write_file(scratch_ / "request.json", to_json(request_));
    const Ended ended = run_command(
        environment + " timeout 120 " +
        assay_bench(ranks,
                    "--request " + (scratch_ / "request.json").string() + " --results " + results().string(),
                    program));
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    std::vector<Record> records = records_of_start(results());
    EXPECT_EQ(records.size(), request_.cases.size());
    request_.cases.clear();
    // The files of tokens are gone.
    for (const auto& entry : std::filesystem::directory_iterator(scratch_ / "."))
      EXPECT_THAT(entry.path().filename().string(), testing::Not(testing::StartsWith("assay-")))
          << entry.path();
    return records;
  }

  Fingerprint fingerprint_of(const Record& record) {
    EXPECT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
    if (record.attachments.empty()) return {};
    return training::parse_fingerprint(read_file(scratch_ / "attachments" / record.attachments[0]));
  }

  void expect_passed(const Record& record) {
    ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
    const DeviceResult& device = record.devices.at(0);
    EXPECT_EQ(device.check.status, CheckStatus::pass) << name_of(record) << ": " << device.check.how;
    for (const FigureOfMerit& fom : record.foms) EXPECT_TRUE(value_of(fom, device)) << fom.name;
  }

  /// The same losses and gradient norms, step by step.
  void expect_alike(const Record& record, const Fingerprint& serial, double bound) {
    expect_passed(record);
    const Fingerprint own = fingerprint_of(record);
    ASSERT_LE(own.size(), serial.size());
    for (std::size_t step = 0; step < own.size(); ++step) {
      EXPECT_NEAR(own[step].loss, serial[step].loss, bound * serial[step].loss)
          << name_of(record) << " " << step;
      EXPECT_NEAR(own[step].gradient_norm, serial[step].gradient_norm,
                  bound * serial[step].gradient_norm * 10)
          << name_of(record) << " " << step;
    }
  }

  std::filesystem::path results() const { return scratch_ / "results.jsonl"; }

  static std::string name_of(const Record& record) {
    std::string name;
    for (const auto& [key, value] : record.parameters) name += " " + key + "=" + to_string(value);
    return name;
  }

  StartRequest request_;
  ScratchFolder scratch_;
};

}  // namespace assay::bench
