#include "suites/training/support/step_log.h"

#include <gtest/gtest.h>

namespace assay::training {
namespace {

class ALog : public testing::Test {
 protected:
  double now_s_ = 0;
  StepLog log_{[this] { return now_s_; }, 4};
};

TEST_F(ALog, KeepsWhatWasDoneAndAddsItUp) {
  log_.begin_step();
  log_.time(Phase::forward, "forward", 0, [&] { now_s_ += 2; });
  now_s_ += 10;  // nobody's
  log_.time(Phase::forward, "forward", 1, [&] { now_s_ += 3; });
  ASSERT_EQ(log_.spans().size(), 2u);
  EXPECT_EQ(log_.spans()[1].begin_s, 12);
  EXPECT_EQ(log_.spans()[1].end_s, 15);
  EXPECT_EQ(log_.spans()[1].micro_batch, 1);
  EXPECT_EQ(log_.total_s(Phase::forward), 5);
  EXPECT_EQ(log_.total_s(Phase::backward), 0);
}

TEST_F(ALog, InterruptsWhatWasUnderWay) {
  log_.begin_step();
  log_.time(Phase::backward, "backward", 0, [&] {
    now_s_ += 1;
    log_.time(Phase::exposed, "send gradients", -1, [&] { now_s_ += 4; });
    now_s_ += 2;
  });
  ASSERT_EQ(log_.spans().size(), 3u);
  EXPECT_EQ(log_.spans()[0].end_s, 1);
  EXPECT_EQ(log_.spans()[1].phase, Phase::exposed);
  EXPECT_EQ(log_.spans()[2].phase, Phase::backward);
  EXPECT_EQ(log_.spans()[2].begin_s, 5);
  EXPECT_EQ(log_.total_s(Phase::backward), 3);
  EXPECT_EQ(log_.total_s(Phase::exposed), 4);
}

TEST_F(ALog, CountsWhatItHasNoRoomFor) {
  for (int step = 0; step < 2; ++step) {
    log_.begin_step();
    for (int i = 0; i < 6; ++i) log_.time(Phase::data, "next", i, [&] { now_s_ += 1; });
    EXPECT_EQ(log_.spans().size(), 4u);
    EXPECT_EQ(log_.total_s(Phase::data), 6);
  }
}

}  // namespace
}  // namespace assay::training
