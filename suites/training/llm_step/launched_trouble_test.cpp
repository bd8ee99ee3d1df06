// What goes wrong shows: silent corruption in the fingerprint, a shard that is damaged while it is read, and
// everything that cannot be trained.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "suites/training/llm_step/launched_llm_step.h"

namespace assay::bench {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(LaunchedLlmStep, LaunchesHaveTheSameFingerprintAndOneFlippedBitChangesIt) {
  const Parameters few = {{"steps", whole(3)}, {"warmups", whole(0)}};
  for (const int ranks : {1, 2}) {
    std::vector<std::vector<Record>> launches;
    for (const std::string fault : {"", "", "wrong_element"}) {
      for (const std::string precision : {"f32", "bf16"}) {
        const Parameters one = both(both(models().at("gpt, tied"), few), {{"precision", precision}});
        add(one, ranks);
        if (ranks == 2) add(both(one, {{"tensor", whole(2)}}), ranks);
      }
      launches.push_back(run(ranks, fault));
    }
    for (std::size_t i = 0; i < launches[0].size(); ++i) {
      const Record& first = launches[0][i];
      if (first.status == LaunchStatus::unsupported) {
        EXPECT_THAT(first.reason, HasSubstr("bf16"));
        continue;
      }
      EXPECT_EQ(first.path.at("fingerprint"), launches[1][i].path.at("fingerprint")) << name_of(first);
      EXPECT_NE(first.path.at("fingerprint"), launches[2][i].path.at("fingerprint")) << name_of(first);
      std::vector<Fingerprint> all;
      for (const auto& launch : launches) all.push_back(fingerprint_of(launch[i]));
      ASSERT_EQ(all[0].size(), 3u);
      EXPECT_EQ(all[0], all[1]) << name_of(first);
      // The bit of one weight of the last rank was flipped between the first step and the second.
      const auto difference = training::first_difference(all, {"node a", "node b", "node c"});
      ASSERT_TRUE(difference) << name_of(first);
      EXPECT_EQ(difference->step, all[0][1].step) << difference->words;
      EXPECT_THAT(difference->who, ElementsAre(2)) << difference->words;
      EXPECT_THAT(difference->words, HasSubstr("node c has"));
      const Check& check = launches[2][i].devices.at(0).check;
      EXPECT_EQ(check.status, CheckStatus::fail);
      EXPECT_THAT(check.how, HasSubstr("rank " + std::to_string(ranks - 1) + " has other weights"));
    }
  }
}

/// The first shard of tokens below a folder, once it is there.
fs::path wait_for_shard(const fs::path& folder) {
  for (int i = 0; i < 600; ++i) {
    std::error_code ignored;
    for (const auto& entry : fs::recursive_directory_iterator(folder, ignored))
      if (entry.path().filename() == "tokens-0.shard") return entry.path();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return {};
}

TEST_F(LaunchedLlmStep, AShardThatIsTruncatedWhileItIsReadEndsAllRanks) {
  auto ended = std::async(std::launch::async, [this] {
    return run_command(
        "timeout 100 " +
        assay_bench(2, "training/llm_step --width 24 --micro_batch 1 --steps 400000 --time 60s" +
                           (" --folder " + (scratch_ / ".").string())));
  });
  const fs::path shard = wait_for_shard(scratch_ / ".");
  ASSERT_FALSE(shard.empty()) << ended.get().output;
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  // Its second half is gone: ranks read different samples, and one of them meets that first.
  fs::resize_file(shard, fs::file_size(shard) / 2);
  const Ended all = ended.get();
  EXPECT_NE(all.exit_code, 0);
  EXPECT_NE(all.exit_code, 124) << "still waiting";
  EXPECT_THAT(all.output,
              AllOf(HasSubstr("tokens-0.shard"),
                    AnyOf(HasSubstr("become shorter while it is read"), HasSubstr("is truncated"))));
}

TEST_F(LaunchedLlmStep, WhatDoesNotFitIsRefusedWithNumbersAndWhatWould) {
  const Parameters llama = {{"model", std::string("llama3-8b")}, {"layers", whole(1)}};
  const struct {
    Parameters parameters;
    std::vector<std::string> words;
  } cases[] = {
      {{{"data", whole(3)}},
       {"data 3 x tensor 1 x pipeline 1 does not make the 2 ranks", "such as data = 2"}},
      {{{"pipeline", whole(2)}, {"layers", whole(1)}}, {"2 stages", "1 layers", "at most 1"}},
      {{{"tensor", whole(2)}, {"width", whole(24)}, {"heads", whole(3)}}, {"3 heads", "tensor = 2", "1"}},
      {{{"heads", whole(7)}}, {"width 128 does not divide into 7 heads", "1, 2, 4, 8"}},
      {{{"width", whole(130)}, {"feed_forward", whole(64)}}, {"width 130", "4 heads", "1, 2, 5, 10"}},
      {{{"sequence", whole(65)}}, {"sequence 65", "64 learned positions", "at most 64"}},
      {{{"micro_batch", whole(3)}, {"global_batch", whole(8)}},
       {"8 sequences", "3 x data 2 = 6", "6 and 12"}},
      {{{"sequence_parallel", true}}, {"needs tensor parallelism"}},
      {{{"tensor", whole(2)}, {"sequence_parallel", true}, {"sequence", whole(7)}, {"micro_batch", whole(1)}},
       {"7 tokens of a micro-batch", "tensor = 2"}},
      {both(llama, {{"width", whole(96)}, {"heads", whole(32)}}),
       {"heads of size 3", "width / heads is even"}},
      {both(llama, {{"kv_heads", whole(5)}}), {"32 heads", "5 heads of keys", "1, 2, 4, 8, 16, 32"}},
      {{{"vocabulary", whole(3)}}, {"vocabulary of 3", "at least 4"}},
  };
  for (const auto& one : cases) {
    Parameters asked = one.parameters;
    if (!asked.contains("micro_batch")) asked.insert_or_assign("micro_batch", whole(2));
    if (!asked.contains("global_batch")) asked.insert_or_assign("global_batch", whole(0));
    add(asked, 2);
  }
  const std::vector<Record> records = run(2);
  ASSERT_EQ(records.size(), std::size(cases));
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].status, LaunchStatus::unsupported) << name_of(records[i]);
    for (const std::string& word : cases[i].words) EXPECT_THAT(records[i].reason, HasSubstr(word));
  }
}

}  // namespace
}  // namespace assay::bench
