// Campaigns by the real `assay` with a worker that misbehaves as told: nothing but good evidence may pass.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/whole.h"

namespace assay::whole {
namespace {

using testing::HasSubstr;
using testing::Not;

class Run : public WholeTest {
 protected:
  nlohmann::json verdicts() const {
    return nlohmann::json::parse(read_file(campaigns().back() / "verdicts.json"));
  }
  std::string records() const { return read_file(campaigns().back() / "records.jsonl"); }
};

TEST_F(Run, AGoodMachinePasses) {
  const Outcome outcome = campaign();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("report.html"));
  ASSERT_EQ(campaigns().size(), 1U);
  for (const char* file :
       {"plan.toml", "targets.toml", "site.toml", "machine.json", "journal.jsonl", "records.jsonl",
        "verdicts.json", "report.html", "junit.xml", "summary.md", "results.csv", "starts/1/request.json",
        "starts/1/stdout.txt", "starts/1/stderr.txt", "starts/1/command.txt", "starts/1/results.jsonl"}) {
    EXPECT_TRUE(fs::exists(campaigns()[0] / file)) << file;
  }
  EXPECT_EQ(read_file(campaigns()[0] / "plan.toml"), plan());  // byte for byte
  // Seven straight successes decide: no launch more.
  EXPECT_TRUE(fs::exists(campaigns()[0] / "starts/7"));
  EXPECT_FALSE(fs::exists(campaigns()[0] / "starts/8"));
  // Rotating order: the first case of start 1 is the second of start 2.
  EXPECT_THAT(read_file(campaigns()[0] / "starts/2/request.json"), HasSubstr("\"position\": 2"));
}

TEST_F(Run, ASlowMachineFails) {
  EXPECT_EQ(campaign("dtype=f64=slow").status, 1);
  EXPECT_THAT(read_file(folder_ / "out.txt"), HasSubstr("fail"));
}

TEST_F(Run, WhatIsWrongIsInvalid) {
  EXPECT_EQ(campaign("dtype=f64=wrong").status, 1);
}

TEST_F(Run, NoTroubleOfAWorkerEverPasses) {
  // Each of these comes at every launch of the case.
  for (const char* behaviour :
       {"unchecked", "unsupported", "says_failed", "crash", "exit3", "hang", "nothing", "silent", "garbage",
        "truncated", "nan", "schema", "unknown_key", "other_case", "other_start", "other_node", "duplicate",
        "planted", "no_devices"}) {
    fs::remove_all(folder_ / "campaigns");
    const Outcome outcome = campaign(std::string("dtype=f64=") + behaviour);
    EXPECT_TRUE(outcome.status == 1 || outcome.status == 2)
        << behaviour << ": " << outcome.status << outcome.err;
    // The other case is measured all the same: one bad case costs nobody else's evidence.
    EXPECT_THAT(records(), HasSubstr("\"dtype\":\"f32\"")) << behaviour;
    const auto all = verdicts();
    EXPECT_EQ(all["targets"][0]["verdict"].get<std::string>() == "pass", false) << behaviour;
    EXPECT_EQ(all["targets"][1]["verdict"], "pass") << behaviour;
  }
}

TEST_F(Run, ACrashIsOnRecordWithSignalAndLastWords) {
  EXPECT_EQ(campaign("dtype=f64=crash").status, 2);
  EXPECT_THAT(records(), HasSubstr("ended by SIGSEGV; last line of stderr: about to crash, as told"));
  EXPECT_THAT(read_file(folder_ / "err.txt"), HasSubstr("ASY-4003"));
}

TEST_F(Run, AHangIsATimeoutAndLeavesNothingBehind) {
  EXPECT_EQ(campaign("dtype=f64=stubborn@1").status, 0);  // one hang, then enough good launches
  EXPECT_THAT(records(), HasSubstr("\"status\":\"timeout\""));
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code error;
    const fs::path program = fs::read_symlink(entry.path() / "exe", error);
    if (program.filename() != "fake-worker") continue;
    std::ifstream command(entry.path() / "cmdline");
    std::stringstream text;
    text << command.rdbuf();
    EXPECT_THAT(text.str(), Not(HasSubstr(folder_.string())));
  }
}

