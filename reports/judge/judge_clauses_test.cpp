// Clauses that are counted or confirmed, waivers, the overall verdict, and the table of findings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "reports/judge/judge.h"
#include "reports/judge/scene_testing.h"

namespace assay {
namespace {

using testing::has_finding;
using ::testing::HasSubstr;
using testing::Scene;

InventoryClause eight_gpus() {
  InventoryClause clause;
  clause.id = "4.1.3";
  clause.title = "GPUs";
  clause.fact = "gpus_per_node";
  clause.equals = std::int64_t{8};
  clause.limit_text = "= 8";
  return clause;
}

TEST(Inventory, EveryNodeMustHaveIt) {
  Scene scene;
  scene.targets.inventory = {eight_gpus()};
  EXPECT_EQ(scene.verdict(), Verdict::missing);  // no node known
  scene.data.nodes = {{"n1", {{"gpus_per_node", std::int64_t{8}}}}, {"n2", {{"gpus_per_node", 8.0}}}};
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::pass);
  scene.data.nodes.push_back({"n3", {}});
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  EXPECT_THAT(scene.judged().targets[0].reason, HasSubstr("unknown on n3"));
  EXPECT_EQ(scene.judged().coverage[0].coverage, Coverage::part);
  scene.data.nodes.push_back({"n4", {{"gpus_per_node", std::int64_t{7}}}});
  EXPECT_EQ(scene.verdict(), Verdict::fail);
  EXPECT_THAT(scene.judged().targets[0].reason, HasSubstr("n4"));
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::fail);
}

TEST(Inventory, LimitsAndOtherTypes) {
  Scene scene;
  InventoryClause clause = eight_gpus();
  clause.equals.reset();
  clause.at_least = 8;
  clause.at_most = 16;
  scene.targets.inventory = {clause};
  const auto with = [&](const ParameterValue& value) {
    scene.data.nodes = {{"n1", {{"gpus_per_node", value}}}};
    return scene.verdict();
  };
  EXPECT_EQ(with(std::int64_t{8}), Verdict::pass);
  EXPECT_EQ(with(std::int64_t{16}), Verdict::pass);
  EXPECT_EQ(with(std::int64_t{17}), Verdict::fail);
  EXPECT_EQ(with(std::int64_t{7}), Verdict::fail);
  EXPECT_EQ(with(std::string("8")), Verdict::missing);
  scene.targets.inventory[0].equals = std::string("EDR");
  scene.targets.inventory[0].at_least.reset();
  scene.targets.inventory[0].at_most.reset();
  EXPECT_EQ(with(std::string("EDR")), Verdict::pass);
  EXPECT_EQ(with(std::string("HDR")), Verdict::fail);
  EXPECT_EQ(with(std::int64_t{1}), Verdict::fail);
}

TEST(Document, NeedsNameDateAndTheSameFile) {
  Scene scene;
  DocumentClause clause;
  clause.id = "7.1";
  clause.title = "Maintenance plan";
  scene.targets.documents = {clause};
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  scene.targets.documents[0].by = "A. Buyer";
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  scene.targets.documents[0].date = "2026-11-22";
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  scene.targets.documents[0].file = "plan.pdf";
  scene.targets.documents[0].sha256 = "aa";
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  scene.document_hashes["7.1"] = "";
  EXPECT_EQ(scene.verdict(), Verdict::missing);
  scene.document_hashes["7.1"] = "bb";
  EXPECT_EQ(scene.verdict(), Verdict::invalid);
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::fail);
  scene.document_hashes["7.1"] = "aa";
  EXPECT_EQ(scene.verdict(), Verdict::pass);
  scene.targets.documents[0].sha256 = "";
  EXPECT_EQ(scene.verdict(), Verdict::missing);
}

Waiver waiver_of(const std::string& id) {
  return {id, "Ministry", "B. Officer", "2026-11-22", "delivered later", "amendment 3", {}};
}

TEST(Waivers, TheHeadlineSaysSo) {
  Scene scene;
  scene.targets.inventory = {eight_gpus()};
  scene.data.nodes = {{"n1", {{"gpus_per_node", std::int64_t{7}}}}};
  DocumentClause document;
  document.id = "7.1";
  document.by = "A. Buyer";
  document.date = "2026-11-22";
  scene.targets.documents = {document};
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::fail);
  scene.targets.waivers = {waiver_of("4.1.3")};
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.targets[0].verdict, Verdict::waived);
  EXPECT_EQ(judgement.targets[0].underlying, Verdict::fail);
  ASSERT_TRUE(judgement.targets[0].waiver);
  EXPECT_EQ(judgement.exit_status, ExitStatus::pass);
  EXPECT_THAT(judgement.headline, HasSubstr("Passes with 1 waiver"));
  EXPECT_EQ(judgement.counts.at(Verdict::waived), 1);
}

