#include "reports/plan/plan.h"

#include <gtest/gtest.h>

#include "reports/judge/targets.h"

namespace assay {
namespace {

const Catalogue& catalogue() {
  static const Catalogue all = [] {
    Catalogue made;
    BenchmarkSpec gemm{"compute/gemm", "Matrix product", "compute", Scope::device, false, 1, {}, {}};
    gemm.parameters = {{"dtype",
                        ParameterType::choice,
                        "",
                        std::string("f32"),
                        {"f64", "f32", "bf16"},
                        {},
                        {},
                        "element type"},
                       {"m", ParameterType::integer, "", std::int64_t{2048}, {}, 1, {}, "rows"}};
    gemm.foms = {{"rate", "FLOP/s", Better::higher, "rate", {}}};
    BenchmarkSpec reduce{
        "collectives/allreduce", "All-reduce", "collectives", Scope::group, false, 2, {}, {}};
    reduce.parameters = {{"bytes", ParameterType::bytes, "B", std::int64_t{8}, {}, 4, {}, "message size"},
                         {"mode",
                          ParameterType::choice,
                          "",
                          std::string("throughput"),
                          {"throughput", "latency"},
                          {},
                          {},
                          "how"}};
    reduce.foms = {{"busbw", "B/s", Better::higher, "bus bandwidth", {{"mode", "throughput"}}},
                   {"p99", "s", Better::lower, "tail", {{"mode", "latency"}}}};
    made.benchmarks = {gemm, reduce};
    return made;
  }();
  return all;
}

const std::string head = "schema = \"assay.plan/1\"\nname = \"p\"\n";
const std::string gemm_case =
    "[[case]]\nbenchmark = \"compute/gemm\"\nparameters = { dtype = [\"f32\", \"bf16\"], m = [4, 8] }\n";
const std::string reduce_case =
    "[[case]]\nbenchmark = \"collectives/allreduce\"\nparameters = { bytes = \"8 MiB\" }\ngeometry = { "
    "ranks_per_node = 2 }\n";

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.status(), ExitStatus::bad_input);
    return failure.what();
  }
  return "accepted";
}
std::string refused_plan(const std::string& toml) {
  return refusal([&] { parse_plan(toml, "p.toml", catalogue()); });
}

TEST(Plan, ListsAreAxes) {
  const Plan plan = parse_plan(head + gemm_case, "p.toml", catalogue());
  ASSERT_EQ(plan.cases.size(), 4U);
  EXPECT_EQ(plan.cases[0].label, "compute/gemm dtype=f32 m=4");
  EXPECT_EQ(plan.cases[1].label, "compute/gemm dtype=f32 m=8");
  EXPECT_EQ(plan.cases[3].identity.key(), "compute/gemm dtype=bf16 m=8 @1x1");
  EXPECT_EQ(plan.max_launches, 12);
  EXPECT_EQ(plan.stop, StopRule::decided);
}

TEST(Plan, RefusesWhatIsWrongWithPlaceAndAdvice) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {head + "budget = = 3\n" + gemm_case, "p.toml:3:"},
      {head + "bugdet = \"3 s\"\n" + gemm_case,
       "p.toml:3:1: unknown key 'bugdet' (what it was meant to say would be lost); did you mean 'budget'?"},
      {head + "budget = \"3 GB\"\n" + gemm_case, "'budget' is an amount of data"},
      {head + "budget = \"-3 s\"\n" + gemm_case, "'budget' is not positive"},
      {head, "the plan has no case"},
      {"schema = \"assay.plan/2\"\nname = \"p\"\n", "schema is 'assay.plan/2'"},
      {"schema = \"assay.plan/1\"\nname = \"../p\"\n", "use letters"},
      {head + "[[case]]\nbenchmark = \"compute/gem\"\n", "did you mean 'compute/gemm'?"},
      {head + "[[case]]\nbenchmark = \"compute/gemm\"\nparameters = { dtpye = \"f32\" }\n",
       "did you mean 'dtype'?"},
      {head + "[[case]]\nbenchmark = \"compute/gemm\"\nparameters = { dtype = \"f23\" }\n",
       "did you mean 'f32'?"},
      {head + "[[case]]\nbenchmark = \"compute/gemm\"\nparameters = { m = 0 }\n", "at least 1 is needed"},
      {head + "[[case]]\nbenchmark = \"compute/gemm\"\nparameters = { m = [] }\n", "empty list"},
      {head + gemm_case + gemm_case, "stands in the plan twice"},
      {head + "[[case]]\nbenchmark = \"collectives/allreduce\"\n", "needs at least 2 ranks"},
      {head + "[repeat]\nlaunches = { max = 6 }\n" + gemm_case, "max = 6 launches can never decide"},
      {head + "[repeat]\nlaunches = { max = 4, stop = \"fixed\" }\n" + gemm_case, "give at least 5"},
      {head + "[repeat]\nlaunches = { stop = \"best\" }\n" + gemm_case, "expected \"decided\" or \"fixed\""},
      {head + "[[case]]\nbenchmark = \"compute/gemm\"\ngeometry = { nodes = \"some\" }\n",
       "\"all\", \"each\" or \"pairs\""},
  };
  for (const auto& [toml, expected] : wrong) {
    EXPECT_NE(refused_plan(toml).find(expected), std::string::npos) << expected << "\n" << refused_plan(toml);
  }
}

