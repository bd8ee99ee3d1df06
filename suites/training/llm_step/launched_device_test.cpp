// The real program with device=gpu, where the GPU is a list of work in memory that the host cannot touch
// (support/queued_device.h): the losses of the host, the same words about them, the same faults caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "suites/training/llm_step/launched_llm_step.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Parameters on_gpu = {{"device", std::string("gpu")}};
const Parameters nccl = {{"exchange", std::string("nccl")}};
const Parameters zero1 = {{"zero1", true}}, recompute = {{"recompute", true}};
const Parameters spread = {{"sequence_parallel", true}};

Parameters parts(const char* name) {
  return {{name, whole(2)}};
}

class LaunchedOnDevice : public LaunchedLlmStep {
 protected:
  std::vector<Record> run_on_device(int ranks, const std::string& fault = "", bool late = false) {
    return run(ranks, fault, bench_with_queued_device, late ? "ASSAY_TEST_SCHEDULE=late" : "");
  }
  void add_on_gpu(const Parameters& parameters, int ranks) { add(both(parameters, on_gpu), ranks); }
};

TEST_F(LaunchedOnDevice, EveryLayoutGivesTheLossesOfTheHost) {
  const Parameters gpt = models().at("gpt, tied"), llama = models().at("llama");
  for (const Parameters& model : {gpt, llama}) add(model, 1);
  std::vector<Fingerprint> host;
  for (const Record& record : run(1)) host.push_back(fingerprint_of(record));
  const auto expect_as_on_host = [&](const Record& record) {
    expect_alike(record, host[record.parameters.at("model") == ParameterValue(std::string("tiny")) ? 0 : 1],
                 1e-9);
    EXPECT_EQ(record.devices.at(0).kind, "gpu");
  };

  const Parameters checkpoints = {{"checkpoint_every", whole(4)}};
  for (const Parameters& one : {gpt, llama, both(both(gpt, recompute), checkpoints)}) add_on_gpu(one, 1);
  for (const Record& record : run_on_device(1)) {
    expect_as_on_host(record);
    EXPECT_THAT(record.path.at("step"), StartsWith("one graph of the device"));
  }

  const Parameters data = parts("data"), tensor = parts("tensor"), pipeline = parts("pipeline");
  for (const Parameters& layout :
       {both(data, nccl), both(both(data, nccl), zero1), data, both(data, zero1), tensor,
        both(tensor, spread), pipeline, both(both(data, zero1), both(nccl, checkpoints))})
    for (const Parameters& model : {gpt, llama}) add_on_gpu(both(model, layout), 2);
  for (const Record& record : run_on_device(2)) {
    expect_as_on_host(record);
    const bool copies = record.parameters.at("data") == ParameterValue(whole(2));
    const bool by_devices = record.parameters.at("exchange") == ParameterValue(std::string("nccl"));
    EXPECT_EQ(record.path.contains("gradients"), copies);
    EXPECT_EQ(record.path.at("step").starts_with("one graph"), by_devices) << record.path.at("step");
    if (copies) {
      EXPECT_THAT(record.path.at("gradients"),
                  HasSubstr(by_devices ? "MPI in NCCL's place between" : "MPI, staged through the host"));
    }
  }
  // Whatever the collectives' queue does first.
  for (const Parameters& layout : {both(data, nccl), both(both(data, nccl), zero1)})
    add_on_gpu(both(gpt, layout), 2);
  for (const Record& record : run_on_device(2, "", true)) expect_as_on_host(record);
}

TEST_F(LaunchedOnDevice, EveryPlantedFaultIsCaught) {
  const Parameters few = {{"precision", std::string("f32")}, {"steps", whole(2)}, {"warmups", whole(0)}};
  const Parameters data = parts("data"), small = both(models().at("gpt, tied"), few);
  for (const std::string fault : {"wrong_element", "nan", "silent_rank"}) {
    for (const Parameters& layout : {data, both(data, nccl), both(both(data, nccl), zero1), both(data, zero1),
                                     parts("tensor"), parts("pipeline")})
      add_on_gpu(both(small, layout), 2);
    for (const Record& record : run_on_device(2, fault)) {
      ASSERT_EQ(record.status, LaunchStatus::completed) << name_of(record) << ": " << record.reason;
      const Check& check = record.devices.at(0).check;
      EXPECT_EQ(check.status, CheckStatus::fail) << fault << name_of(record) << ": " << check.how;
      if (fault == "nan") {
        EXPECT_THAT(check.how, HasSubstr("1 weights that are no numbers"));
      }
      if (fault == "silent_rank" && record.path.contains("gradients")) {
        EXPECT_THAT(check.how, HasSubstr("has sums of gradients that are wrong"));
      }
    }
  }
}

TEST_F(LaunchedOnDevice, OneStepOfTheWarmUpShowsThePhases) {
  const Parameters model = both(models().at("gpt, tied"), {{"warmups", whole(3)}});
  add_on_gpu(model, 1);
  add_on_gpu(both(model, {{"warmups", whole(1)}}), 1);
  const std::vector<Record> records = run_on_device(1);
  ASSERT_EQ(records.size(), 2u);
  const auto& known = records[0].devices.at(0).metrics;
  double sum = 0;
  for (const char* phase : {"forward", "backward", "exposed", "optimizer", "data", "other"})
    sum += known.at(std::string("share_") + phase);
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_GT(known.at("share_forward"), 0);
  EXPECT_THAT(records[0].path.at("phases"), HasSubstr("of step 3, in the warm-up"));
  EXPECT_FALSE(records[0].devices.at(0).series.contains("forward"));
  EXPECT_TRUE(records[0].devices.at(0).series.contains("data"));
  EXPECT_FALSE(records[1].devices.at(0).metrics.contains("share_forward"));
  EXPECT_THAT(records[1].path.at("phases"), HasSubstr("two steps of warm-up"));
}

TEST_F(LaunchedOnDevice, WhatCannotRunSaysWhy) {
  add_on_gpu(both(zero1, {{"exchange", std::string("shared_window")}}), 2);
  add_on_gpu({{"exchange", std::string("rccl")}}, 2);
  add(nccl, 2);
  add_on_gpu({{"model", std::string("llama3-405b")}, {"precision", std::string("f32")}}, 2);
  add_on_gpu({{"moments", std::string("bf16")}}, 2);
  const std::vector<std::string> reasons = {"in that of GPUs (choose nccl", "rccl is not here",
                                            "or device=gpu", "GiB are there for it",
                                            "keeps all numbers in f64"};
  const std::vector<Record> records = run_on_device(2);
  ASSERT_EQ(records.size(), reasons.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].status, LaunchStatus::unsupported) << reasons[i];
    EXPECT_THAT(records[i].reason, HasSubstr(reasons[i]));
  }
}

}  // namespace
}  // namespace assay::bench
