// A target on links names the node or the cable: launches with what their matrices said, and the words.
#include "reports/judge/fabric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/judge/scene_testing.h"

namespace assay {
namespace {

using ::testing::EndsWith;
using testing::has_finding;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Scene;

BenchmarkSpec links_spec() {
  BenchmarkSpec spec;
  spec.name = links_benchmark;
  spec.area = "fabric";
  spec.scope = Scope::group;
  spec.parameters = {{"pattern",
                      ParameterType::choice,
                      "",
                      std::string("pairs"),
                      {"pairs", "bisection", "ring"},
                      {},
                      {},
                      "which pairs"}};
  spec.foms = {{"slowest", "B/s", Better::higher, "slowest pair", {}}};
  return spec;
}

SlowNode slow_node(const std::string& name, double factor) {
  return {name, factor, 63, 63, false};
}

class LinksScene : public Scene {
 public:
  LinksScene() {
    catalogue.benchmarks.push_back(links_spec());
    add_case("pairs");
    Target& target = at_least(100);
    target.benchmark = links_benchmark;
    target.fom = "slowest";
    target.unit = "B/s";
  }
  void add_case(const std::string& pattern) {
    plan_case({links_benchmark, {{"pattern", pattern}}, {Placement::all, 64, 1, 0}});
  }
  void measured(double value, const Attached& attached, std::size_t index = 0) {
    data.add(record(planned(index), ++start_, "n000", {{value, CheckStatus::pass}}), campaign, attached);
  }
  static Attached saying(const LinkDiagnosis& diagnosis) { return {diagnosis, ""}; }

  std::string texts(const std::string& code) const {
    std::string all;
    const Judgement judgement = judged();
    for (const Finding& finding : judgement.targets.at(0).findings) {
      if (finding.code == code) all += finding.text + "\n";
    }
    return all;
  }

