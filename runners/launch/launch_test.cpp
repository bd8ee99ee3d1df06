// Processes, the launcher's commands, sites.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "runners/launch/launcher.h"
#include "runners/launch/process.h"
#include "runners/launch/site.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    folder_ = fs::temp_directory_path() / ("assay-process-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  ~ProcessTest() override { fs::remove_all(folder_); }

  ProcessEnd run(const Arguments& arguments, const Environment& environment = {}) {
    Process process({arguments, environment, folder_ / "out", folder_ / "err"});
    for (;;) {
      if (const auto end = process.ended()) return *end;
      ::usleep(1000);
    }
  }
  std::string out() const { return read_file(folder_ / "out"); }

  fs::path folder_;
};

TEST_F(ProcessTest, ArgumentsArriveAsTheyAre) {
  const ProcessEnd end = run({"printf", "%s|", "a b", "$HOME", "'", "`id`", ";rm -rf x", ""});
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.signal, 0);
  EXPECT_EQ(out(), "a b|$HOME|'|`id`|;rm -rf x||");
}

TEST_F(ProcessTest, VariablesAreAddedAndReplaced) {
  ::setenv("ASSAY_TEST_A", "old", 1);
  ::setenv("ASSAY_TEST_B", "kept", 1);
  run({"sh", "-c", "echo $ASSAY_TEST_A $ASSAY_TEST_B $ASSAY_TEST_C"},
      {{"ASSAY_TEST_A", "new"}, {"ASSAY_TEST_C", "x=y"}});
  EXPECT_EQ(out(), "new kept x=y\n");
}

TEST_F(ProcessTest, ExitCodesAndSignalsAreToldApart) {
  EXPECT_EQ(run({"sh", "-c", "exit 7"}).exit_code, 7);
  const ProcessEnd killed = run({"sh", "-c", "kill -SEGV $$"});
  EXPECT_EQ(killed.signal, SIGSEGV);
  EXPECT_EQ(signal_name(killed.signal), "SIGSEGV");
  EXPECT_EQ(signal_name(9999), "signal 9999");
}

