// The real program under the real mpiexec: every layout gives the serial loss curve, every fault that can be
// planted is caught, and what cannot run says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

TEST_F(LaunchedLlmStep, WhatCannotRunSaysWhy) {
  add({{"tensor", whole(4)}}, 2);
  add({{"global_batch", whole(9)}}, 2);
  add({{"model", std::string("llama3-405b")}, {"precision", std::string("f32")}}, 2);
  add({{"vocabulary", whole(3)}}, 2);
  add({{"storage", std::string("elsewhere")}}, 2);
  add({{"exchange", std::string("shared_window")}}, 2);
  const std::vector<Record> records = run(2);
  const std::vector<std::string> reasons = {
      "does not make the 2 ranks", "nearest that are: 8 and 12", "GiB", "vocabulary of 3", "elsewhere",
      "needs a sharded optimizer"};
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