 private:
  int start_ = 0;
};

TEST(Fabric, AFailedTargetNamesTheNode) {
  LinksScene scene;
  LinkDiagnosis blaming, silent;
  blaming.nodes = {slow_node("n017", 0.70)};
  for (int i = 0; i < 5; ++i) scene.measured(70, LinksScene::saying(blaming));
  for (int i = 0; i < 2; ++i) scene.measured(71, LinksScene::saying(silent));
  const TargetVerdict target = scene.judged().targets.at(0);
  EXPECT_EQ(target.verdict, Verdict::fail);
  EXPECT_THAT(target.reason, EndsWith("; node n017 is slow on all its links (5 of 7 launches)"));
  EXPECT_THAT(
      scene.texts("ASY-2016"),
      HasSubstr("node n017 is slow on all its links: 0.70 of the others (63 pairs) (5 of 7 launches)"));
}

TEST(Fabric, ALinkIsNamedWhenItIsTheLink) {
  LinksScene scene;
  LinkDiagnosis blaming;
  blaming.links = {{"n003", "n017", 0.68, 0.69, false}, {"n001", "n002", 0.8, 0.99, true}};
  for (int i = 0; i < 7; ++i) scene.measured(70, LinksScene::saying(blaming));
  EXPECT_THAT(scene.judged().targets.at(0).reason, EndsWith("; link n003 - n017 is slow (7 of 7 launches)"));
  EXPECT_THAT(scene.texts("ASY-2017"),
              HasSubstr("link n003 - n017: 0.68 of what its nodes reach elsewhere, 0.69 when alone; cable, "
                        "port or adapter between them (7 of 7 launches)"));
  EXPECT_THAT(scene.texts("ASY-2017"), Not(HasSubstr("n001")));
  EXPECT_THAT(scene.texts("ASY-2018"), HasSubstr("link n001 - n002"));
}

TEST(Fabric, APassNamesTooButItsReasonDoesNot) {
  LinksScene scene;
  LinkDiagnosis blaming;
  blaming.nodes = {slow_node("n017", 0.9)};
  for (int i = 0; i < 7; ++i) scene.measured(120, LinksScene::saying(blaming));
  const TargetVerdict target = scene.judged().targets.at(0);
  EXPECT_EQ(target.verdict, Verdict::pass);
  EXPECT_THAT(target.reason, Not(HasSubstr("n017")));
  EXPECT_TRUE(has_finding(target.findings, "ASY-2016"));
}

TEST(Fabric, OneLaunchOfSevenIsToldAndIsNoReason) {
  LinksScene scene;
  LinkDiagnosis blaming;
  blaming.nodes = {slow_node("n017", 0.7)};
  scene.measured(70, LinksScene::saying(blaming));
  for (int i = 0; i < 6; ++i) scene.measured(70, LinksScene::saying({}));
  EXPECT_THAT(scene.judged().targets.at(0).reason, Not(HasSubstr("n017")));
  EXPECT_THAT(scene.texts("ASY-2016"), HasSubstr("(1 of 7 launches)"));
}

TEST(Fabric, WhatIsBlamedMostComesFirstAndNotAllAreTold) {
  LinksScene scene;
  for (int launch = 0; launch < 7; ++launch) {
    LinkDiagnosis blaming;
    for (int node = 0; node < 12; ++node) {
      if (node == 4 || launch < 4)
        blaming.nodes.push_back(slow_node("n" + std::to_string(node), 0.5 + 0.01 * node));
    }
    scene.measured(70, LinksScene::saying(blaming));
  }
  EXPECT_THAT(scene.judged().targets.at(0).reason, HasSubstr("; node n4 is slow on all its links (7 of 7"));
  EXPECT_THAT(scene.texts("ASY-2016"), HasSubstr("and 4 more"));
}

TEST(Fabric, ABisectionIsExplainedByTheMatrixOfThePairs) {
  LinksScene scene;
  scene.add_case("bisection");
  scene.targets.targets[0].where["pattern"] = {std::string("bisection")};
  LinkDiagnosis blaming;
  blaming.nodes = {slow_node("n017", 0.7)};
  blaming.note = "levels";
  blaming.partly = {slow_node("n020", 0.5)};
  blaming.partly_slow = 1;
  blaming.blocks = {{{"n1", "n2"}, 2, 9, 0.5}};
  for (int i = 0; i < 7; ++i) scene.measured(70, LinksScene::saying(blaming));
  for (int i = 0; i < 7; ++i) scene.measured(70, {}, 1);
  const TargetVerdict target = scene.judged().targets.at(0);
  EXPECT_EQ(target.verdict, Verdict::fail);
  EXPECT_THAT(target.reason, EndsWith("; node n017 is slow on all its links (7 of 7 launches)"));
  EXPECT_THAT(scene.texts("ASY-2017"), HasSubstr("9 links among 2 nodes (n1, n2): 0.50"));
  EXPECT_THAT(scene.texts("ASY-2018"), HasSubstr("levels (7 of 7 launches)"));
  EXPECT_THAT(scene.texts("ASY-2018"), HasSubstr("node n020 is slow on 63 of its 63 links"));
}

TEST(Fabric, OtherBenchmarksAreLeftAlone) {
  LinksScene scene;
  LinkDiagnosis blaming;
  blaming.nodes = {slow_node("n017", 0.7)};
  scene.measured(70, LinksScene::saying(blaming));
  scene.targets.targets.clear();
  scene.plan_gemm();
  scene.at_least(100);
  EXPECT_FALSE(has_finding(scene.judged().targets.at(0).findings, "ASY-2016"));
}

TEST(Fabric, WithoutItsAttachmentALaunchDoesNotCountAndBlamesNobody) {
  LinksScene scene;
  LinkDiagnosis blaming;
  blaming.nodes = {slow_node("n017", 0.7)};
  for (int i = 0; i < 6; ++i) scene.measured(120, LinksScene::saying({}));
  scene.measured(120, {blaming, "attachment x was altered"});
  const TargetVerdict target = scene.judged().targets.at(0);
  EXPECT_EQ(target.verdict, Verdict::inconclusive);  // seven would have passed
  EXPECT_EQ(target.parts.at(0).without_value, 1);
  EXPECT_THAT(target.parts.at(0).launches.at(6).trouble, HasSubstr("evidence incomplete"));
  EXPECT_THAT(scene.texts("ASY-1015"), HasSubstr("attachment x was altered"));
  EXPECT_FALSE(has_finding(target.findings, "ASY-2016"));

  LinksScene none;
  for (int i = 0; i < 7; ++i) none.measured(120, {std::nullopt, "attachment x is missing"});
  EXPECT_EQ(none.verdict(), Verdict::missing);
}

TEST(Fabric, AFailedCheckStaysAFailedCheck) {
  // Taking the attachment away must not turn an invalid result into a missing one.
  LinksScene scene;
  Record wrong = scene.record(scene.planned(), 1, "n000", {{120, CheckStatus::fail}});
  scene.data.add(wrong, 0, {std::nullopt, "attachment x is missing"});
  EXPECT_EQ(scene.verdict(), Verdict::invalid);
}

}  // namespace
}  // namespace assay
