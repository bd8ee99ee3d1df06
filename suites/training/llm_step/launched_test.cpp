// The real program under the real mpiexec: every layout gives the serial loss curve, every fault that can be
// planted is caught, and what cannot run says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/launched_program.h"
#include "suites/training/support/fingerprint.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
using training::Fingerprint;

Parameters both(Parameters first, const Parameters& second) {
  for (const auto& [name, value] : second) first.insert_or_assign(name, value);
  return first;
}

std::int64_t whole(std::int64_t value) {
  return value;
}

/// Small models whose sizes are no multiples of anything that they need not be.
const std::map<std::string, Parameters>& models() {
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

  void add(const Parameters& parameters, int ranks) {
    static const Parameters usual = {{"precision", std::string("f64")},
                                     {"micro_batch", whole(2)},
                                     {"global_batch", whole(8)},
                                     {"steps", whole(5)},
                                     {"warmups", whole(1)},
                                     {"rate", 0.01}};
    RequestedCase one;
    one.position = static_cast<int>(request_.cases.size()) + 1;
    one.identity.benchmark = "training/llm_step";
    one.identity.parameters = both(usual, parameters);
    one.identity.geometry.ranks_per_node = ranks;
    one.identity.geometry.threads_per_rank = 1;
    one.time_s = 1e-6;
    request_.cases.push_back(one);
  }

  /// Runs what was added in one start.
  std::vector<Record> run(int ranks, const std::string& fault = "") {
    request_.start = 1;
    request_.seed = 23;
    request_.plant = fault;
    request_.storage = {{"scratch", scratch_ / "."}};
    std::filesystem::remove(results());
    write_file(scratch_ / "request.json", to_json(request_));
    const Ended ended =
        run_command("timeout 120 " + assay_bench(ranks, "--request " + (scratch_ / "request.json").string() +
                                                            " --results " + results().string()));
    EXPECT_EQ(ended.exit_code, 0) << ended.output;
    std::vector<Record> records;
    const std::string all = read_file(results());
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = all.find('\n', begin);
      const std::string line = all.substr(begin, end - begin);
      if (!parse_progress(line)) records.push_back(parse_record(line, {}));
      begin = end + 1;
    }
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
    if (record.attachments.size() != 1) return {};
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

std::vector<Parameters> layouts_of(int ranks) {
  const Parameters data{{"data", whole(2)}}, tensor{{"tensor", whole(2)}}, pipeline{{"pipeline", whole(2)}};
  const Parameters zero1{{"zero1", true}}, spread{{"sequence_parallel", true}}, again{{"recompute", true}};
  const Parameters window{{"exchange", std::string("shared_window")}};
  if (ranks == 1) return {again};
  if (ranks == 2)
    return {data,     both(data, zero1),    both(both(data, zero1), window), tensor, both(tensor, spread),
            pipeline, both(pipeline, again)};
  // With more ranks than cores a case takes seconds, whatever its size: few of them, each with much in it.
  return {both(both(both(data, tensor), spread), zero1), both(both(data, pipeline), zero1),
          both(both(both(tensor, pipeline), spread), again)};
}

TEST_F(LaunchedLlmStep, EveryLayoutGivesTheSerialLosses) {
  std::vector<Fingerprint> exact, single;
  for (const std::string precision : {"f64", "f32"}) {
    for (const auto& [name, model] : models()) add(both(model, {{"precision", precision}}), 1);
  }
  for (const Record& record : run(1)) {
    expect_passed(record);
    (exact.size() < models().size() ? exact : single).push_back(fingerprint_of(record));
  }
  ASSERT_EQ(single.size(), models().size());
  for (const int ranks : {1, 2}) {
    for (const Parameters& layout : layouts_of(ranks)) {
      for (const std::string precision : {"f64", "f32"}) {
        for (const auto& [name, model] : models())
          add(both(both(model, layout), {{"precision", precision}}), ranks);
      }
    }
    const std::vector<Record> records = run(ranks);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const std::size_t model = i % models().size();
      if (i / models().size() % 2 == 0) {
        expect_alike(records[i], exact[model], 1e-9);
      } else {
        expect_alike(records[i], single[model], 1e-5);
      }
    }
  }
  // Two steps show the gradients, the exchange and the update.
  const Parameters few = {{"steps", whole(2)}, {"warmups", whole(0)}};
  for (const Parameters& layout : layouts_of(4)) add(both(both(models().begin()->second, layout), few), 4);
  for (const Record& record : run(4)) expect_alike(record, exact.front(), 1e-9);
}

