// Silent data corruption: who is named, who is believed, and what is left uncompared; then as verdicts.
#include "reports/judge/fingerprints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/judge/scene_testing.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::has_finding;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Scene;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// The last digit's lowest bit is what was flipped.
const char* const right = "77b0e4f2a1c6 (3 steps, seed 7)";
const char* const flipped = "77b0e4f2a1c7 (3 steps, seed 7)";

FingerprintComparison compared(const std::vector<Computed>& all) {
  return compare_fingerprints("training/llm_step", all);
}

TEST(Fingerprints, ThatAgreeSayNothing) {
  const auto result = compared({{"n1", 1, 0, 1, right}, {"n2", 1, 0, 1, right}, {"n3", 1, 0, 1, right}});
  EXPECT_THAT(result.disbelieved, IsEmpty());
  EXPECT_THAT(result.sentences, IsEmpty());
  EXPECT_THAT(result.notes, IsEmpty());
  EXPECT_THAT(compared({}).sentences, IsEmpty());
  EXPECT_THAT(compared({{"n1", 1, 0, 1, right}}).sentences, IsEmpty());
}

TEST(Fingerprints, OneFlippedBitNamesTheNode) {
  std::vector<Computed> all;
  for (const char* node : {"n1", "n2", "n4", "n5", "n6"}) all.push_back({node, 1, 0, 2, right});
  all.push_back({"n3", 1, 0, 2, flipped});
  const auto result = compared(all);
  EXPECT_THAT(result.disbelieved, ElementsAre(Launched{"n3", 0, 2}));
  EXPECT_THAT(result.sentences,
              ElementsAre("node n3 computes something else in training/llm_step: fingerprint 77b0e4f2a1c7 in "
                          "start 2 where the other 5 have 77b0e4f2a1c6; repeat the case there and test its "
                          "memory"));
}

TEST(Fingerprints, OfTwoNodesNobodyKnowsWhichIsRight) {
  const auto result = compared({{"n1", 1, 0, 1, right}, {"n2", 1, 0, 1, flipped}});
  EXPECT_THAT(result.disbelieved, ElementsAre(Launched{"n1", 0, 1}, Launched{"n2", 0, 1}));
  EXPECT_THAT(
      result.sentences,
      ElementsAre("nodes n1 and n2 compute different things from the same input in "
                  "training/llm_step, and no majority tells which is wrong: fingerprint 77b0e4f2a1c6 "
                  "in start 1 on n1 and 77b0e4f2a1c7 in start 1 on n2; repeat the case on each of them "
                  "and on another node, and test their memory"));
}

TEST(Fingerprints, TwoEqualMinoritiesLeaveNoMajority) {
  // Two against two with one that agrees with nobody, and a half against a half: not more than half.
  for (const char* last : {"0123 (3 steps, seed 7)", flipped}) {
    std::vector<Computed> all = {{"n1", 1, 0, 1, right}, {"n2", 1, 0, 1, flipped}, {"n3", 1, 0, 1, right}};
    if (last == flipped) {
      all.push_back({"n4", 1, 0, 1, flipped});
    } else {
      all.push_back({"n4", 1, 0, 1, flipped});
      all.push_back({"n5", 1, 0, 1, last});
    }
    const auto result = compared(all);
    EXPECT_THAT(result.disbelieved, SizeIs(all.size()));
    ASSERT_THAT(result.sentences, SizeIs(1));
    EXPECT_THAT(result.sentences[0], HasSubstr("no majority"));
  }
}

TEST(Fingerprints, ANodeThatDisagreesWithItselfIsUnreliable) {
  std::vector<Computed> all = {{"n1", 1, 0, 3, flipped}};
  for (const int campaign : {-3, -2, -1}) all.push_back({"n1", 1, campaign, 3, right});
  auto result = compared(all);
  EXPECT_THAT(result.disbelieved, ElementsAre(Launched{"n1", 0, 3}));
  EXPECT_THAT(result.sentences,
              ElementsAre("node n1 computes something else in training/llm_step: fingerprint 77b0e4f2a1c7 in "
                          "start 3 where its other 3 launches have 77b0e4f2a1c6 (1 of its 4 launches "
                          "compared); repeat the case there and test its memory"));
  // Beside a node that confirms the one of its two: 1.5 of 2 votes.
  result = compared({{"n1", 1, -1, 3, flipped}, {"n1", 1, 0, 3, right}, {"n2", 1, 0, 3, right}});
  EXPECT_THAT(result.disbelieved, ElementsAre(Launched{"n1", -1, 3}));
  EXPECT_THAT(result.sentences[0], HasSubstr("in start 3 of an earlier campaign where the other has"));
  // One against one of a single node: neither counts.
  result = compared({{"n1", 1, -1, 3, flipped}, {"n1", 1, 0, 3, right}});
  EXPECT_THAT(result.disbelieved, SizeIs(2));
  EXPECT_THAT(result.sentences[0],
              AllOf(StartsWith("node n1 computes different things"), HasSubstr("of an earlier campaign")));
}

