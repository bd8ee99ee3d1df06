// Slurm's texts are literal: those of version 22.05 on four nodes, where nothing else is said.
#include "runners/launch/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "reports/base/error.h"
#include "runners/launch/srun_launcher.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace fs = std::filesystem;

template <typename Act>
std::string thrown(ExitStatus status, Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), status);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Hostlist, IsExpandedAsSlurmDoes) {
  EXPECT_THAT(expand_hostlist("n1"), ElementsAre("n1"));
  EXPECT_THAT(expand_hostlist("login,n1"), ElementsAre("login", "n1"));
  EXPECT_THAT(expand_hostlist("n[1-4,7],m003"), ElementsAre("n1", "n2", "n3", "n4", "n7", "m003"));
  EXPECT_THAT(expand_hostlist("n[08-11]"), ElementsAre("n08", "n09", "n10", "n11"));
  EXPECT_THAT(expand_hostlist("n[099-101,5]"), ElementsAre("n099", "n100", "n101", "n5"));
  EXPECT_THAT(expand_hostlist("r[1-2]n[1,3]"), ElementsAre("r1n1", "r1n3", "r2n1", "r2n3"));
  EXPECT_THAT(expand_hostlist("n[1-2]-ib"), ElementsAre("n1-ib", "n2-ib"));
  EXPECT_THAT(expand_hostlist("n[0001-9999]"), SizeIs(9999));
}

TEST(Hostlist, WhatIsNoneIsRefused) {
  for (const char* list :
       {"", "n[1-4", "n1]", "n[4-1]", "n[]", "n[a-b]", "n[1-]", "n[-2]", "n1,,n2", "n1,", "n[1,]", "n1 n2",
        "n[0-1000000]", "n[0-9999][0-9999]", "n[99999999999999999999]"}) {
    EXPECT_THAT(thrown(ExitStatus::bad_input, [&] { expand_hostlist(list); }),
                HasSubstr("is no list of nodes"))
        << list;
  }
}

TEST(MpiTypes, AreReadFromEachVersionsWords) {
  EXPECT_THAT(parse_mpi_types("MPI plugin types are...\n\tpmix\n\tnone\n\tcray_shasta\n\tpmi2\n"
                              "specific pmix plugin versions available: pmix_v4\n"),
              ElementsAre("pmix", "none", "cray_shasta", "pmi2", "pmix_v4"));
  // Made after the words of older versions, which come through stderr.
  EXPECT_THAT(parse_mpi_types("srun: MPI types are...\nsrun: pmi2\nsrun: pmix_v3\nsrun: none\n"),
              ElementsAre("pmi2", "pmix_v3", "none"));
  EXPECT_THAT(parse_mpi_types("MPI plugin types are...\n\tnone\n\tpmix\n"
                              "specific pmix plugin versions available: pmix_v3,pmix_v4,pmix_v5\n"),
              ElementsAre("none", "pmix", "pmix_v3", "pmix_v4", "pmix_v5"));
  EXPECT_THAT(parse_mpi_types("srun: fatal: Could not establish a configuration source\n"), IsEmpty());
  EXPECT_THAT(parse_mpi_types(""), IsEmpty());
}

TEST(MpiTypes, TheWorkersLibraryChooses) {
  const std::vector<std::string> both = {"pmix", "none", "cray_shasta", "pmi2", "pmix_v4"};
  EXPECT_EQ(choose_mpi_type(both, false), "pmi2");
  EXPECT_EQ(choose_mpi_type(both, true), "pmix");
  EXPECT_EQ(choose_mpi_type({"none", "pmix"}, false), "pmix");
  EXPECT_EQ(choose_mpi_type({"none", "pmi2"}, true), "pmi2");
  EXPECT_EQ(choose_mpi_type({"none", "pmix_v3"}, true), "pmix_v3");
  EXPECT_EQ(choose_mpi_type({"none", "openmpi"}, true), "");
  EXPECT_EQ(choose_mpi_type({}, false), "pmi2");
  EXPECT_FALSE(links_open_mpi("/nonexistent"));
}

TEST(CpusPerNode, TheSmallestNodeCounts) {
  EXPECT_EQ(least_cpus_per_node("4(x4)"), 4);
  EXPECT_EQ(least_cpus_per_node("72(x2),36,64(x100)"), 36);
  EXPECT_EQ(least_cpus_per_node("8"), 8);
  EXPECT_EQ(least_cpus_per_node(""), 0);
  EXPECT_EQ(least_cpus_per_node("many"), 0);
}

