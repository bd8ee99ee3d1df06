// Which rank made the others wait, from times written by hand.
#include "suites/training/llm_step/rank_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay::bench {
namespace {

using testing::ElementsAre;

OwnStep step(double whole_s, double data, double forward, double backward, double exposed, double optimizer) {
  return {whole_s, {data, forward, backward, exposed, optimizer}, 0};
}

RankReport report(std::int64_t last, double median_s, double jitter) {
  RankReport one;
  one.row.last = last;
  one.row.median_s = median_s;
  one.row.jitter = jitter;
  one.sum = step(8, 1, 2, 3, 1, 0.5);
  return one;
}

TEST(RankTimes, OwnTimeIsWithoutWaiting) {
  OwnStep one = step(8, 1, 2, 3, 1, 0.5);
  EXPECT_DOUBLE_EQ(one.own_s(), 7);  // what no phase has is the rank's own, too
  one.within_layers_s = 2.5;
  EXPECT_DOUBLE_EQ(one.own_s(), 4.5);
  EXPECT_EQ(step(1, 0, 0, 0, 1.001, 0).own_s(), 0);
}

TEST(RankTimes, TheSlowestIsTheOneThatWasLastMostOften) {
  EXPECT_EQ(slowest_rank({report(1, 9, 0), report(5, 2, 0), report(4, 3, 0)}), 1u);
  EXPECT_EQ(slowest_rank({report(5, 1, 0), report(5, 2, 0), report(0, 3, 0)}), 1u);
  EXPECT_EQ(slowest_rank({report(5, 2, 0), report(5, 2, 0)}), 0u);
}

TEST(RankTimes, MetricsByHand) {
  std::vector<RankReport> ranks = {report(1, 2, 0.25), report(1, 4, 0.125), report(6, 5, 0.0625)};
  ranks[2].sum.within_layers_s = 4;
  auto metrics = rank_metrics(ranks, 8);
  EXPECT_EQ(metrics.at("slowest_rank"), 2);
  EXPECT_DOUBLE_EQ(metrics.at("slowest_rank_share"), 0.75);
  EXPECT_DOUBLE_EQ(metrics.at("rank_spread"), 1.25);
  EXPECT_DOUBLE_EQ(metrics.at("rank_jitter"), 0.25);
  EXPECT_EQ(metrics.at("most_jittery_rank"), 0);
  EXPECT_DOUBLE_EQ(metrics.at("share_data"), 0.125);
  EXPECT_DOUBLE_EQ(metrics.at("share_forward"), 0.25);
  EXPECT_DOUBLE_EQ(metrics.at("share_backward"), 0.375);
  EXPECT_DOUBLE_EQ(metrics.at("share_exposed"), 0.125);
  EXPECT_DOUBLE_EQ(metrics.at("share_optimizer"), 0.0625);
  EXPECT_DOUBLE_EQ(metrics.at("share_other"), 0.0625);
  EXPECT_DOUBLE_EQ(metrics.at("share_within_layers"), 0.5);
  EXPECT_TRUE(rank_metrics({}, 8).empty());
  EXPECT_TRUE(rank_metrics(ranks, 0).empty());
}

TEST(RankTimes, OneRankAloneIsTheLastInEveryStep) {
  const ProcessGroup alone;
  RankTimes times(alone);
  for (const double whole_s : {1.0, 1.5, 3.0}) times.add(step(whole_s, 0, 0.5, 0, 0, 0));
  times.gather();
  EXPECT_EQ(times.steps(), 3);
  const RankMap map = times.map();
  ASSERT_EQ(map.ranks.size(), 1u);
  EXPECT_EQ(map.ranks[0].node, "localhost");
  EXPECT_EQ(map.ranks[0].last, 3);
  EXPECT_DOUBLE_EQ(map.ranks[0].median_s, 1.5);
  EXPECT_DOUBLE_EQ(map.ranks[0].jitter, 0.75);  // of 0.5 and 1
  EXPECT_THAT(map.ranks[0].mean_s, ElementsAre(1, 1.5, 3));
  EXPECT_THAT(map.ranks[0].max_s, ElementsAre(1, 1.5, 3));
  const auto metrics = rank_metrics(times.ranks(), times.steps());
  EXPECT_DOUBLE_EQ(metrics.at("slowest_rank_share"), 1);
  EXPECT_DOUBLE_EQ(metrics.at("rank_spread"), 1);
  EXPECT_DOUBLE_EQ(metrics.at("share_forward") + metrics.at("share_other"), 1);
}

}  // namespace
}  // namespace assay::bench