TEST_F(LaunchedLlmStep, TheSameSeedAndLayoutGiveTheSameBits) {
  for (const std::string precision : {"f32", "bf16"}) {
    for (int i = 0; i < 2; ++i) {
      for (const Parameters& layout : layouts_of(2))
        add(both(both(models().begin()->second, layout), {{"precision", precision}}), 2);
    }
  }
  const std::vector<Record> records = run(2);
  const std::size_t half = layouts_of(2).size();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].status == LaunchStatus::unsupported) {
      EXPECT_THAT(records[i].reason, HasSubstr("bf16"));
      continue;
    }
    expect_passed(records[i]);
    if (i % (2 * half) < half) continue;
    EXPECT_EQ(records[i].attachments, records[i - half].attachments) << name_of(records[i]);
    EXPECT_EQ(records[i].path.at("fingerprint"), records[i - half].path.at("fingerprint"));
  }
}

TEST_F(LaunchedLlmStep, EveryPlantedFaultIsCaught) {
  for (const int ranks : {1, 2, 4}) {
    for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
      if (ranks == 1 && fault == "silent_rank") continue;  // there is nobody to be silent to
      if (ranks == 4 && fault != "silent_rank") continue;  // as with two
      const Parameters few = {{"precision", std::string("f32")}, {"steps", whole(2)}, {"warmups", whole(0)}};
      for (const Parameters& layout : layouts_of(ranks)) {
        add(both(both(models().at("gpt, tied"), layout), few), ranks);
        if (ranks == 2 && layout.contains("pipeline"))
          add(both(both(models().at("llama"), layout), few), ranks);  // no tied table that would tell
      }
      for (const Record& record : run(ranks, fault)) {
        ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
        const Check& check = record.devices.at(0).check;
        EXPECT_EQ(check.status, CheckStatus::fail) << fault << name_of(record) << ": " << check.how;
        // Shared weights cannot differ: the sums of gradients tell.
        if (fault == "silent_rank" && record.parameters.contains("exchange") &&
            std::get<std::string>(record.parameters.at("exchange")) == "shared_window") {
          EXPECT_THAT(check.how, HasSubstr("has sums of gradients that are wrong"));
        }
        if (fault == "nan") {
          EXPECT_FALSE(check.error) << check.how;
          EXPECT_THAT(check.how, HasSubstr("1 weights that are no numbers"));
        }
        if (fault == "wrong_element") {
          EXPECT_THAT(check.how, HasSubstr("rank " + std::to_string(ranks - 1) + " has other weights"));
        }
      }
    }
  }
}

TEST_F(LaunchedLlmStep, EveryLayoutGoesOnFromItsCheckpointBitForBit) {
  const Parameters model = models().at("gpt, tied");
  const std::array<std::string, 3> precisions = {"f32", "bf16", "f64"};
  // Six steps: after the fourth two are made again, after the sixth the one that comes next.
  const std::map<std::int64_t, std::string> again = {
      {4, "2 steps from the checkpoint of step 4 made again bit for bit"},
      {2, "1 step from the checkpoint of step 6 made again bit for bit"}};
  for (const int ranks : {1, 2, 4}) {
    std::size_t number = 0;
    for (const Parameters& layout : layouts_of(ranks)) {
      const Parameters one = both(both(model, layout), {{"precision", precisions.at(number % 3)}});
      const std::int64_t every = number % 2 == 0 ? 4 : 2;
      if (ranks == 2 && number < 2) add(one, ranks);
      ++number;
      add(both(one, {{"checkpoint_every", every}}), ranks);
    }
    std::vector<std::string> without;  // the attachment of the case before, which had no checkpoints
    for (const Record& record : run(ranks)) {
      if (record.status == LaunchStatus::unsupported) {
        EXPECT_THAT(record.reason, HasSubstr("bf16"));
        continue;
      }
      expect_passed(record);
      const DeviceResult& device = record.devices.at(0);
      const std::int64_t every = integer(record.parameters, "checkpoint_every");
      EXPECT_EQ(record.path.contains("checkpoint"), every > 0);
      EXPECT_EQ(device.metrics.contains("tokens_with_checkpoints_per_s"), every > 0);
      if (every == 0) {
        without = record.attachments;
        continue;
      }
      if (!without.empty()) {
        EXPECT_EQ(record.attachments, without) << name_of(record);
      }
      without.clear();
      EXPECT_THAT(device.check.how, HasSubstr(again.at(every))) << name_of(record);
      EXPECT_EQ(device.series.at("checkpoint").samples.size(),
                every == 4 ? 1U : 3U);  // one step is a warm-up
      EXPECT_THAT(record.path.at("checkpoint"), HasSubstr("fsync"));
    }
  }
}