TEST(SrunsWords, ASignalIsNamedWithItsTask) {
  EXPECT_EQ(
      cause_in_srun_words("srun: error: n2: task 1: Segmentation fault\n"
                          "srun: launch/slurm: _step_signal: Terminating StepId=1.4\n"
                          "slurmstepd-n1: error: *** STEP 1.4 ON n1 CANCELLED AT 2026-11-22T18:04:28 ***\n"
                          "srun: error: n3: task 2: Terminated\n"
                          "srun: error: n1: task 0: Terminated\n"
                          "srun: error: n4: task 3: Terminated\n"
                          "srun: Force Terminated StepId=1.4\n"),
      "SIGSEGV of task 1 on n2");
  EXPECT_EQ(cause_in_srun_words("srun: error: n2: task 0: Killed\n"
                                "srun: launch/slurm: _step_signal: Terminating StepId=1.6\n"
                                "srun: Force Terminated StepId=1.6\n"),
            "SIGKILL of task 0 on n2");
  EXPECT_EQ(cause_in_srun_words("srun: error: n[1-2]: tasks 0-1: Aborted (core dumped)\n"),
            "SIGABRT of tasks 0-1 on n[1-2]");
  EXPECT_EQ(cause_in_srun_words("srun: error: n1: task 0: Out Of Memory\n"),
            "want of memory of task 0 on n1");
}

TEST(SrunsWords, AnExitCodeIsNoCause) {
  EXPECT_EQ(
      cause_in_srun_words("srun: error: n2: task 1: Exited with exit code 3\n"
                          "srun: launch/slurm: _step_signal: Terminating StepId=1.5\n"
                          "slurmstepd-n1: error: *** STEP 1.5 ON n1 CANCELLED AT 2026-11-22T18:04:28 ***\n"
                          "srun: error: n4: task 3: Terminated\n"
                          "Terminated\n"
                          "srun: error: n1: task 0: Terminated\n"
                          "srun: error: n3: task 2: Exited with exit code 143\n"
                          "srun: Force Terminated StepId=1.5\n"),
      "");
  EXPECT_EQ(cause_in_srun_words(
                "srun: error: Unable to create step for job 1: More processors requested than permitted\n"),
            "");
  EXPECT_EQ(cause_in_srun_words("slurmstepd-n2: error: execve(): /nonexistent: No such file or directory\n"
                                "slurmstepd-n1: error: execve(): /nonexistent: No such file or directory\n"
                                "srun: error: n2: task 1: Exited with exit code 2\n"
                                "srun: error: n1: task 0: Exited with exit code 2\n"),
            "");
  // What a worker writes is not srun's word.
  EXPECT_EQ(cause_in_srun_words("my srun: error: n2: task 1: Segmentation fault\n"), "");
  EXPECT_EQ(cause_in_srun_words(""), "");
}

TEST(SrunsWords, ANodesFailureIsNamed) {
  // The allocation goes on without the node (salloc --no-kill).
  EXPECT_EQ(cause_in_srun_words("salloc: error: Node failure on n3\n"
                                "srun: error: Node failure on n3\n"
                                "srun: error: n4: task 3: Killed\n"
                                "srun: launch/slurm: _step_signal: Terminating StepId=2.0\n"
                                "srun: error: n1: task 0: Killed\n"
                                "srun: error: n3: task 2: Killed\n"
                                "srun: error: n2: task 1: Killed\n"
                                "srun: Force Terminated StepId=2.0\n"),
            "a failure of node n3");
  // It ends with it.
  EXPECT_EQ(cause_in_srun_words("srun: error: Node failure on n3\n"
                                "salloc: error: Node failure on n3\n"
                                "slurmstepd-n1: error: *** STEP 3.0 ON n1 CANCELLED AT 2026-11-22T18:06:07 "
                                "DUE TO NODE FAILURE, SEE "
                                "SLURMCTLD LOG FOR DETAILS ***\n"
                                "srun: Job step aborted: Waiting up to 7 seconds for job step to finish.\n"
                                "srun: error: n4: task 3: Terminated\n"),
            "a failure of node n3");
  EXPECT_EQ(cause_in_srun_words("slurmstepd-n1: error: *** STEP 3.0 ON n1 CANCELLED AT 2026-11-22T18:06:07 "
                                "DUE TO NODE FAILURE, SEE "
                                "SLURMCTLD LOG FOR DETAILS ***\n"
                                "srun: error: n4: task 3: Terminated\n"),
            "the failure of a node");
}

