#include "suites/collectives/support/cases.h"

#include <gtest/gtest.h>

#include <limits>

namespace assay::bench {
namespace {

TEST(Overlap, IsTheHiddenShareOfTheCommunication) {
  EXPECT_DOUBLE_EQ(overlapped_share(10, 10, 10), 1);  // all of it
  EXPECT_DOUBLE_EQ(overlapped_share(10, 10, 20), 0);  // none of it
  EXPECT_DOUBLE_EQ(overlapped_share(10, 10, 12.5), 0.75);
  EXPECT_DOUBLE_EQ(overlapped_share(10, 8, 13), 0.5);
  EXPECT_DOUBLE_EQ(overlapped_share(10, 10, 25), 0);  // worse than one after the other
  EXPECT_DOUBLE_EQ(overlapped_share(10, 10, 9), 1);   // noise
}

TEST(Computation, StandsWhereTheClosedFormSays) {
  Computation computation(7);
  EXPECT_TRUE(computation.right());
  for (const std::int64_t steps : {1, 2, 0, 3, 1000, 65537}) {
    computation.run(steps);
    EXPECT_TRUE(computation.right());
  }
  computation.spoil();
  EXPECT_FALSE(computation.right());
  computation.run(10);
  EXPECT_FALSE(computation.right());  // an error stays
}

TEST(Repetitions, MakeAPartLongEnough) {
  Repetitions repetitions(1);
  EXPECT_EQ(repetitions.count(), 1);
  repetitions.learn(1, 8);
  EXPECT_EQ(repetitions.count(), 1);
  repetitions.learn(1.1e-6, 8);  // 2 ms are 227.3 rounds of 8.8 us
  EXPECT_EQ(repetitions.count(), 228);
  repetitions.learn(1, 8);  // a disturbance
  EXPECT_EQ(repetitions.count(), 228);
  EXPECT_EQ(repetitions.shortest_s(), 1.1e-6);
  Repetitions hasty(0.016);
  hasty.learn(3e-4, 1);  // 1 ms are 3.3 of them
  EXPECT_EQ(hasty.count(), 4);
}

TEST(Rating, GivesABarrierNoBandwidth) {
  const auto figures = Rating{}.throughput();
  ASSERT_EQ(figures.size(), 1u);
  EXPECT_EQ(figures[0].name, "time");
  const auto bandwidths = rating(CollectiveKind::allgather, 1000, 4).throughput("communicate");
  ASSERT_EQ(bandwidths.size(), 3u);
  EXPECT_EQ(bandwidths[0].name, "busbw");
  EXPECT_DOUBLE_EQ(*bandwidths[0].numerator, 750);
  EXPECT_DOUBLE_EQ(*bandwidths[1].numerator, 1000);
  EXPECT_EQ(bandwidths[2].series, "communicate");
}

TEST(BothChecks, MustPass) {
  const Check good{CheckStatus::pass, 0.0, 0.0, "one"};
  const Check bad{CheckStatus::fail, 2.0, 0.0, "two"};
  const Check nan{CheckStatus::fail, std::nullopt, 0.0, "three"};
  EXPECT_EQ(both(good, good).status, CheckStatus::pass);
  EXPECT_EQ(both(good, bad).status, CheckStatus::fail);
  EXPECT_EQ(both(bad, good).status, CheckStatus::fail);
  EXPECT_EQ(both(bad, good).error, 2.0);
  EXPECT_FALSE(both(nan, good).error);
  EXPECT_FALSE(both(good, nan).error);
  EXPECT_EQ(both(good, bad).how, "one; two");
}

}  // namespace
}  // namespace assay::bench
