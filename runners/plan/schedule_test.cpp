#include "runners/plan/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/base/error.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Catalogue catalogue() {
  Catalogue known;
  for (const char* name : {"compute/gemm", "collectives/allreduce", "io/write"}) {
    BenchmarkSpec spec;
    spec.name = name;
    spec.own_start = spec.name == "io/write";
    ParameterSpec size;
    size.name = "n";
    size.default_value = std::int64_t{1};
    spec.parameters = {size};
    spec.foms = {{"rate", "FLOP/s", Better::higher, "", {}}};
    known.benchmarks.push_back(spec);
  }
  return known;
}

PlannedCase planned(const char* benchmark, std::int64_t n, int ranks, Placement placement = Placement::fixed,
                    int nodes = 1) {
  PlannedCase one;
  one.identity = {benchmark, {{"n", n}}, {placement, nodes, ranks, 0}};
  one.label = std::string(benchmark) + " n=" + std::to_string(n);
  one.time_limit_s = 10;
  return one;
}

Target target(const char* benchmark, std::int64_t n) {
  Target one;
  one.id = one.title = "t";
  one.benchmark = benchmark;
  one.fom = "rate";
  one.where = {{"n", {n}}};
  one.at_least = Limit{LimitKind::absolute, 1, "", "", "1 FLOP/s"};
  return one;
}

Plan plan_of(std::vector<PlannedCase> cases, double budget_s = 100) {
  Plan plan;
  plan.name = "p";
  plan.budget_s = budget_s;
  plan.max_launches = 12;
  plan.cases = std::move(cases);
  return plan;
}

TEST(Schedule, FewestLaunchesThatDecide) {
  EXPECT_EQ(fewest_to_decide(0.05, 0.5), 7);  // 255/8 = 31.9 >= 20 > 127/7 = 18.1
  EXPECT_EQ(fewest_to_decide(0.1, 0.5), 5);   // 63/6 = 10.5 >= 10
}

TEST(Schedule, TheBudgetIsSharedOutOverExpectedLaunches) {
  Targets targets;
  targets.targets = {target("compute/gemm", 1)};
  const Plan plan = plan_of({planned("compute/gemm", 1, 1), planned("compute/gemm", 2, 1)}, 110);
  const Schedule schedule = make_schedule(plan, targets, catalogue(), {"n1"});
  EXPECT_TRUE(schedule.cases[0].needed);
  EXPECT_FALSE(schedule.cases[1].needed);
  EXPECT_EQ(schedule.cases[0].expected_launches, 10);  // the middle of 7 and 12, rounded up
  EXPECT_EQ(schedule.cases[1].expected_launches, 1);   // no target needs it
  EXPECT_DOUBLE_EQ(schedule.cases[0].time_s, 5);  // 110 s / 11 = 10 s, but at most half of the limit of 10 s
  const Schedule smaller = make_schedule(plan_of(plan.cases, 22), targets, catalogue(), {"n1"});
  EXPECT_DOUBLE_EQ(smaller.cases[0].time_s, 2);
  EXPECT_DOUBLE_EQ(smaller.expected_s, 22);
  EXPECT_EQ(smaller.expected_starts, 10);
}

TEST(Schedule, ATimeThatThePlanStatesIsNotSharedOut) {
  Plan plan = plan_of({planned("compute/gemm", 1, 1), planned("compute/gemm", 2, 1)}, 5);
  plan.cases[0].time_s = 3;
  const Schedule schedule = make_schedule(plan, {}, catalogue(), {"n1"});
  EXPECT_DOUBLE_EQ(schedule.cases[0].time_s, 3);
  EXPECT_DOUBLE_EQ(schedule.cases[1].time_s, 2);  // what is left of 5 s
}

TEST(Schedule, AFixedNumberIsLaunchedExactly) {
  Targets targets;
  targets.targets = {target("compute/gemm", 1)};
  Plan plan = plan_of({planned("compute/gemm", 1, 1)}, 24);
  plan.stop = StopRule::fixed;
  const Schedule schedule = make_schedule(plan, targets, catalogue(), {"n1"});
  EXPECT_EQ(schedule.cases[0].expected_launches, 12);
  EXPECT_DOUBLE_EQ(schedule.cases[0].time_s, 2);
}