TEST(SrunsWords, TheTimeLimitAndCancellationAreNamed) {
  EXPECT_EQ(
      cause_in_srun_words(
          "slurmstepd-n1: error: *** STEP 1.9 ON n1 CANCELLED AT 2026-11-22T18:05:30 DUE TO TIME LIMIT ***\n"
          "srun: error: n2: task 1: Terminated\n"
          "srun: error: n1: task 0: Terminated\n"
          "srun: Force Terminated StepId=1.9\n"),
      "Slurm's time limit");
  // scancel of the step
  EXPECT_EQ(
      cause_in_srun_words("srun: Job step aborted: Waiting up to 7 seconds for job step to finish.\n"
                          "slurmstepd-n1: error: *** STEP 1.8 ON n1 CANCELLED AT 2026-11-22T18:04:30 ***\n"
                          "srun: error: n2: task 1: Killed\n"
                          "srun: error: n1: task 0: Killed\n"),
      "cancellation (scancel)");
  // scancel of the job
  EXPECT_EQ(cause_in_srun_words("srun: Job step aborted: Waiting up to 7 seconds for job step to finish.\n"
                                "srun: error: n3: task 2: Terminated\n"
                                "srun: launch/slurm: _step_signal: Terminating StepId=4.0\n"
                                "srun: error: n1: task 0: Terminated\n"),
            "cancellation (scancel)");
}

Site srun_site() {
  return parse_site("schema = \"assay.site/1\"\n[launcher]\nkind = \"srun\"\n", "site.toml");
}

TEST(Srun, OneRankANode) {
  const auto launcher = make_srun_launcher(srun_site(), {{"pmi2", "pmix"}, 4, false});
  EXPECT_EQ(launcher->name(), "srun");
  EXPECT_THAT(launcher->command({{"n1", "n2"}, 1, 0, false}, {"w", "--request", "r"}),
              ElementsAre("srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--nodelist=n1,n2",
                          "--distribution=block", "--kill-on-bad-exit=1", "--mpi=pmi2",
                          "--export=ALL,ASSAY_NODE_FROM=SLURMD_NODENAME", "w", "--request", "r"));
}

TEST(Srun, RanksOfOneNodeHaveCoresOfTheirOwn) {
  const auto options = [](const SlurmFacts& facts, int ranks, int threads) {
    std::string text;
    for (const std::string& one :
         make_srun_launcher(srun_site(), facts)->command({{"n1"}, ranks, threads}, {"w"})) {
      if (one.starts_with("--cpu") || one.find("OMP_") != std::string::npos) text += one + " ";
    }
    return text;
  };
  EXPECT_EQ(options({{}, 8, false}, 4, 0), "--cpus-per-task=2 --cpu-bind=cores ");
  EXPECT_EQ(
      options({{}, 8, false}, 4, 1),
      "--cpus-per-task=2 --cpu-bind=cores --export=ALL,ASSAY_NODE_FROM=SLURMD_NODENAME,OMP_NUM_THREADS=1 ");
  // More threads or ranks than there are CPUs, or CPUs that are not known: binding would stack them.
  EXPECT_EQ(options({{}, 8, false}, 4, 3), "--export=ALL,ASSAY_NODE_FROM=SLURMD_NODENAME,OMP_NUM_THREADS=3 ");
  EXPECT_EQ(options({{}, 8, false}, 9, 0), "");
  EXPECT_EQ(options({{}, 0, false}, 2, 0), "");
  EXPECT_EQ(options({{}, 8, false}, 1, 0), "");
}

TEST(Srun, TheSitesOptionsAndTheStepAroundAreHeeded) {
  const Site site = parse_site(
      "schema = \"assay.site/1\"\n[launcher]\nkind = \"srun\"\nprogram = \"/opt/srun\"\n"
      "arguments = [\"--mpi=pmix_v4\", \"--mem=0\"]\nbind = false\n",
      "site.toml");
  EXPECT_THAT(make_srun_launcher(site, {{}, 8, true})->command({{"n1"}, 2, 0, false}, {"w"}),
              ElementsAre("/opt/srun", "--nodes=1", "--ntasks=2", "--ntasks-per-node=2", "--nodelist=n1",
                          "--distribution=block", "--kill-on-bad-exit=1", "--overlap", "--cpu-bind=none",
                          "--export=ALL,ASSAY_NODE_FROM=SLURMD_NODENAME", "--mpi=pmix_v4", "--mem=0", "w"));
}