TEST_F(ProcessTest, AMissingProgramIsNamed) {
  try {
    run({"assay-no-such-program"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::cannot_run);
    EXPECT_THAT(error.what(), HasSubstr("cannot start assay-no-such-program: No such file"));
  }
}

TEST_F(ProcessTest, TheWholeGroupIsEndedEvenWhenItIgnoresTheRequest) {
  Process process(
      {{"sh", "-c", "trap '' TERM; sleep 1000 & echo $! > " + (folder_ / "pid").string() + "; sleep 1000"},
       {},
       folder_ / "out",
       folder_ / "err"});
  while (!fs::exists(folder_ / "pid") || read_file(folder_ / "pid").empty()) ::usleep(1000);
  const ProcessEnd end = process.terminate(0.05);
  EXPECT_EQ(end.signal, SIGKILL);
  const pid_t grandchild = std::stoi(read_file(folder_ / "pid"));
  // Gone, or a zombie that its new parent has still to collect.
  for (int i = 0; i < 1000 && ::kill(grandchild, 0) == 0; ++i) {
    if (read_file("/proc/" + std::to_string(grandchild) + "/stat").find(") Z") != std::string::npos) break;
    ::usleep(1000);
  }
  if (::kill(grandchild, 0) == 0) {
    EXPECT_THAT(read_file("/proc/" + std::to_string(grandchild) + "/stat"), HasSubstr(") Z"));
  }
}

TEST_F(ProcessTest, OrphansInSessionsOfTheirOwnAreEndedToo) {
  adopt_orphans();
  run({"sh", "-c", "setsid sleep 1000 & exit 0"});
  EXPECT_EQ(end_orphans(), 1);
  EXPECT_EQ(end_orphans(), 0);
}

TEST(ShellQuoted, OnlyWhatNeedsQuotesGetsThem) {
  EXPECT_EQ(shell_quoted({"mpiexec", "-n", "2", "a b", "it's", "", "x=1,y:2", "$HOME"}),
            "mpiexec -n 2 'a b' 'it'\\''s' '' x=1,y:2 '$HOME'");
}

TEST(FindProgram, LooksInThePath) {
  EXPECT_FALSE(find_program("sh").empty());
  EXPECT_TRUE(find_program("assay-no-such-program").empty());
  EXPECT_TRUE(find_program("/etc/passwd").empty());  // not executable
  EXPECT_TRUE(find_program("/tmp").empty());         // a folder
}

TEST(Hydra, OneNodeNeedsNoHosts) {
  const auto launcher = make_launcher({}, 4);
  EXPECT_THAT(launcher->command({{"n1"}, 1, 0, true}, {"w", "--request", "r"}),
              ElementsAre("mpiexec", "-n", "1", "-env", "ASSAY_NODE", "n1", "w", "--request", "r"));
  EXPECT_THAT(launcher->command({{"n1"}, 2, 0, true}, {"w"}),
              ElementsAre("mpiexec", "-bind-to", "core:2", "-n", "2", "-env", "ASSAY_NODE", "n1", "w"));
  EXPECT_THAT(launcher->command({{"n1"}, 2, 1, true}, {"w"}),
              ElementsAre("mpiexec", "-bind-to", "core:1", "-n", "2", "-env", "ASSAY_NODE", "n1", "-env",
                          "OMP_NUM_THREADS", "1", "w"));
  // More ranks than cores: binding would stack them.
  EXPECT_THAT(launcher->command({{"n1"}, 5, 0, true}, {"w"}),
              ElementsAre("mpiexec", "-n", "5", "-env", "ASSAY_NODE", "n1", "w"));
}

TEST(Hydra, EachNodesRanksLearnItsName) {
  Site site;
  site.launcher_program = "/opt/mpiexec";
  site.launcher_arguments = {"-iface", "ib0"};
  site.bind = false;
  EXPECT_THAT(make_launcher(site, 64)->command({{"n1", "n2"}, 8, 0, false}, {"w"}),
              ElementsAre("/opt/mpiexec", "-iface", "ib0", "-hosts", "n1,n2", "-ppn", "8", "-n", "8", "-env",
                          "ASSAY_NODE", "n1", "w", ":", "-n", "8", "-env", "ASSAY_NODE", "n2", "w"));
}

TEST(Hydra, SaysWhichSignalEndedARank) {
  const auto launcher = make_launcher({}, 1);
  const std::string said =
      "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Segmentation fault (signal 11)\nmore\n";
  EXPECT_EQ(launcher->cause(said, ""), "SIGSEGV");
  EXPECT_EQ(launcher->cause("", said), "SIGSEGV");
  EXPECT_EQ(launcher->cause("EXIT CODE: 3", ""), "");
  EXPECT_EQ(launcher->cause("TERMINATED WITH THE EXIT STRING: (signal ", ""), "");
}

TEST(Hydra, AMissingMpiexecNamesThePackage) {
  Site site;
  site.launcher_program = "mpiexec";
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  try {
    make_launcher(site, 1)->check();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::cannot_run);
    EXPECT_THAT(error.what(), HasSubstr("apt install mpich"));
  }
  ::setenv("PATH", path.c_str(), 1);
}

TEST(Hydra, IsFoundBesideAnotherLibrarysMpiexec) {
  const fs::path folder = fs::temp_directory_path() / ("assay-names-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto program = [&](const std::string& name) {
    std::ofstream(folder / name) << "#!/bin/sh\n";
    fs::permissions(folder / name, fs::perms::owner_all);
  };
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder.c_str(), 1);
  EXPECT_EQ(hydra_program(), "mpiexec");  // nothing there: the plain name goes into the message
  program("mpiexec");
  EXPECT_EQ(hydra_program(), "mpiexec");
  program("mpiexec.hydra");
  EXPECT_EQ(hydra_program(), "mpiexec.hydra");
  fs::remove(folder / "mpiexec");
  fs::create_symlink("mpiexec.hydra", folder / "mpiexec");
  EXPECT_EQ(hydra_program(), "mpiexec");
  ::setenv("PATH", path.c_str(), 1);
  fs::remove_all(folder);
}

