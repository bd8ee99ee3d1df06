// The real program under the real mpiexec: every layout gives the serial loss curve, every fault that can be
// planted is caught, and what cannot run says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "suites/harness/benchmark.h"
#include "suites/training/llm_step/launched_llm_step.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

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
    EXPECT_EQ(records[i].attachments.at(0), records[i - half].attachments.at(0)) << name_of(records[i]);
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
    std::string without;  // the fingerprint of the case before, which had no checkpoints
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
        without = record.attachments.at(0);
        continue;
      }
      if (!without.empty()) {
        EXPECT_EQ(record.attachments.at(0), without) << name_of(record);
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