/// Variables and a PATH for one test, put back with it.
class Surroundings {
 public:
  void set(const std::string& name, const std::string& value) {
    const char* before = std::getenv(name.c_str());
    before_.try_emplace(name, before != nullptr, before != nullptr ? before : "");
    if (value.empty()) {
      ::unsetenv(name.c_str());
    } else {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ~Surroundings() {
    for (const auto& [name, before] : before_) {
      if (before.first) {
        ::setenv(name.c_str(), before.second.c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }

 private:
  std::map<std::string, std::pair<bool, std::string>> before_;
};

TEST(Srun, WhatIsMissingIsSaidBeforeAnythingStarts) {
  Surroundings here;
  Site site = srun_site();
  site.launcher_program = "/bin/true";
  here.set("SLURM_JOB_ID", "");
  const auto said = [&](std::vector<std::string> types) {
    return thrown(ExitStatus::cannot_run, [&] {
      make_srun_launcher(site, {std::move(types), 0, false})->check();
    });
  };
  EXPECT_THAT(said({"pmi2"}), HasSubstr("salloc --nodes=1 --exclusive"));
  here.set("SLURM_JOB_ID", "7");
  EXPECT_EQ(said({"pmi2"}), "nothing was thrown");
  EXPECT_THAT(said({}), HasSubstr("--mpi=list' names no way"));
  EXPECT_THAT(said({"none", "openmpi"}), HasSubstr("neither PMI-2 nor PMIx, but none, openmpi"));
  site.launcher_arguments = {"--mpi=openmpi"};
  EXPECT_EQ(said({"none", "openmpi"}), "nothing was thrown");
  site.launcher_program = "/nonexistent/srun";
  EXPECT_THAT(said({"pmi2"}), HasSubstr("is not to be found"));
}

TEST(Allocation, GivesTheHostsWhereNoneAreListed) {
  Surroundings here;
  here.set("PATH", "/nonexistent");  // no scontrol: the list is read here
  here.set("SLURM_JOB_ID", "7");
  here.set("SLURM_JOB_NODELIST", "n[1-2],m003");
  here.set("SLURM_JOB_CPUS_PER_NODE", "72(x2),36");
  here.set("SLURM_STEP_ID", "");
  Site site = srun_site();
  EXPECT_EQ(adapt_to_allocation(site, true), "Slurm job 7: 3 nodes (n[1-2],m003), launched by srun");
  EXPECT_THAT(site.hosts, ElementsAre("n1", "n2", "m003"));
  EXPECT_EQ(adapt_to_allocation(site, true), "");  // all of them are in it
  EXPECT_EQ(slurm_facts(site).cpus_per_node, 36);
  EXPECT_FALSE(slurm_facts(site).inside_step);
  here.set("SLURM_STEP_ID", "0");
  EXPECT_TRUE(slurm_facts(site).inside_step);

  site.hosts = {"n1", "n4"};
  EXPECT_THAT(thrown(ExitStatus::bad_input, [&] { adapt_to_allocation(site, true); }),
              HasSubstr("host 'n4' of the site file is not in the allocation of Slurm job 7"));
  here.set("SLURM_JOB_ID", "");
  EXPECT_EQ(adapt_to_allocation(site, true), "");
  site.hosts.clear();
  EXPECT_THAT(thrown(ExitStatus::cannot_run, [&] { adapt_to_allocation(site, true); }),
              HasSubstr("no Slurm allocation to take the nodes from"));
}

TEST(Allocation, ChoosesSrunOnlyWhereNothingElseWasSaid) {
  Surroundings here;
  const auto chosen = [](bool site_given) {
    Site site;
    adapt_to_allocation(site, site_given);
    return site.launcher;
  };
  here.set("PATH", "/nonexistent");
  here.set("SLURM_JOB_ID", "7");
  here.set("SLURM_JOB_NODELIST", "n[1-2]");
  EXPECT_EQ(chosen(false), "mpiexec");  // srun is not there
  const fs::path folder = fs::temp_directory_path() / ("assay-srun-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "srun") << "#!/bin/sh\n";
  fs::permissions(folder / "srun", fs::perms::owner_all);
  here.set("PATH", folder);
  EXPECT_EQ(chosen(true), "mpiexec");
  EXPECT_EQ(chosen(false), "srun");
  here.set("SLURM_CLUSTER_NAME", "summit");
  Site site;
  EXPECT_EQ(adapt_to_allocation(site, false), "Slurm job 7: 2 nodes (n[1-2]), launched by srun");
  EXPECT_EQ(site.name, "summit");
  EXPECT_EQ(site.launcher_program, "srun");
  EXPECT_THAT(site.hosts, ElementsAre("n1", "n2"));
  here.set("SLURM_JOB_ID", "");
  EXPECT_EQ(chosen(false), "mpiexec");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace assay