TEST(Hydra, TheRealOneUnderstandsTheOptions) {
  if (find_program("mpiexec.hydra").empty()) GTEST_SKIP() << "MPICH's mpiexec is not installed";
  const fs::path folder = fs::temp_directory_path() / ("assay-hydra-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  Site site;
  site.launcher_program = "mpiexec.hydra";
  const auto run = [&](const GroupToLaunch& group) {
    Process process(
        {make_launcher(site, usable_cores())->command(group, {"sh", "-c", "echo $ASSAY_NODE.$PMI_RANK"}),
         {},
         folder / "out",
         folder / "err"});
    while (!process.ended()) ::usleep(1000);
    std::vector<std::string> lines;
    std::istringstream in(read_file(folder / "out"));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  };
  EXPECT_THAT(run({{"node a"}, 2, 1, true}), testing::UnorderedElementsAre("node a.0", "node a.1"));
  fs::remove_all(folder);
}

TEST(SiteFile, IsReadStrictly) {
  const Site site = parse_site(
      "schema = \"assay.site/1\"\nname = \"C\"\nworker = \"/w\"\nhosts = [\"a\", \"b\"]\n[launcher]\nkind = "
      "\"mpiexec\"\n"
      "program = \"/m\"\narguments = [\"-x\", \"1\"]\nbind = false\n[environment]\nUCX_TLS = \"rc,sm\"\n"
      "[storage]\nscratch = \"/lustre/x\"\n",
      "site.toml");
  EXPECT_EQ(site.name, "C");
  EXPECT_EQ(site.worker, "/w");
  EXPECT_THAT(site.hosts, ElementsAre("a", "b"));
  EXPECT_EQ(site.launcher_program, "/m");
  EXPECT_THAT(site.launcher_arguments, ElementsAre("-x", "1"));
  EXPECT_FALSE(site.bind);
  EXPECT_THAT(site.environment, ElementsAre(testing::Pair("UCX_TLS", "rc,sm")));
  EXPECT_THAT(site.storage, ElementsAre(testing::Pair("scratch", "/lustre/x")));
  EXPECT_EQ(parse_site("schema = \"assay.site/1\"\n", "s").launcher_program, "mpiexec");

  const auto message = [](const std::string& rest) {
    try {
      parse_site("schema = \"assay.site/1\"\n" + rest, "site.toml");
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_input);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(message("hots = [\"a\"]\n"), HasSubstr("did you mean 'hosts'?"));
  EXPECT_THAT(message("hosts = [\"a\", \"a\"]\n"), HasSubstr("twice"));
  EXPECT_THAT(message("hosts = [\"-launcher\"]\n"), HasSubstr("cannot be a host's name"));
  EXPECT_THAT(message("hosts = [\"a,b\"]\n"), HasSubstr("cannot be a host's name"));
  EXPECT_THAT(message("hosts = [1]\n"), HasSubstr("site.toml:2"));
  EXPECT_THAT(message("[launcher]\nkind = \"mpirun\"\n"), HasSubstr("unknown launcher 'mpirun'"));
  EXPECT_THAT(message("[environment]\n\"A B\" = \"1\"\n"), HasSubstr("cannot name an environment variable"));
  EXPECT_THAT(message("[storage]\nscratch = \"x\"\n"), HasSubstr("give an absolute path"));
  EXPECT_THAT(message("[environment]\nA = 1\n"), HasSubstr("site.toml:3"));
}

}  // namespace
}  // namespace assay