TEST_F(Run, AfterACrashTheOtherCasesStartAgain) {
  // The crash comes in the case that is first in start 1; the other one is not lost and counts no trouble.
  EXPECT_EQ(campaign("dtype=f64=crash@1").status, 0);
  EXPECT_THAT(read_file(campaigns()[0] / "starts/2/request.json"), Not(HasSubstr("f64")));
}

TEST_F(Run, ARepeatedTroubleIsGivenUp) {
  campaign("dtype=f64=exit3");
  const std::string all = records();
  std::size_t failed = 0;
  for (std::size_t at = all.find("\"failed\""); at != std::string::npos; at = all.find("\"failed\"", at + 1))
    ++failed;
  EXPECT_EQ(failed, 3U);
}

TEST_F(Run, ZeroValuesAreNoSuccess) {
  const Outcome outcome = campaign("compute/gemm=unsupported");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, Not(HasSubstr("Passes")));
}

TEST_F(Run, EveryAttemptCounts) {
  // One slow launch: seven more do not wash it away. With f = 1 the eleventh launch decides:
  // (2^12 - 13) / (12 * 11) = 30.9 >= 20 > 18.5 after ten.
  EXPECT_EQ(campaign("dtype=f64=slow@2").status, 0);
  EXPECT_EQ(verdicts()["targets"][0]["parts"][0]["launches"].size(), 11U);
  // Two of twelve: not decided, 8100 / 858 = 9.4.
  fs::remove_all(folder_ / "campaigns");
  EXPECT_EQ(campaign("dtype=f64=slow@2,3").status, 2);
  EXPECT_EQ(verdicts()["targets"][0]["parts"][0]["launches"].size(), 12U);
}

TEST_F(Run, CtrlCKeepsWhatWasMeasured) {
  for (const int signal : {SIGINT, SIGTERM}) {
    fs::remove_all(folder_ / "campaigns");
    Process process = start(run_arguments(), {{"ASSAY_FAKE", "dtype=f32=hang@1"}});
    const auto hanging = [&] {
      if (campaigns().empty()) return false;
      std::error_code error;
      const fs::path results = campaigns()[0] / "starts/1/results.jsonl";
      return fs::exists(results, error) && read_file(results).find("\"position\":2") != std::string::npos;
    };
    while (!hanging() && !process.ended()) ::usleep(1000);
    ::kill(process.id(), signal);
    const Outcome outcome = finish(process);
    EXPECT_EQ(outcome.status, 130) << outcome.err;
    EXPECT_THAT(records(), HasSubstr("\"status\":\"completed\""));
    EXPECT_THAT(records(), HasSubstr(std::string("interrupted by ") + signal_name(signal)));
    EXPECT_TRUE(fs::exists(campaigns()[0] / "report.html"));
    EXPECT_THAT(read_file(campaigns()[0] / "journal.jsonl"), HasSubstr("\"event\":\"interrupted\""));
    EXPECT_EQ(assay({"judge", campaigns()[0].string()}).status, 2);
  }
}

TEST_F(Run, AKillLosesNoStartThatHadEnded) {
  Process process = start(run_arguments(), {{"ASSAY_FAKE", "dtype=f64=hang@3"}});
  const auto in_third = [&] {
    std::error_code error;
    return !campaigns().empty() && fs::exists(campaigns()[0] / "starts/3/results.jsonl", error);
  };
  while (!in_third() && !process.ended()) ::usleep(1000);
  ::kill(process.id(), SIGKILL);
  EXPECT_EQ(finish(process).signal, SIGKILL);
  std::size_t lines = 0;
  for (const char c : records()) lines += c == '\n' ? 1 : 0;
  EXPECT_EQ(lines, 4U);  // two starts of two cases
  const Outcome judged = assay({"judge", campaigns()[0].string()});
  EXPECT_EQ(judged.status, 2) << judged.err;
  EXPECT_THAT(judged.out, HasSubstr("ASY-4007"));
}