TEST(Fingerprints, ManyLaunchesOfOneNodeDoNotOutvoteTheOthers) {
  std::vector<Computed> all = {{"n1", 1, 0, 1, right}, {"n2", 1, 0, 1, right}};
  for (int campaign = -9; campaign <= 0; ++campaign) all.push_back({"n3", 1, campaign, 1, flipped});
  EXPECT_THAT(compared(all).disbelieved, SizeIs(10));
  all.erase(all.begin());  // one against ten of another: still one node against one
  EXPECT_THAT(compared(all).disbelieved, SizeIs(11));
  // Thirds that add up to exactly one of two votes are no majority.
  all = {{"n1", 1, -2, 1, right},   {"n1", 1, -1, 1, right}, {"n1", 1, 0, 1, flipped},
         {"n2", 1, -2, 1, flipped}, {"n2", 1, -1, 1, right}, {"n2", 1, 0, 1, flipped}};
  EXPECT_THAT(compared(all).disbelieved, SizeIs(6));
}

TEST(Fingerprints, OtherSeedsStepsOrGroupsAreNotCompared) {
  const auto result = compared({{"n1", 1, 0, 1, "77b0 (3 steps, seed 7)"},
                                {"n1", 1, 0, 2, "1111 (3 steps, seed 8)"},
                                {"n2", 1, 0, 3, "2222 (4 steps, seed 7)"},
                                {"n2", 2, 0, 4, "3333 (3 steps, seed 7)"},
                                {"n3", 1, 0, 5, "4444"}});
  EXPECT_THAT(result.disbelieved, IsEmpty());
  EXPECT_THAT(result.notes, IsEmpty());
}

TEST(Fingerprints, OtherKernelsAreNotComparedAndItIsSaid) {
  const char* const wide = "instruction_set avx512\nlibrary oneDNN 2.6\n";
  const char* const narrow = "instruction_set avx2\nlibrary oneDNN 2.6\n";
  auto result = compared({{"n1", 1, 0, 1, right, wide},
                          {"n2", 1, 0, 1, right, wide},
                          {"n3", 1, 0, 1, "4444 (3 steps, seed 7)", narrow},
                          {"n4", 1, 0, 1, "5555 (3 steps, seed 7)", wide, "cpu_model other\n"}});
  EXPECT_THAT(result.disbelieved, IsEmpty());
  EXPECT_THAT(
      result.notes,
      UnorderedElementsAre(
          "fingerprints of n3 are not compared with that of n1: instruction_set: avx2 against avx512",
          "fingerprints of n4 are not compared with that of n1: cpu_model: other against not stated"));
  // Among themselves those of the other kind are compared.
  result = compared({{"n1", 1, 0, 1, right, wide},
                     {"n2", 1, 0, 1, right, wide},
                     {"n3", 1, 0, 1, right, wide},
                     {"n4", 1, 0, 1, "4444 (3 steps, seed 7)", narrow},
                     {"n5", 1, 0, 1, "5555 (3 steps, seed 7)", narrow}});
  EXPECT_THAT(result.disbelieved, ElementsAre(Launched{"n4", 0, 1}, Launched{"n5", 0, 1}));
}

TEST(Fingerprints, ANodeIsToldOnceAndTheWorstFirst) {
  std::vector<Computed> all;
  const std::vector<std::string> rights = {"a (1)", "a (2)", "a (3)", "a (4)"};
  for (int start = 1; start <= 4; ++start) {
    const std::string_view good = rights[static_cast<std::size_t>(start - 1)];
    for (const char* node : {"n1", "n2", "n3", "n4", "n5"}) all.push_back({node, 1, 0, start, good});
  }
  all[0].fingerprint = "x (1)";  // n1 in start 1
  all[8].fingerprint = "y (2)";  // n4 in starts 2 and 3
  all[13].fingerprint = "z (3)";
  const auto result = compared(all);
  EXPECT_THAT(result.disbelieved,
              ElementsAre(Launched{"n1", 0, 1}, Launched{"n4", 0, 2}, Launched{"n4", 0, 3}));
  ASSERT_THAT(result.sentences, SizeIs(2));
  EXPECT_THAT(result.sentences[0], AllOf(StartsWith("node n4 "), HasSubstr("fingerprint y in start 2"),
                                         HasSubstr("(2 of its 4 launches compared)")));
  EXPECT_THAT(result.sentences[1], StartsWith("node n1 "));
}

