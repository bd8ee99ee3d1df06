#include "suites/training/support/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "reports/base/error.h"

namespace assay::training {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string refusal(const ModelShape& shape, const ParallelLayout& layout, std::int64_t ranks) {
  try {
    require_valid(shape, layout, ranks);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(Layout, RanksAndCoordinatesAreOneToOne) {
  const ParallelLayout layout{.data = 3, .tensor = 2, .pipeline = 4, .global_batch = 3};
  for (std::int64_t rank = 0; rank < 24; ++rank)
    EXPECT_EQ(rank_of(layout, coordinates_of(layout, rank)), rank);
  EXPECT_EQ(coordinates_of(layout, 9), (Coordinates{.data = 1, .tensor = 1, .pipeline = 1}));
  EXPECT_THAT(tensor_group(layout, 9), ElementsAre(8, 9));
  EXPECT_THAT(data_group(layout, 9), ElementsAre(7, 9, 11));
  EXPECT_THAT(pipeline_group(layout, 9), ElementsAre(3, 9, 15, 21));
}

TEST(Layout, WhatFitsIsAccepted) {
  const ModelShape llama = preset("llama3-8b");
  EXPECT_EQ(
      refusal(llama, {.data = 2, .tensor = 8, .pipeline = 4, .sequence_parallel = true, .global_batch = 6},
              64),
      "");
  // A vocabulary that does not divide is dealt out in blocks of two sizes.
  EXPECT_EQ(refusal(preset("gpt2-124m"), {.tensor = 4}, 4), "");
}

TEST(Layout, WhatDoesNotFitIsSaidWithWhatWould) {
  const ModelShape gpt2 = preset("gpt2-124m"), llama = preset("llama3-8b");
  EXPECT_THAT(
      refusal(gpt2, {.data = 3, .tensor = 2, .global_batch = 3}, 8),
      AllOf(HasSubstr("data 3 x tensor 2 x pipeline 1"), HasSubstr("8 ranks"), HasSubstr("data = 4")));
  EXPECT_THAT(refusal(gpt2, {.tensor = 5}, 5),
              AllOf(HasSubstr("12 heads"), HasSubstr("tensor = 5"), HasSubstr("1, 2, 3, 4, 6, 12")));
  EXPECT_THAT(refusal(llama, {.tensor = 16}, 16),
              AllOf(HasSubstr("8 heads of keys and values"), HasSubstr("1, 2, 4, 8")));
  EXPECT_THAT(refusal(preset("tiny", {.feed_forward = 510}), {.tensor = 4}, 4),
              AllOf(HasSubstr("510 columns"), HasSubstr("work for this model: 1, 2")));
  EXPECT_THAT(refusal(preset("tiny", {.vocabulary = 3}), {.tensor = 4}, 4), HasSubstr("vocabulary of 3"));
  EXPECT_THAT(refusal(preset("tiny", {.sequence = 63}), {.tensor = 2, .sequence_parallel = true}, 2),
              AllOf(HasSubstr("63 tokens"), HasSubstr("work: 1;")));
  EXPECT_THAT(refusal(gpt2, {.sequence_parallel = true}, 1), HasSubstr("needs tensor parallelism"));
  EXPECT_THAT(refusal(gpt2, {.pipeline = 13}, 13), AllOf(HasSubstr("13 stages"), HasSubstr("12 layers")));
  EXPECT_THAT(refusal(gpt2, {.data = 2, .micro_batch = 4, .global_batch = 20}, 2),
              AllOf(HasSubstr("20 sequences"), HasSubstr("4 x data 2 = 8"), HasSubstr("16 and 24")));
  EXPECT_THAT(refusal(gpt2, {.data = 2, .micro_batch = 4, .global_batch = 4}, 2), HasSubstr("that are: 8"));
  EXPECT_THAT(refusal(gpt2, {.data = 0}, 1), HasSubstr("data is 0"));
  EXPECT_THAT(refusal(gpt2, {.data = 1LL << 40, .tensor = 1LL << 40}, 1),
              HasSubstr("does not make the 1 ranks"));
}

TEST(Layout, StagesShareTheLayers) {
  const ModelShape shape = preset("llama3-405b");
  const ParallelLayout layout{.pipeline = 4};
  std::vector<std::int64_t> counts;
  for (int stage = 0; stage < 4; ++stage) counts.push_back(stage_layers(shape, layout, stage).count);
  EXPECT_THAT(counts, ElementsAre(31, 32, 31, 32));
}

/// Runs all stages against each other. `room`: sends that may be under way in one direction of one link
/// before the sender waits; with 0 a send waits for its receiver. False: they wait for each other for ever.
bool runs_through(std::int64_t stages, std::int64_t micro_batches, std::size_t room,
                  std::vector<std::vector<Action>> plan) {
  struct Link {
    std::deque<std::int64_t> forward, backward;  // from stage to stage + 1, and back
  };
  std::vector<Link> links(static_cast<std::size_t>(stages));
  struct Stage {
    std::size_t next = 0;
    bool computed = false;  ///< the action at `next` is done but for its send
    bool sent = false;      ///< with no room: the send is posted, not received
  };
  std::vector<Stage> state(static_cast<std::size_t>(stages));
  std::size_t done = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t s = 0; s < state.size(); ++s) {
      if (state[s].next == plan[s].size()) continue;
      const Action action = plan[s][state[s].next];
      const bool forward = action.pass == Pass::forward;
      const bool receives = forward ? s > 0 : s + 1 < state.size();
      const bool sends = forward ? s + 1 < state.size() : s > 0;
      if (!state[s].computed) {
        if (receives) {
          auto& from = forward ? links[s - 1].forward : links[s].backward;
          if (from.empty()) continue;
          EXPECT_EQ(from.front(), action.micro_batch) << "received out of order";
          from.pop_front();
        }
        state[s].computed = true;
        moved = true;
      }
      if (sends) {
        auto& to = forward ? links[s].forward : links[s - 1].backward;
        if (!state[s].sent) {
          if (room > 0 && to.size() >= room) continue;
          to.push_back(action.micro_batch);
          state[s].sent = true;
          moved = true;
        }
        if (room == 0 && !to.empty()) continue;
      }
      state[s] = {.next = state[s].next + 1};
      moved = true;
      ++done;
    }
  }
  return done == static_cast<std::size_t>(2 * stages * micro_batches);
}

std::vector<std::vector<Action>> whole_plan(std::int64_t stages, std::int64_t micro_batches) {
  std::vector<std::vector<Action>> plan;
  for (std::int64_t stage = 0; stage < stages; ++stage)
    plan.push_back(one_forward_one_backward(stages, stage, micro_batches));
  return plan;
}

TEST(Schedule, ByHand) {
  using enum Pass;
  EXPECT_THAT(one_forward_one_backward(2, 0, 3),
              ElementsAre(Action{forward, 0}, Action{forward, 1}, Action{backward, 0}, Action{forward, 2},
                          Action{backward, 1}, Action{backward, 2}));
  EXPECT_THAT(one_forward_one_backward(2, 1, 2),
              ElementsAre(Action{forward, 0}, Action{backward, 0}, Action{forward, 1}, Action{backward, 1}));
}

TEST(Schedule, EachMicroBatchGoesOnceForwardAndOnceBackInOrderAndFewAreUnderWay) {
  for (std::int64_t stages = 1; stages <= 8; ++stages) {
    for (std::int64_t micro_batches = 1; micro_batches <= 16; ++micro_batches) {
      for (std::int64_t stage = 0; stage < stages; ++stage) {
        std::int64_t forward = 0, backward = 0, most = 0;
        for (const Action& action : one_forward_one_backward(stages, stage, micro_batches)) {
          std::int64_t& next = action.pass == Pass::forward ? forward : backward;
          ASSERT_EQ(action.micro_batch, next++);
          ASSERT_LE(backward, forward);
          most = std::max(most, forward - backward);
        }
        EXPECT_EQ(forward, micro_batches);
        EXPECT_EQ(backward, micro_batches);
        EXPECT_EQ(most, under_way(stages, stage, micro_batches));
        EXPECT_LE(most, stages - stage);
      }
    }
  }
}

TEST(Schedule, NobodyWaitsForEver) {
  for (std::int64_t stages = 1; stages <= 8; ++stages) {
    for (std::int64_t micro_batches = 1; micro_batches <= 16; ++micro_batches) {
      EXPECT_TRUE(runs_through(stages, micro_batches, 1, whole_plan(stages, micro_batches)))
          << stages << " stages, " << micro_batches << " micro-batches";
    }
  }
}

TEST(Schedule, TheSimulationCanFindAWaitForEver) {
  // Sends that wait for their receiver: neighbours send to each other and neither receives.
  EXPECT_FALSE(runs_through(4, 8, 0, whole_plan(4, 8)));
  // A stage that wants a gradient before it has sent what it is computed from.
  auto plan = whole_plan(2, 2);
  std::swap(plan[0][0], plan[0][2]);
  EXPECT_FALSE(runs_through(2, 2, 1, plan));
}

}  // namespace
}  // namespace assay::training