TEST_F(Run, AFullDiskStopsWithAMessageAndValidEvidence) {
  const fs::path disk = folder_ / "campaigns";
  fs::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "mounting a small disk is not permitted here";
  const Outcome outcome = campaign("dtype=f32=fills@3");
  EXPECT_EQ(outcome.status, 4) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("No space left on device"));
  EXPECT_THAT(outcome.err, HasSubstr("free some space"));
  // What was written stays valid: the first two starts are there and can be judged.
  const Outcome judged = assay({"judge", campaigns()[0].string()});
  EXPECT_EQ(judged.status, 2) << judged.err;
  EXPECT_THAT(judged.out, HasSubstr("2/3"));
  ::umount(disk.c_str());
}

TEST_F(Run, TheSecondCampaignContinuesTheFirst) {
  // Ten launches in all; none of the two campaigns alone could decide with its first slow launches.
  EXPECT_EQ(campaign().status, 0);
  const Outcome second = campaign("dtype=f64=slow");
  EXPECT_THAT(second.err, HasSubstr("continues the launches of 1 earlier campaign"));
  EXPECT_THAT(second.err, HasSubstr("campaign 2 of these targets"));
  // Each case was launched at least once, though all targets were decided before.
  EXPECT_TRUE(fs::exists(campaigns()[1] / "starts/1/results.jsonl"));
  EXPECT_EQ(verdicts()["campaigns"].size(), 2U);
}

TEST_F(Run, NoBestOfN) {
  EXPECT_EQ(campaign("dtype=f64=slow").status, 1);
  // The bad campaign counts: a second, good one does not wash it away.
  EXPECT_EQ(campaign().status, 1);
  // Nor does removing it.
  fs::remove_all(campaigns()[0]);
  const Outcome third = campaign();
  EXPECT_EQ(third.status, 2) << third.out;
  EXPECT_THAT(third.out, HasSubstr("ASY-4009"));
  // Nor does altering the register.
  std::string text = read_file(folder_ / "campaigns/REGISTER.jsonl");
  write("campaigns/REGISTER.jsonl", text.substr(text.find('\n') + 1));
  EXPECT_EQ(campaign().status, 3);
}

TEST_F(Run, EachNodeAloneSideBySide) {
  std::string content = plan();
  write("plan.toml", content.replace(content.find("nodes = 1"), 9, "nodes = \"each\""));
  std::string site = read_file(folder_ / "site.toml");
  write("site.toml", site.replace(site.find("worker"), 0, "hosts = [\"n1\", \"n2\"]\n"));
  EXPECT_EQ(campaign().status, 0) << read_file(folder_ / "err.txt");
  for (const char* node : {"n1", "n2"}) {
    EXPECT_TRUE(fs::exists(campaigns()[0] / "starts/1" / node / "results.jsonl"));
    EXPECT_THAT(records(), HasSubstr(std::string("\"node\":\"") + node + "\""));
  }
  EXPECT_EQ(verdicts()["targets"][0]["parts"][0]["devices"], 2);
}