TEST(Schedule, TheReferenceOfARatioIsNeededToo) {
  Targets targets;
  Target ratio = target("compute/gemm", 1);
  ratio.at_least = Limit{LimitKind::of_figure, 0.5, "collectives/allreduce", "rate", "50 %"};
  targets.targets = {ratio};
  const Plan plan = plan_of({planned("compute/gemm", 1, 1), planned("collectives/allreduce", 1, 1)});
  EXPECT_TRUE(make_schedule(plan, targets, catalogue(), {"n1"}).cases[1].needed);
}

TEST(Schedule, CasesOfOneGeometryShareAStartInRotatingOrder) {
  const Plan plan =
      plan_of({planned("compute/gemm", 1, 1), planned("collectives/allreduce", 1, 2),
               planned("compute/gemm", 2, 1), planned("compute/gemm", 3, 1), planned("io/write", 1, 1)});
  const Schedule schedule = make_schedule(plan, {}, catalogue(), {"n1"});
  const auto orders = [&](const std::set<std::size_t>& open, const std::set<std::size_t>& apart, int round) {
    std::vector<std::vector<std::size_t>> all;
    for (const PlannedStart& start : starts_of_round(schedule, open, apart, round))
      all.push_back(start.cases);
    return all;
  };
  const std::set<std::size_t> all = {0, 1, 2, 3, 4};
  EXPECT_THAT(orders(all, {}, 0), ElementsAre(ElementsAre(0, 2, 3), ElementsAre(1), ElementsAre(4)));
  EXPECT_THAT(orders(all, {}, 1), ElementsAre(ElementsAre(2, 3, 0), ElementsAre(1), ElementsAre(4)));
  EXPECT_THAT(orders(all, {}, 2), ElementsAre(ElementsAre(3, 0, 2), ElementsAre(1), ElementsAre(4)));
  EXPECT_THAT(orders(all, {}, 3), ElementsAre(ElementsAre(0, 2, 3), ElementsAre(1), ElementsAre(4)));
  // What crashed before runs alone; what is settled not at all.
  EXPECT_THAT(orders({0, 2, 3}, {2}, 0), ElementsAre(ElementsAre(0, 3), ElementsAre(2)));
  EXPECT_TRUE(orders({}, {}, 0).empty());
  EXPECT_DOUBLE_EQ(starts_of_round(schedule, all, {}, 0)[0].limit_s, 3 * 10 + startup_allowance_s);
}

TEST(Schedule, NodesAreResolved) {
  const std::vector<std::string> nodes = {"a", "b", "c"};
  const Plan plan = plan_of({planned("compute/gemm", 1, 1, Placement::fixed, 2),
                             planned("compute/gemm", 2, 1, Placement::all),
                             planned("compute/gemm", 3, 1, Placement::each)});
  const Schedule schedule = make_schedule(plan, {}, catalogue(), nodes);
  EXPECT_THAT(schedule.cases[0].groups, ElementsAre(ElementsAre("a", "b")));
  EXPECT_THAT(schedule.cases[1].groups, ElementsAre(ElementsAre("a", "b", "c")));
  EXPECT_EQ(schedule.cases[1].geometry.nodes, 3);
  EXPECT_THAT(schedule.cases[2].groups, ElementsAre(ElementsAre("a"), ElementsAre("b"), ElementsAre("c")));
  EXPECT_EQ(schedule.cases[2].geometry.nodes, 1);
  // Different groups never share a start.
  EXPECT_EQ(starts_of_round(schedule, {0, 1, 2}, {}, 0).size(), 3U);
}

TEST(Schedule, ImpossibleGeometriesAreRefusedBeforeAnythingRuns) {
  const auto message = [](const PlannedCase& one) {
    try {
      make_schedule(plan_of({one}), {}, catalogue(), {"n1"});
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_input);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(message(planned("compute/gemm", 1, 1, Placement::fixed, 4)),
              HasSubstr("needs 4 nodes, but 1 node is available"));
  EXPECT_THAT(message(planned("compute/gemm", 1, 1, Placement::pairs)), HasSubstr("pairs"));
}

}  // namespace
}  // namespace assay