TEST(Waivers, AllWaivedIsNoPass) {
  Scene scene;
  scene.targets.inventory = {eight_gpus()};
  scene.targets.waivers = {waiver_of("4.1.3")};
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.exit_status, ExitStatus::undecided);
  EXPECT_THAT(judgement.headline, HasSubstr("every mandatory clause is waived"));
  EXPECT_TRUE(has_finding(judgement.findings, "ASY-2013"));
}

TEST(Overall, TheWorstMandatoryClauseDecides) {
  // Order of badness: invalid, fail, missing, inconclusive, pass; scored and reported ones do not count.
  Scene scene;
  DocumentClause good;
  good.id = "good";
  good.by = "A. Buyer";
  good.date = "2026-11-22";
  DocumentClause missing = good;
  missing.id = "missing";
  missing.by = "";
  DocumentClause invalid = good;
  invalid.id = "invalid";
  invalid.file = "x";
  invalid.sha256 = "aa";
  scene.document_hashes["invalid"] = "bb";
  scene.targets.documents = {good, missing};
  EXPECT_EQ(scene.judged().overall, Verdict::missing);
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::undecided);
  EXPECT_THAT(scene.judged().headline, HasSubstr("Undecided: 1 of 2 mandatory clauses (1 missing)"));
  scene.targets.inventory = {eight_gpus()};
  scene.data.nodes = {{"n1", {{"gpus_per_node", std::int64_t{7}}}}};
  EXPECT_EQ(scene.judged().overall, Verdict::fail);
  EXPECT_THAT(scene.judged().headline, HasSubstr("Fails: 1 of 3 mandatory clauses; 1 undecided"));
  scene.targets.documents.push_back(invalid);
  EXPECT_EQ(scene.judged().overall, Verdict::invalid);
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::fail);
  scene.targets.documents[1].level = Level::scored;
  scene.targets.documents[2].level = Level::reported;
  scene.targets.inventory[0].level = Level::scored;
  EXPECT_EQ(scene.judged().overall, Verdict::pass);
  EXPECT_EQ(scene.judged().exit_status, ExitStatus::pass);
}

TEST(Coverage, SaysWhatTestsAClause) {
  Scene scene;
  scene.plan_gemm(1, Placement::each);
  scene.at_least(100);
  scene.at_least(100).where["m"] = {std::int64_t{999}};
  scene.launch(101.0);
  const Judgement judgement = scene.judged();
  EXPECT_EQ(judgement.coverage[0].coverage, Coverage::full);
  EXPECT_EQ(judgement.coverage[0].cases.size(), 1U);
  EXPECT_EQ(judgement.coverage[1].coverage, Coverage::none);
  EXPECT_EQ(judgement.targets[1].verdict, Verdict::missing);
  EXPECT_TRUE(has_finding(judgement.targets[1].findings, "ASY-5006"));
}

TEST(Cases, AreSummedUp) {
  Scene scene;
  scene.plan_gemm(2);
  scene.peaks["Test accelerator"]["bf16"] = {200, PeakBasis::theoretical, "data sheet"};
  scene.launch(testing::values({100, 104}));
  scene.launch({{102, CheckStatus::pass}, {500, CheckStatus::fail}});
  scene.lost(LaunchStatus::timeout, "too slow");
  const CaseSummary summary = scene.judged().cases.at(0);
  EXPECT_EQ(summary.launches, 3);
  EXPECT_EQ(summary.completed, 2);
  EXPECT_EQ(summary.check, "fail (1 of 4)");
  EXPECT_EQ(summary.status, "timeout: too slow");
  EXPECT_DOUBLE_EQ(*summary.figures.at(0).median, 102);  // the wrong 500 is no value
  EXPECT_DOUBLE_EQ(*summary.figures.at(0).maximum, 104);
  EXPECT_DOUBLE_EQ(*summary.figures.at(0).peak_share, 0.51);
}

TEST(Cases, EvidenceOutsideThePlanIsShownAndSaid) {
  Scene scene;
  scene.plan_gemm();
  scene.launch(101.0);
  scene.plan.cases.clear();
  const Judgement judgement = scene.judged();
  ASSERT_EQ(judgement.cases.size(), 1U);
  EXPECT_TRUE(has_finding(judgement.findings, "ASY-5004"));
}

TEST(Findings, TheTableIsInOrderAndComplete) {
  std::string last;
  for (const FindingKind& kind : finding_kinds()) {
    EXPECT_TRUE(std::regex_match(std::string(kind.code), std::regex("ASY-[1-5][0-9]{3}"))) << kind.code;
    EXPECT_LT(last, kind.code);
    EXPECT_FALSE(kind.title.empty());
    EXPECT_FALSE(kind.action.empty());
    last = kind.code;
  }
  EXPECT_EQ(finding_kind("ASY-1001").title, "check failed");
  EXPECT_THROW(finding_kind("ASY-0000"), std::out_of_range);
}

}  // namespace
}  // namespace assay