TEST_F(Run, ANodeThatComputesOtherBitsIsNamedAndNothingOfItPasses) {
  std::string content = plan();
  write("plan.toml", content.replace(content.find("nodes = 1"), 9, "nodes = \"each\""));
  std::string site = read_file(folder_ / "site.toml");
  write("site.toml", site.replace(site.find("worker"), 0, "hosts = [\"n1\", \"n2\", \"n3\"]\n"));
  // Start 2 has another seed than start 1, so other fingerprints: they are not compared with each other.
  EXPECT_EQ(campaign("compute/gemm=fingerprint").status, 0) << read_file(folder_ / "out.txt");
  fs::remove_all(folder_ / "campaigns");
  const Outcome outcome =
      assay(run_arguments(),
            {{"ASSAY_FAKE", "dtype=f64=flipped@2;compute/gemm=fingerprint"}, {"ASSAY_FAKE_FLIPPED", "n2"}});
  EXPECT_EQ(outcome.status, 1) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("ASY-1016"));
  const auto all = verdicts();
  EXPECT_EQ(all["targets"][0]["verdict"], "invalid");
  EXPECT_THAT(all["targets"][0]["reason"].get<std::string>(),
              HasSubstr("node n2 computes something else in compute/gemm: fingerprint "));
  EXPECT_THAT(all["targets"][0]["reason"].get<std::string>(),
              HasSubstr(" in start 2 where the other 2 have "));
  EXPECT_EQ(all["targets"][1]["verdict"], "pass");
  // It is settled: no launch more is spent on it.
  EXPECT_EQ(all["targets"][0]["parts"][0]["launches"].size(), 2U);
  EXPECT_EQ(assay({"judge", campaigns().back().string()}).status, 1);
}

TEST_F(Run, LaunchesAreSpaced) {
  std::string content = plan();
  write("plan.toml", content.replace(content.find("[[case]]"), 0, "spacing = \"20 ms\"\n"));
  EXPECT_EQ(campaign().status, 0) << read_file(folder_ / "err.txt");
}

TEST_F(Run, AttachmentsAreKeptAndAResultWithoutItsOwnIsNone) {
  EXPECT_EQ(campaign("dtype=f64=attaches").status, 0);
  const std::string hash = sha256_hex("attached in start 1");
  EXPECT_EQ(read_file(campaigns()[0] / "attachments" / hash), "attached in start 1");
  EXPECT_THAT(records(), HasSubstr(hash));
  EXPECT_FALSE(fs::exists(campaigns()[0] / "starts/1/attachments"));
  for (const char* behaviour : {"attaches_nothing", "attaches_other"}) {
    fs::remove_all(folder_ / "campaigns");
    EXPECT_NE(campaign(std::string("dtype=f64=") + behaviour).status, 0) << behaviour;
    EXPECT_NE(verdicts()["targets"][0]["verdict"], "pass") << behaviour;
    EXPECT_THAT(records(), HasSubstr("attachment " + hash)) << behaviour;
  }
}

TEST_F(Run, WhatACrashLeavesInTheCampaignsOwnStorageIsRemoved) {
  const std::string content = plan() +
                              "[[case]]\nbenchmark = \"io/metadata\"\nparameters = { files = 1 }\n"
                              "geometry = { nodes = 1, ranks_per_node = 1 }\ntime_limit = \"1 s\"\n";
  write("plan.toml", content);
  EXPECT_EQ(campaign("io/metadata=litters").status, 0);
  EXPECT_THAT(records(), HasSubstr("ended by SIG"));
  EXPECT_FALSE(fs::exists(campaigns()[0] / "scratch"));
  // A folder that somebody gave is not ours to clear.
  fs::remove_all(folder_ / "campaigns");
  fs::create_directories(folder_ / "given");
  EXPECT_EQ(
      assay(run_arguments({"--storage", path("given")}), {{"ASSAY_FAKE", "io/metadata=litters"}}).status, 0);
  EXPECT_TRUE(fs::exists(folder_ / "given/left"));
}

