#include "runners/campaign/assess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runners/cli/console.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TargetVerdict target(Verdict verdict, PartVerdict::Kind kind = PartVerdict::Kind::at_least) {
  TargetVerdict one;
  one.id = "1";
  one.verdict = one.underlying = verdict;
  one.parts.resize(1);
  one.parts[0].kind = kind;
  one.parts[0].verdict = verdict;
  return one;
}

Judgement judgement_of(std::vector<TargetVerdict> targets, Verdict overall, ExitStatus status) {
  Judgement judgement;
  for (const TargetVerdict& one : targets) ++judgement.counts[one.verdict];
  judgement.targets = std::move(targets);
  judgement.overall = overall;
  judgement.exit_status = status;
  judgement.headline = "as before";
  return judgement;
}

TEST(AbsentEvidence, TurnsAPassIntoInconclusive) {
  Judgement judgement =
      judgement_of({target(Verdict::pass), target(Verdict::pass)}, Verdict::pass, ExitStatus::pass);
  downgrade_for_absent_evidence(judgement, {"quick-1"});
  EXPECT_EQ(judgement.targets[0].verdict, Verdict::inconclusive);
  EXPECT_EQ(judgement.targets[0].parts[0].verdict, Verdict::inconclusive);
  EXPECT_EQ(judgement.overall, Verdict::inconclusive);
  EXPECT_EQ(judgement.exit_status, ExitStatus::undecided);
  EXPECT_THAT(judgement.headline, HasSubstr("Undecided"));
  EXPECT_THAT(judgement.counts, ElementsAre(Pair(Verdict::inconclusive, 2)));
  ASSERT_EQ(judgement.targets[0].findings.size(), 1U);
  EXPECT_EQ(judgement.targets[0].findings[0].code, "ASY-4009");
  EXPECT_THAT(judgement.targets[0].reason, HasSubstr("quick-1"));
}

TEST(AbsentEvidence, LeavesEverythingElse) {
  Judgement judgement =
      judgement_of({target(Verdict::fail), target(Verdict::pass, PartVerdict::Kind::document)}, Verdict::fail,
                   ExitStatus::fail);
  downgrade_for_absent_evidence(judgement, {"quick-1"});
  EXPECT_EQ(judgement.targets[0].verdict, Verdict::fail);
  EXPECT_EQ(judgement.targets[1].verdict, Verdict::pass);  // a document does not rest on launches
  EXPECT_EQ(judgement.exit_status, ExitStatus::fail);
  EXPECT_EQ(judgement.headline, "as before");

  Judgement whole = judgement_of({target(Verdict::pass)}, Verdict::pass, ExitStatus::pass);
  downgrade_for_absent_evidence(whole, {});
  EXPECT_EQ(whole.overall, Verdict::pass);

  // A scored target may lose its pass without the headline.
  Judgement scored =
      judgement_of({target(Verdict::pass, PartVerdict::Kind::inventory), target(Verdict::pass)},
                   Verdict::pass, ExitStatus::pass);
  scored.targets[1].level = Level::scored;
  downgrade_for_absent_evidence(scored, {"x"});
  EXPECT_EQ(scored.targets[1].verdict, Verdict::inconclusive);
  EXPECT_EQ(scored.exit_status, ExitStatus::pass);
}

TEST(MachineLines, ReadingOrderUnitsAndDifferences) {
  Machine machine;
  machine.nodes = {{"n1",
                    {{"zeta", std::int64_t{1}},
                     {"memory_bytes", std::int64_t{8000000000}},
                     {"cpu_model", "A"},
                     {"smt", true}}},
                   {"n2",
                    {{"zeta", std::int64_t{1}},
                     {"memory_bytes", std::int64_t{8000000000}},
                     {"cpu_model", "B"},
                     {"smt", true}}}};
  machine.about = {{"mpi.library", "MPICH"}};
  EXPECT_THAT(machine_lines(machine),
              ElementsAre(Pair("nodes", "2"), Pair("cpu_model", "A (1 nodes); B (1 nodes)"),
                          Pair("memory_bytes", HasSubstr("GB")), Pair("smt", "yes"), Pair("zeta", "1"),
                          Pair("mpi.library", "MPICH")));
  EXPECT_TRUE(machine_lines({}).empty());
}

TEST(StatusLine, ShowsCaseLaunchesIntervalAndEValues) {
  Judgement judgement;
  judgement.targets = {target(Verdict::missing)};
  PartVerdict& part = judgement.targets[0].parts[0];
  part.case_key = "key";
  part.unit = "FLOP/s";
  part.interval = {4e11, 4.2e11};
  part.e_pass = 6.2;
  part.e_fail = 0.125;
  ProgressState state;
  state.label = "compute/gemm dtype=f32";
  state.case_key = "key";
  state.launches = 4;
  state.most_launches = 12;
  state.left_s = 40;
  EXPECT_EQ(status_text(state), "4/12, 40 s left: compute/gemm dtype=f32");
  state.judged = &judgement;
  EXPECT_EQ(status_text(state),
            "4/12, 40 s left, E pass 6.2 fail 0.125, 400.0 GFLOP/s to 420.0 GFLOP/s: compute/gemm dtype=f32");
}

std::string shown(Console::Style style, int width) {
  char* buffer = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&buffer, &size);
  {
    Console console(stream, style, width);
    ProgressState state;
    state.label = "a label that is long enough to be cut";
    state.start = 3;
    state.left_s = 9;
    console.running(state);
    console.start_ended(state, "2 of 2 cases completed");
    console.note("read this");
  }
  std::fclose(stream);
  std::string text(buffer, size);
  std::free(buffer);
  return text;
}

TEST(Console, EachStyleSaysWhatItShould) {
  EXPECT_EQ(shown(Console::Style::quiet, 80), "");
  const std::string lines = shown(Console::Style::lines, 80);
  EXPECT_EQ(lines.find('\x1b'), std::string::npos);
  EXPECT_THAT(lines, HasSubstr("start 3: 2 of 2 cases completed"));
  EXPECT_THAT(lines, HasSubstr("read this\n"));
  EXPECT_EQ(shown(Console::Style::terminal, 30), "\r\x1b[K[3] 0/0, 9 s left: a label th\r\x1b[Kread this\n");
}

}  // namespace
}  // namespace assay