const std::string targets_head = "schema = \"assay.targets/1\"\nname = \"t\"\n";
std::string target(const std::string& lines, const std::string& id = "1") {
  return "[[target]]\nid = \"" + id + "\"\n" + lines;
}
std::string refused_targets(const std::string& toml) {
  return refusal([&] { parse_targets(toml, "t.toml", catalogue()); });
}

TEST(Targets, ReadsEveryKindOfClause) {
  const Targets targets =
      parse_targets(targets_head + "confidence = 0.99\nsystematic = \"1 %\"\ndecision = \"simple\"\n" +
                        target("title = \"T\"\nfom = \"compute/gemm.rate\"\nwhere = { dtype = [\"f32\", "
                               "\"bf16\"] }\nat_least = \"70 % of peak\"\n"
                               "tolerance = \"2 %\"\nacross = \"at least 99 %\"\nspread_at_most = \"5 "
                               "%\"\nlevel = \"scored\"\nweight = 2.0\nshare = 0.9\n") +
                        target("fom = \"collectives/allreduce.p99\"\nat_most = \"50 us\"\n", "2") +
                        target("fom = \"compute/gemm.rate\"\nat_least = \"120 % of "
                               "compute/gemm.rate\"\nof_where = { dtype = \"f64\" }\n",
                               "3") +
                        "[[inventory]]\nid = \"4\"\nfact = \"gpus_per_node\"\nequals = 8\n"
                        "[[inventory]]\nid = \"5\"\nfact = \"memory_bytes\"\nat_least = \"2 GiB\"\n"
                        "[[document]]\nid = \"6\"\ntitle = \"Maintenance plan\"\n"
                        "[[waiver]]\ntarget = \"2\"\nauthority = \"A\"\nname = \"N\"\ndate = "
                        "\"2026-01-01\"\nreason = \"R\"\namendment = \"1\"\n",
                    "t.toml", catalogue());
  EXPECT_DOUBLE_EQ(targets.alpha(), 1 - 0.99);
  ASSERT_EQ(targets.targets.size(), 3U);
  EXPECT_EQ(targets.targets[0].at_least->kind, LimitKind::of_peak);
  EXPECT_DOUBLE_EQ(targets.targets[0].at_least->value, 0.7);
  EXPECT_EQ(targets.targets[0].across, Across::share_of_devices);
  EXPECT_DOUBLE_EQ(targets.targets[0].device_share, 0.99);
  EXPECT_DOUBLE_EQ(targets.targets[1].at_most->value, 50e-6);
  EXPECT_EQ(targets.targets[2].at_least->kind, LimitKind::of_figure);
  EXPECT_EQ(targets.targets[2].at_least->benchmark, "compute/gemm");
  EXPECT_DOUBLE_EQ(*targets.inventory[1].at_least, 2147483648.0);
  EXPECT_EQ(targets.documents[0].title, "Maintenance plan");
  EXPECT_EQ(targets.waivers[0].target, "2");
}

