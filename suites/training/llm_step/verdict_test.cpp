#include "suites/training/llm_step/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace assay::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Untrained 6, entropy 2: at most 3 is learned. One token's surprise deviates by 0.5, 100 x 100 tokens' mean
/// by 0.005 in ten steps of 1000 tokens.
constexpr LearningTask task{6, 2, 0.25, 1000, 1000};

std::vector<double> falling(std::size_t steps, double to) {
  std::vector<double> losses(steps, to);
  losses[0] = 6;
  return losses;
}

TEST(LlmStepVerdict, ALossThatFallsToTheBoundHasLearned) {
  EXPECT_DOUBLE_EQ(learned_bound(task), 3);
  EXPECT_THAT(judge_learning(falling(40, 3), task).problems, IsEmpty());
  EXPECT_THAT(judge_learning(falling(40, 3.001), task).problems, ElementsAre(HasSubstr("far enough")));
  // Too few steps, or too few tokens, for that.
  EXPECT_THAT(judge_learning(falling(39, 5.9), task).problems, IsEmpty());
  LearningTask few = task;
  few.tokens_per_step = 10;
  EXPECT_THAT(judge_learning(falling(40, 5.9), few).problems, IsEmpty());
  EXPECT_THAT(judge_learning(falling(8, 6), task).problems, ElementsAre(HasSubstr("not fallen")));
  EXPECT_THAT(judge_learning(falling(3, 6), task).problems, IsEmpty());
  EXPECT_THAT(judge_learning({}, task).problems, SizeIs(1));
}

TEST(LlmStepVerdict, ALossThatIsNoNumberFails) {
  for (const double wrong : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    std::vector<double> losses = falling(40, 2.5);
    losses[20] = wrong;
    EXPECT_THAT(judge_learning(losses, task).problems, ElementsAre(HasSubstr("step 20")));
  }
}

TEST(LlmStepVerdict, ALossBelowTheEntropyIsALeak) {
  // sqrt(0.25 / 10000) = 0.005; four of them: 1.98.
  EXPECT_THAT(judge_learning(falling(40, 1.9801), task).problems, IsEmpty());
  EXPECT_THAT(judge_learning(falling(40, 1.9799), task).problems, ElementsAre(HasSubstr("standard errors")));
  // What was seen before may be known by heart.
  LearningTask repeated = task;
  repeated.fresh_steps = 5;
  std::vector<double> losses = falling(40, 1.5);
  for (std::size_t step = 1; step < 5; ++step) losses[step] = 4;
  EXPECT_THAT(judge_learning(losses, repeated).problems, IsEmpty());
}

/// data 2 x tensor 2 x pipeline 2: rank = (pipeline * 2 + data) * 2 + tensor.
class Ranks : public testing::Test {
 protected:
  Ranks() {
    layout_.data = layout_.tensor = layout_.pipeline = 2;
    for (std::int64_t rank = 0; rank < 8; ++rank) {
      const training::Coordinates at = training::coordinates_of(layout_, rank);
      RankState state;
      state.own_loss = at.pipeline == 1 ? 2.5 + static_cast<double>(at.data) : 0;
      state.own_squares = at.data == 0 ? 0.5 : 0;
      state.now = state.after_last_step = static_cast<std::uint64_t>(100 + 10 * at.pipeline + at.tensor);
      state.table = static_cast<std::uint64_t>(7 + at.tensor);
      states_.push_back(state);
    }
  }
  std::vector<std::string> problems(bool tied = true) { return judge_ranks(states_, layout_, tied).problems; }

  training::ParallelLayout layout_;
  std::vector<RankState> states_;
};

TEST_F(Ranks, Agree) {
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Ranks, WeightsThatChangedAfterTheStepAreFound) {
  states_[7].now ^= 1;
  EXPECT_THAT(problems(),
              ElementsAre(HasSubstr("rank 7 has other weights than after"),
                          HasSubstr("rank 7 has other weights than its data-parallel copy, rank 5")));
  states_[7].after_last_step ^= 1;
  EXPECT_THAT(problems(), SizeIs(1));
}

TEST_F(Ranks, OtherFaultsAreFound) {
  states_[4].own_loss = 2.4;  // tensor rank 1 of the same copy has another
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("rank 5 computed another loss than rank 4")));
  states_[4].own_loss = 2.5;
  states_[6].table = 1;
  EXPECT_THAT(problems(),
              ElementsAre(HasSubstr("rank 6 has another copy of the table of tokens than rank 2")));
  EXPECT_THAT(problems(false), IsEmpty());
  states_[6].table = 7;
  states_[3].not_finite = 2;
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("2 weights")));
  states_[3].not_finite = 0;
  for (const double squares : {0.0, std::nan("")}) {
    states_[0].own_squares = squares;
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("rank 0 and its copies got no gradients")));
  }
  states_[2].own_squares = 0.1;
  states_[0].own_squares = 0;  // a sharded optimizer: the other copy stands for them
  EXPECT_THAT(problems(), IsEmpty());
}

TEST(LlmStepVerdict, AStepThatDiffersWhenItIsMadeAgainIsFound) {
  const training::Fingerprint recorded = {{1, 4.5, 1, 10}, {2, 4, 0.5, 11}, {3, 3.5, 0.25, 12}};
  training::Fingerprint repeated(recorded.begin() + 1, recorded.end());
  const Verdict alike = judge_repetition(recorded, repeated);
  EXPECT_THAT(alike.problems, IsEmpty());
  EXPECT_EQ(alike.words, "2 steps from the checkpoint of step 1 made again bit for bit");
  repeated[1].loss = std::nextafter(3.5, 4);
  EXPECT_THAT(judge_repetition(recorded, repeated).problems,
              ElementsAre("step 3 made again from the checkpoint of step 1: the loss is 3.5000000000000004, "
                          "and was 3.5 at first"));
  repeated[0].gradient_norm = 0.75;  // the first step that differs
  EXPECT_THAT(judge_repetition(recorded, repeated).problems,
              ElementsAre(HasSubstr("step 2 made again from the checkpoint of step 1: the gradient norm is "
                                    "0.75, and was 0.5 at first")));
  repeated[0].gradient_norm = 0.5;
  repeated[0].parameters = 0x2a;
  EXPECT_THAT(
      judge_repetition(recorded, repeated).problems,
      ElementsAre(HasSubstr("the checksum of the parameters is 000000000000002a, and was 000000000000000b")));
  EXPECT_THAT(judge_repetition(recorded, {}).problems, ElementsAre(HasSubstr("no step was made again")));
  EXPECT_THAT(judge_repetition(recorded, {{4, 3, 0.1, 13}}).problems, SizeIs(1));
}

}  // namespace
}  // namespace assay::bench
