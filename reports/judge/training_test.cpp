// A clause that bounds the jitter of training steps: read from a file, judged from series of changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/judge/scene_testing.h"
#include "reports/judge/targets.h"

namespace assay::testing {
namespace {

BenchmarkSpec training_spec() {
  BenchmarkSpec spec;
  spec.name = "training/llm_step";
  spec.area = "training";
  spec.scope = Scope::group;
  spec.foms = {{"tokens", "token/s", Better::higher, "rate", {}},
               {"jitter", "1", Better::lower, "change from step to step", {}}};
  return spec;
}

/// Launches whose steps changed by these shares from one to the next.
Verdict judged(const std::string& limit, const std::vector<std::vector<double>>& launches) {
  Scene scene;
  scene.catalogue.benchmarks.push_back(training_spec());
  scene.plan_case({"training/llm_step", {}, {Placement::fixed, 1, 2, 0}});
  scene.targets = parse_targets(
      "schema = \"assay.targets/1\"\nname = \"t\"\n[[target]]\nid = \"1\"\n"
      "fom = \"training/llm_step.jitter\"\n" +
          limit,
      "targets.toml", scene.catalogue);
  int start = 0;
  for (const std::vector<double>& changes : launches) {
    Record record = scene.record(scene.planned(), ++start, "n1", values({1}));
    record.foms[1].numerator.reset();
    record.foms[1].series = "change";
    record.devices[0].series["change"] = {"1", changes, std::nullopt};
    scene.data.add(record);
  }
  return scene.verdict();
}

std::vector<std::vector<double>> seven(const std::vector<double>& changes) {
  return std::vector<std::vector<double>>(7, changes);
}

TEST(JudgeTraining, AClauseBoundsTheJitter) {
  // The median of a launch counts: 0.03 and 0.06.
  for (const std::string limit : {"at_most = 0.05", "at_most = \"5 %\"", "at_most = \"0.05\""}) {
    EXPECT_EQ(judged(limit, seven({0.01, 0.03, 0.4})), Verdict::pass) << limit;
    EXPECT_EQ(judged(limit, seven({0.05, 0.05, 0.05})), Verdict::pass) << limit;
    EXPECT_EQ(judged(limit, seven({0, 0, 0})), Verdict::pass) << limit;  // steps that are all alike
    EXPECT_EQ(judged(limit, seven({0.01, 0.06, 0.4})), Verdict::fail) << limit;
  }
}

TEST(JudgeTraining, WithoutChangesThereIsNoJitter) {
  EXPECT_EQ(judged("at_most = 0.05", seven({})), Verdict::missing);
}

TEST(JudgeTraining, ALimitOfAnotherKindIsRefused) {
  for (const std::string limit : {"at_most = \"5 ms\"", "at_most = \"50 % of peak\"", "at_most = 0"})
    EXPECT_THROW(judged(limit, {}), Error) << limit;
}

}  // namespace
}  // namespace assay::testing