TEST(Targets, RefusesWhatIsWrongWithPlaceAndAdvice) {
  const std::string rate = "fom = \"compute/gemm.rate\"\n";
  const std::vector<std::pair<std::string, std::string>> wrong{
      {targets_head, "the file has no clause"},
      {targets_head + target(rate), "has no limit (it could not fail)"},
      {targets_head + target(rate + "at_least = \"700 GB/s\"\n"),
       "t.toml:6:12: 'at_least' is a rate of data (such as GB/s), but 'rate' is a rate of arithmetic"},
      {targets_head + target(rate + "at_least = \"1 GFLOP/s\"\ntolerance = \"-2 %\"\n"),
       "'tolerance' is -2.00 %"},
      {targets_head + target(rate + "at_least = \"0 GFLOP/s\"\n"), "not positive"},
      {targets_head + target(rate + "at_leest = \"1 GFLOP/s\"\n"), "did you mean 'at_least'?"},
      {targets_head + target("fom = \"compute/gemm.rat\"\nat_least = \"1 GFLOP/s\"\n"),
       "did you mean 'rate'?"},
      {targets_head + target("fom = \"compute/gem.rate\"\nat_least = \"1 GFLOP/s\"\n"),
       "did you mean 'compute/gemm.rate'?"},
      {targets_head + target(rate + "where = { dtyp = \"f32\" }\nat_least = \"1 GFLOP/s\"\n"),
       "did you mean 'dtype'?"},
      {targets_head + target(rate + "at_least = \"10 % of collectives/allreduce.busbw\"\n"),
       "their ratio is not a share"},
      {targets_head + target("fom = \"collectives/allreduce.p99\"\nwhere = { mode = \"throughput\" "
                             "}\nat_most = \"1 us\"\n"),
       "only with mode = \"latency\""},
      {targets_head + target(rate + "at_least = \"1 GFLOP/s\"\nacross = \"best\"\n"), "'across' is 'best'"},
      {targets_head + target(rate + "at_least = \"1 GFLOP/s\"\n") +
           target(rate + "at_least = \"1 GFLOP/s\"\n"),
       "stands here twice"},
      {targets_head + "confidence = 1.5\n" + target(rate + "at_least = \"1 GFLOP/s\"\n"),
       "'confidence' is 150.00 %"},
      {targets_head + target(rate + "at_least = \"1 GFLOP/s\"\n") + "[[waiver]]\ntarget = \"9\"\n",
       "no clause of this file"},
      {targets_head + target(rate + "at_least = \"1 GFLOP/s\"\n") +
           "[[waiver]]\ntarget = \"1\"\nauthority = \"\"\n",
       "'authority' of a waiver is empty"},
      {targets_head + "[[document]]\nid = \"1\"\nfile = \"a.pdf\"\n", "a file without its hash"},
  };
  for (const auto& [toml, expected] : wrong) {
    EXPECT_NE(refused_targets(toml).find(expected), std::string::npos) << expected << "\n"
                                                                       << refused_targets(toml);
  }
}

TEST(Targets, AFixedNumberOfLaunchesIsNotExtended) {
  const Plan plan = parse_plan(head + "[repeat]\nlaunches = { max = 9, stop = \"fixed\" }\n" + gemm_case,
                               "p.toml", catalogue());
  const std::string toml = targets_head + "inconclusive = \"extend\"\nextend_launches = 5\n" +
                           target("fom = \"compute/gemm.rate\"\nat_least = \"1 GFLOP/s\"\n");
  const Targets targets = parse_targets(toml, "t.toml", catalogue());
  EXPECT_NE(
      refusal([&] { check_against_plan(targets, plan, catalogue()); }).find("number of launches is fixed"),
      std::string::npos);
}

TEST(Targets, ATargetThatNoCaseCanSatisfyIsRefusedBeforeAnythingRuns) {
  const Plan plan = parse_plan(head + gemm_case + reduce_case, "p.toml", catalogue());
  const auto check = [&](const std::string& toml) {
    return refusal([&] {
      check_against_plan(parse_targets(targets_head + toml, "t.toml", catalogue()), plan, catalogue());
    });
  };
  EXPECT_EQ(
      check(target("fom = \"compute/gemm.rate\"\nwhere = { dtype = \"f32\" }\nat_least = \"1 GFLOP/s\"\n")),
      "accepted");
  EXPECT_NE(
      check(target("fom = \"compute/gemm.rate\"\nwhere = { dtype = \"f64\" }\nat_least = \"1 GFLOP/s\"\n"))
          .find("t.toml:3:1: no case of plan 'p' can satisfy target '1'"),
      std::string::npos);
  EXPECT_NE(check(target("fom = \"collectives/allreduce.p99\"\nat_most = \"1 us\"\n"))
                .find("which does not give 'p99'"),
            std::string::npos);
  // Two reference cases (m = 4 and m = 8) are one too many.
  EXPECT_NE(check(target("fom = \"compute/gemm.rate\"\nwhere = { dtype = \"bf16\", m = 4 }\nat_least = \"100 "
                         "% of compute/gemm.rate\"\nof_where = { dtype = \"f32\" }\n"))
                .find("or several"),
            std::string::npos);
  EXPECT_EQ(check(target("fom = \"compute/gemm.rate\"\nwhere = { dtype = \"bf16\", m = 4 }\nat_least = \"100 "
                         "% of compute/gemm.rate\"\nof_where = { dtype = \"f32\", m = 4 }\n")),
            "accepted");
  EXPECT_NE(check(target("fom = \"compute/gemm.rate\"\nat_least = \"1 GFLOP/s\"\nshare = 0.9\n"))
                .find("can never be decided"),
            std::string::npos);
}

}  // namespace
}  // namespace assay
