// The whole way on a real Slurm of four nodes (ci/slurm-up): salloc, assay, srun, assay-bench.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "reports/record/record_json.h"
#include "tests/whole.h"

namespace assay::whole {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class OnSlurm : public WholeTest {
 protected:
  void SetUp() override {
    if (std::getenv("ASSAY_TEST_SLURM") == nullptr) {
      GTEST_SKIP() << "the Slurm of ci/slurm-up is not running (ASSAY_TEST_SLURM is not set); "
                      "ci/slurm-test starts it, runs this and ends it";
    }
    write("plan.toml", R"(
schema = "assay.plan/1"
name = "slurm"
budget = "1 s"
[[case]]
benchmark = "compute/gemm"
parameters = { dtype = "f64", m = 65, n = 33, k = 129 }
geometry = { nodes = "all", ranks_per_node = 1 }
[[case]]
benchmark = "compute/gemm"
parameters = { dtype = "f32", m = 65, n = 33, k = 129 }
geometry = { nodes = "each", ranks_per_node = 1 }
[[case]]
benchmark = "collectives/allreduce"
parameters = { bytes = "8 B" }
geometry = { nodes = "all", ranks_per_node = 2, threads_per_rank = 1 }
)");
    write("targets.toml", R"(
schema = "assay.targets/1"
name = "Any machine will do"
[[inventory]]
id = "memory"
fact = "memory_bytes"
at_least = "1 MiB"
)");
  }

  Outcome inside(const Arguments& allocation, const Arguments& arguments) const {
    Arguments all = allocation;
    all.push_back(programs + "/assay");
    all.insert(all.end(), arguments.begin(), arguments.end());
    Process process({all, {}, folder_ / "out.txt", folder_ / "err.txt"});
    return finish(process);
  }
  Arguments run_here(const Arguments& more = {}) const {
    Arguments all = {"run", path("plan.toml"), "--targets", path("targets.toml"), "--out", path("campaigns")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Nodes of the completed records of the products in each dtype; of the reduction, under "".
  std::map<std::string, std::set<std::string>> nodes_measured() const {
    std::map<std::string, std::set<std::string>> nodes;
    read_records(campaigns().at(0) / "records.jsonl", [&](Record&& record) {
      EXPECT_EQ(record.status, LaunchStatus::completed) << record.reason;
      const bool product = record.benchmark == "compute/gemm";
      nodes[product ? to_string(record.parameters.at("dtype")) : ""].insert(record.node);
    });
    return nodes;
  }
};

TEST_F(OnSlurm, TheAllocationsNodesAreMeasuredWithoutASite) {
  const Outcome ended = inside({"salloc", "--nodes=4", "--exclusive"}, run_here());
  ASSERT_LE(ended.status, 2) << ended.out << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("4 nodes (n[1-4]), launched by srun"));
  auto nodes = nodes_measured();
  EXPECT_THAT(nodes["f64"], ElementsAre("n1", "n2", "n3", "n4")) << ended.err;
  EXPECT_THAT(nodes["f32"], ElementsAre("n1", "n2", "n3", "n4")) << ended.err;
  EXPECT_EQ(nodes[""].size(), 1U) << ended.err;
  const std::string machine = read_file(campaigns().at(0) / "machine.json");
  for (const char* node : {"\"n1\"", "\"n2\"", "\"n3\"", "\"n4\""}) EXPECT_THAT(machine, HasSubstr(node));
  EXPECT_THAT(read_file(campaigns().at(0) / "journal.jsonl"), HasSubstr("--mpi=pmi2"));
}

TEST_F(OnSlurm, AShellThatIsAJobStepDoesNotBlock) {
  write("site.toml",
        "schema = \"assay.site/1\"\nname = \"s\"\nhosts = [\"n3\", \"n1\"]\n"
        "[launcher]\nkind = \"srun\"\n");
  const Outcome ended = inside({"salloc", "--nodes=4", "--exclusive", "srun", "--nodes=1", "--ntasks=1"},
                               run_here({"--site", path("site.toml")}));
  ASSERT_LE(ended.status, 2) << ended.out << ended.err;
  // Slurm starts them in its own order, and each rank is known by its own name all the same.
  auto nodes = nodes_measured();
  EXPECT_THAT(nodes["f64"], ElementsAre("n1", "n3"));
  EXPECT_THAT(nodes["f32"], ElementsAre("n1", "n3"));
}

TEST_F(OnSlurm, AHostOutsideTheAllocationIsRefused) {
  write("site.toml",
        "schema = \"assay.site/1\"\nname = \"s\"\nhosts = [\"n1\", \"n4\"]\n"
        "[launcher]\nkind = \"srun\"\n");
  const Outcome ended =
      inside({"salloc", "--nodelist=n1,n2", "--exclusive"}, run_here({"--site", path("site.toml")}));
  EXPECT_EQ(ended.status, 3) << ended.out << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("host 'n4' of the site file is not in the allocation"));
  const Outcome outside = assay(run_here({"--site", path("site.toml")}));
  EXPECT_EQ(outside.status, 4) << outside.out << outside.err;
  EXPECT_THAT(outside.err, HasSubstr("salloc --nodes=2"));
}

TEST_F(OnSlurm, ARankThatCrashesIsNamed) {
  const std::string all = read_file(path("plan.toml"));
  write("plan.toml", all.substr(0, all.find("[[case]]", all.find("[[case]]") + 1)));
  const fs::path worker = write("worker.sh",
                                "#!/bin/sh\ncase \"$*\" in *--machine*) exit 0;; esac\n"
                                "[ \"$SLURMD_NODENAME\" = n2 ] && kill -SEGV $$\nsleep 60\n");
  fs::permissions(worker, fs::perms::owner_all);
  const Outcome ended =
      inside({"salloc", "--nodes=4", "--exclusive"}, run_here({"--worker", worker.string()}));
  EXPECT_THAT(ended.err, HasSubstr("SIGSEGV of task 1 on n2"));
  // Slurm has nothing left to run on the nodes.
  Process squeue({{"squeue", "--noheader"}, {}, folder_ / "out.txt", folder_ / "err.txt"});
  EXPECT_THAT(finish(squeue).out, Not(HasSubstr(" R ")));
}

}  // namespace
}  // namespace assay::whole