TEST_F(Run, DryRunShowsEveryCommandAndRunsNothing) {
  const Outcome outcome = assay(run_arguments({"--dry-run"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("fake-mpiexec -n 1 -env ASSAY_NODE"));
  EXPECT_THAT(outcome.out, HasSubstr("--request"));
  EXPECT_FALSE(fs::exists(folder_ / "campaigns"));
}

TEST_F(Run, QuietSaysNothing) {
  const Outcome outcome = assay(run_arguments({"--quiet"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Run, AMissingLauncherNamesThePackage) {
  write("site.toml", "schema = \"assay.site/1\"\nworker = \"" + programs + "/fake-worker\"\n");
  const Outcome outcome = assay(run_arguments(), {{"PATH", "/nonexistent"}});
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.err, HasSubstr("apt install mpich"));
  EXPECT_FALSE(fs::exists(folder_ / "campaigns"));  // nothing was begun
}

TEST_F(Run, AMissingWorkerIsSaidBeforeAnythingRuns) {
  const Outcome outcome = assay(run_arguments({"--worker", "/nonexistent/assay-bench"}));
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.err, HasSubstr("--worker names /nonexistent/assay-bench"));
}

TEST_F(Run, TheRealLauncherServesTheSameCampaign) {
  if (find_program("mpiexec.hydra").empty()) GTEST_SKIP() << "MPICH's mpiexec is not installed";
  write("site.toml", "schema = \"assay.site/1\"\nworker = \"" + programs +
                         "/fake-worker\"\n[launcher]\nprogram = \"mpiexec.hydra\"\n");
  EXPECT_EQ(campaign("dtype=f64=crash@1").status, 0);
  EXPECT_THAT(records(), HasSubstr("ended by SIGSEGV"));
  fs::remove_all(folder_ / "campaigns");
  EXPECT_EQ(campaign("dtype=f64=stubborn@1").status, 0);
  EXPECT_THAT(records(), HasSubstr("\"status\":\"timeout\""));
}

TEST_F(Run, ReportsOfEveryFormat) {
  campaign();
  const std::string folder = campaigns()[0].string();
  EXPECT_THAT(assay({"report", folder, "--json", "-"}).out, HasSubstr("assay.verdicts/1"));
  EXPECT_THAT(assay({"report", folder, "--junit", "-"}).out, HasSubstr("<testsuite"));
  EXPECT_THAT(assay({"report", folder, "--markdown", "-"}).out, HasSubstr("Double precision"));
  EXPECT_THAT(assay({"report", folder, "--csv", "-"}).out, HasSubstr(","));
  EXPECT_EQ(assay({"report", folder, "--html", path("x.html")}).status, 0);
  EXPECT_THAT(read_file(folder_ / "x.html"), HasSubstr("<html"));
  // Derived files may be deleted and built again.
  for (const char* file : {"verdicts.json", "report.html", "junit.xml", "summary.md", "results.csv"}) {
    fs::remove(campaigns()[0] / file);
  }
  EXPECT_EQ(assay({"report", folder}).status, 0);
  EXPECT_TRUE(fs::exists(campaigns()[0] / "verdicts.json"));
}

TEST_F(Run, OtherTargetsJudgeTheSameEvidenceAgain) {
  campaign();
  std::string stricter = targets();
  stricter.replace(stricter.find("500"), 3, "5000");
  write("stricter.toml", stricter);
  const Outcome outcome = assay({"judge", campaigns()[0].string(), "--targets", path("stricter.toml")});
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("ASY-5005"));
}

TEST_F(Run, DocumentsAreKeptByTheirHash) {
  write("maintenance.txt", "we promise");
  write("targets.toml", targets() +
                            "[[document]]\nid = \"7.1\"\ntitle = \"Maintenance plan\"\nby = \"A. Person\"\n"
                            "date = \"2026-11-01\"\nfile = \"maintenance.txt\"\nsha256 = \"" +
                            sha256_hex("we promise") + "\"\n");
  EXPECT_EQ(campaign().status, 0) << read_file(folder_ / "out.txt");
  EXPECT_TRUE(fs::exists(campaigns()[0] / "attachments" / sha256_hex("we promise")));
  // Exchanged afterwards: found out.
  write("campaigns/" + campaigns()[0].filename().string() + "/attachments/" + sha256_hex("we promise"),
        "we do not");
  EXPECT_NE(assay({"judge", campaigns()[0].string()}).status, 0);
}

}  // namespace
}  // namespace assay::whole