TEST(Fingerprints, AnEmptyOneIsOneLikeAnyOther) {
  EXPECT_THAT(compared({{"n1", 1, 0, 1, ""}, {"n2", 1, 0, 1, ""}}).disbelieved, IsEmpty());
  EXPECT_THAT(compared({{"n1", 1, 0, 1, " (1)"}, {"n2", 1, 0, 1, "a (1)"}}).disbelieved, SizeIs(2));
}

TEST(Fingerprints, GroupsAreNamedByTheirFirstNode) {
  const auto result = compared({{"n1", 4, -2, 1, right}, {"n1", 4, -1, 1, right}, {"n1", 4, 0, 1, flipped}});
  ASSERT_THAT(result.sentences, SizeIs(1));
  EXPECT_THAT(result.sentences[0], StartsWith("the group of 4 nodes with rank 0 on n1 computes something"));
}

TEST(Fingerprints, ManyDifferentOnesTakeNoLonger) {
  // 200,000 records that all differ, in one set: quadratic work would not end.
  std::vector<std::string> texts, nodes;
  for (int i = 0; i < 200000; ++i) {
    texts.push_back(std::to_string(i) + " (same)");
    nodes.push_back("n" + std::to_string(i));
  }
  std::vector<Computed> all;
  for (std::size_t i = 0; i < texts.size(); ++i) all.push_back({nodes[i], 1, 0, 1, texts[i]});
  EXPECT_THAT(compared(all).disbelieved, SizeIs(all.size()));
}

// ---- As verdicts ----------------------------------------------------------------------------------------

class Fleet : public Scene {
 public:
  Fleet() {
    plan_gemm(1, Placement::each);
    at_least(100);
  }
  /// One start: what each node's path says. An empty fingerprint: none.
  void start(const std::map<std::string, std::string>& nodes, const std::string& kernel = "avx512",
             CheckStatus check = CheckStatus::pass) {
    ++start_;
    for (const auto& [node, fingerprint] : nodes) {
      Record one = record(planned(), start_, node, {{200, check}});
      one.path["kernel"] = kernel;
      if (!fingerprint.empty()) one.path["fingerprint"] = fingerprint;
      data.add(one, campaign);
    }
  }
  std::string reason() const { return judged().targets.at(0).reason; }

 private:
  int start_ = 0;
};

std::string of_seed(const std::string& word, int seed) {
  return word + " (3 steps, seed " + std::to_string(seed) + ")";
}

TEST(FingerprintVerdict, ThatAgreeInEachStartPass) {
  Fleet fleet;
  for (int seed = 1; seed <= 7; ++seed) {
    const std::string same = of_seed(std::to_string(seed * 1111), seed);
    fleet.start({{"n1", same}, {"n2", same}, {"n3", same}});
  }
  EXPECT_EQ(fleet.verdict(), Verdict::pass);
  EXPECT_EQ(fleet.judged().cases.at(0).check, "pass");
}

TEST(FingerprintVerdict, OneCorruptedLaunchOfManyIsInvalidAndNamesTheNode) {
  Fleet fleet;
  for (int seed = 1; seed <= 20; ++seed) {
    const std::string same = of_seed("aaaa", seed);
    fleet.start({{"n1", same}, {"n2", seed == 12 ? of_seed("aaab", seed) : same}, {"n3", same}});
  }
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
  EXPECT_THAT(fleet.reason(),
              StartsWith("node n2 computes something else in compute/gemm: fingerprint aaab in "
                         "start 12 where the other 2 have aaaa (1 of its 20 launches compared)"));
  const Judgement judgement = fleet.judged();
  EXPECT_TRUE(has_finding(judgement.targets[0].findings, "ASY-1016"));
  EXPECT_FALSE(has_finding(judgement.findings, "ASY-1016"));  // told where it matters, once
  EXPECT_EQ(judgement.exit_status, ExitStatus::fail);
  EXPECT_THAT(judgement.cases.at(0).check, HasSubstr("1 with other bits"));
  EXPECT_TRUE(settled(fleet.input()).at(0));
}

TEST(FingerprintVerdict, WithoutAMajorityNothingPasses) {
  Fleet fleet;
  for (int seed = 1; seed <= 7; ++seed)
    fleet.start({{"n1", of_seed("aaaa", seed)}, {"n2", of_seed(seed == 7 ? "bbbb" : "aaaa", seed)}});
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
  EXPECT_THAT(fleet.reason(), HasSubstr("n1 and n2 compute different things"));
}