TEST_F(LaunchedLlmStep, DataParallelCopiesAreSavedOnce) {
  const Parameters one = both(models().at("gpt, tied"), {{"checkpoint_every", whole(5)}});
  std::vector<double> bytes;
  add(one, 1);
  bytes.push_back(run(1).at(0).devices.at(0).metrics.at("checkpoint_bytes"));
  add(one, 2);
  add(both(one, {{"zero1", true}}), 2);
  for (const Record& record : run(2)) bytes.push_back(record.devices.at(0).metrics.at("checkpoint_bytes"));
  ASSERT_EQ(bytes.size(), 3U);
  EXPECT_EQ(bytes[1], bytes[0]);
  // Each copy has its own half of the two moments, padded, and a header of its own.
  EXPECT_GE(bytes[2], bytes[0] + 4096);
  EXPECT_LE(bytes[2], bytes[0] + 4096 + 3 * 32 * 8);
}

TEST_F(LaunchedLlmStep, ACheckpointThatIsDamagedIsFound) {
  for (const int ranks : {1, 2}) {
    std::int64_t every = 2;
    for (const Parameters& layout : layouts_of(ranks)) {
      add(both(both(models().at("llama"), layout), {{"checkpoint_every", every}}), ranks);
      every = 6 - every;
    }
    for (const Record& record : run(ranks, "wrong_element")) {
      ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
      const Check& check = record.devices.at(0).check;
      EXPECT_EQ(check.status, CheckStatus::fail) << name_of(record) << ": " << check.how;
      EXPECT_THAT(check.how, HasSubstr("rank " + std::to_string(ranks - 1) + " has other weights"));
      EXPECT_THAT(check.how, HasSubstr("the training cannot go on from its checkpoint of step"));
      EXPECT_THAT(check.how, HasSubstr("of the checkpoint is damaged: the checksum of its"));
    }
  }
}

TEST_F(LaunchedLlmStep, WhatCannotRunSaysWhy) {
  add({{"tensor", whole(4)}}, 2);
  add({{"global_batch", whole(9)}}, 2);
  add({{"model", std::string("llama3-405b")}, {"precision", std::string("f32")}}, 2);
  add({{"vocabulary", whole(3)}}, 2);
  add({{"storage", std::string("elsewhere")}}, 2);
  add({{"exchange", std::string("shared_window")}}, 2);
  add({{"checkpoint_every", whole(6)}}, 2);
  const std::vector<Record> records = run(2);
  const std::vector<std::string> reasons = {
      "does not make the 2 ranks", "nearest that are: 8 and 12",  "GiB", "vocabulary of 3", "elsewhere",
      "needs a sharded optimizer", "checkpoint_every = 5 or less"};
  ASSERT_EQ(records.size(), reasons.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].status, LaunchStatus::unsupported) << reasons[i];
    EXPECT_THAT(records[i].reason, HasSubstr(reasons[i]));
  }
}

TEST_F(LaunchedLlmStep, TheTinyModelLearnsWithTheDefaults) {
  const Ended ended =
      run_command(assay_bench(0, "training/llm_step --time 1ms --folder " + (scratch_ / ".").string() +
                                     " --json " + results().string()));
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  const std::vector<Record> records = records_in(results());
  ASSERT_EQ(records.size(), 1u);
  expect_passed(records[0]);
  EXPECT_THAT(records[0].devices.at(0).check.how, HasSubstr("mean of the last 5"));
  const auto& metrics = records[0].devices.at(0).metrics;
  EXPECT_EQ(metrics.at("parameters"), 470528);
  EXPECT_EQ(metrics.at("steps_checked"), 43);
  EXPECT_NEAR(metrics.at("entropy_nats"), 1.213, 1e-3);
}

}  // namespace
}  // namespace assay::bench