TEST(FingerprintVerdict, OtherKernelsAreANoteAndNoTrouble) {
  Fleet fleet;
  for (int seed = 1; seed <= 7; ++seed) {
    fleet.start({{"n1", of_seed("aaaa", seed)}, {"n2", of_seed("aaaa", seed)}});
  }
  Record other = fleet.record(fleet.planned(), 1, "n3", {{200, CheckStatus::pass}});
  other.path = {{"kernel", "avx2"}, {"fingerprint", of_seed("bbbb", 1)}};
  for (int start = 1; start <= 7; ++start) {
    other.start = start;
    fleet.data.add(other);
  }
  EXPECT_EQ(fleet.verdict(), Verdict::pass);
  const Judgement judgement = fleet.judged();
  ASSERT_TRUE(has_finding(judgement.findings, "ASY-1017"));
  for (const Finding& finding : judgement.findings) {
    if (finding.code == "ASY-1017") {
      EXPECT_THAT(finding.text, HasSubstr("kernel: avx2 against avx512"));
    }
  }
}

TEST(FingerprintVerdict, OtherProcessorsAreNotCompared) {
  Fleet fleet;
  for (int seed = 1; seed <= 7; ++seed)
    fleet.start({{"n1", of_seed("aaaa", seed)}, {"n2", of_seed("b", seed)}});
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
  fleet.data.nodes = {{"n1", {{"cpu_model", std::string("X")}}}, {"n2", {{"cpu_model", std::string("Y")}}}};
  EXPECT_EQ(fleet.verdict(), Verdict::pass);
  // A node of which nothing is known is compared.
  fleet.data.nodes.pop_back();
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
}

TEST(FingerprintVerdict, RecordsThatDoNotCountAccuseNobody) {
  // A failed check is told as such; its bits are no vote against the one that is right.
  Fleet fleet;
  fleet.start({{"n1", of_seed("aaaa", 1)}});
  Record wrong = fleet.record(fleet.planned(), 1, "n2", {{200, CheckStatus::fail}});
  wrong.path = {{"kernel", "avx512"}, {"fingerprint", of_seed("bbbb", 1)}};
  fleet.data.add(wrong);
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
  EXPECT_THAT(fleet.reason(), HasSubstr("check"));
  EXPECT_FALSE(has_finding(fleet.judged().targets[0].findings, "ASY-1016"));
}

TEST(FingerprintVerdict, EarlierCampaignsAreComparedUnlessJudgedAlone) {
  Fleet fleet;
  fleet.campaign = -1;
  fleet.data.add(
      [&] {
        Record one = fleet.record(fleet.planned(), 1, "n1", {{200, CheckStatus::pass}});
        one.path = {{"kernel", "avx512"}, {"fingerprint", of_seed("bbbb", 1)}};
        return one;
      }(),
      -1);
  fleet.campaign = 0;
  for (int seed = 1; seed <= 7; ++seed) fleet.start({{"n1", of_seed("aaaa", seed)}});
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
  EXPECT_THAT(fleet.reason(), HasSubstr("start 1 of an earlier campaign"));
  fleet.targets.continue_campaigns = false;
  EXPECT_EQ(fleet.verdict(), Verdict::pass);
}

TEST(FingerprintVerdict, ACaseWithoutTargetIsToldOfAllTheSame) {
  Fleet fleet;
  fleet.targets.targets.clear();
  fleet.start({{"n1", of_seed("aaaa", 1)}, {"n2", of_seed("aaaa", 1)}, {"n3", of_seed("bbbb", 1)}});
  const Judgement judgement = fleet.judged();
  EXPECT_TRUE(has_finding(judgement.findings, "ASY-1016"));
}

TEST(FingerprintVerdict, AReferenceOfOtherBitsSpoilsTheRatio) {
  Fleet fleet;
  fleet.plan_gemm(1, Placement::each, 1, 4096);
  fleet.targets.targets.clear();
  Target& target = fleet.at_least(0);
  target.where = {{"m", {std::int64_t{4096}}}};
  target.of_where = {{"m", {std::int64_t{2048}}}};
  target.at_least = Limit{LimitKind::of_figure, 0.5, "compute/gemm", "rate", "50 % of compute/gemm.rate"};
  for (int seed = 1; seed <= 7; ++seed) {
    fleet.start(
        {{"n1", of_seed("aaaa", seed)}, {"n2", of_seed("aaaa", seed)}, {"n3", of_seed("aaab", seed)}});
    for (const char* node : {"n1", "n2", "n3"})
      fleet.data.add(fleet.record(fleet.planned(1), seed, node, {{200, CheckStatus::pass}}));
  }
  EXPECT_EQ(fleet.verdict(), Verdict::invalid);
  EXPECT_THAT(fleet.reason(), StartsWith("node n3 computes something else"));
}

}  // namespace
}  // namespace assay
