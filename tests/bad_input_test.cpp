// What people get wrong: exit 3, the place, what is wrong, what was expected; and nothing is run or
// overwritten.
#include <gmock/gmock.h>

#include "tests/whole.h"

namespace assay::whole {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BadInput : public WholeTest {
 protected:
  /// What `assay run` says of a plan or targets in which `from` was replaced.
  std::string said(const std::string& file, const std::string& from, const std::string& to) {
    write("plan.toml", plan());
    write("targets.toml", targets());
    std::string content = file == "plan.toml" ? plan() : targets();
    const std::size_t at = content.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    content.replace(at, from.size(), to);
    write(file, content);
    const Outcome run = assay(run_arguments());
    EXPECT_EQ(run.status, 3) << file << ": " << to << run.out;
    EXPECT_FALSE(fs::exists(folder_ / "campaigns"));
    EXPECT_EQ(assay({"validate", path("plan.toml"), path("targets.toml")}).status, 3) << to;
    return run.err;
  }
};

TEST_F(BadInput, Plans) {
  EXPECT_THAT(said("plan.toml", "budget = \"2 s\"", "budget = "), HasSubstr("plan.toml:3"));
  EXPECT_THAT(said("plan.toml", "budget", "budgte"),
              AllOf(HasSubstr("plan.toml:3"), HasSubstr("did you mean 'budget'")));
  EXPECT_THAT(said("plan.toml", "compute/gemm", "compute/gem"),
              AllOf(HasSubstr("plan.toml:7"), HasSubstr("did you mean 'compute/gemm'")));
  EXPECT_THAT(said("plan.toml", "dtype =", "dtpye ="),
              AllOf(HasSubstr("plan.toml:8"), HasSubstr("did you mean 'dtype'")));
  EXPECT_THAT(said("plan.toml", "\"f32\"", "\"f23\""), AllOf(HasSubstr("plan.toml:8"), HasSubstr("f32")));
  EXPECT_THAT(said("plan.toml", "\"2 s\"", "\"2 GB\""), HasSubstr("plan.toml:3"));
  EXPECT_THAT(said("plan.toml", "\"1 s\"", "\"-1 s\""), HasSubstr("plan.toml:10"));
  EXPECT_THAT(said("plan.toml", "max = 12", "max = 6"), HasSubstr("plan.toml:5"));

  EXPECT_THAT(said("plan.toml", "assay.plan/1", "assay.plan/2"), HasSubstr("plan.toml:1"));
  const std::string all = plan();
  EXPECT_THAT(said("plan.toml", all.substr(all.find("[[case]]")), ""), HasSubstr("plan.toml"));
  EXPECT_THAT(said("plan.toml", all, ""), HasSubstr("plan.toml"));
}

TEST_F(BadInput, MoreNodesThanThereAre) {
  std::string content = plan();
  write("plan.toml", content.replace(content.find("nodes = 1"), 9, "nodes = 5"));
  const Outcome outcome = assay(run_arguments());
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("plan.toml:6"), HasSubstr("needs 5 nodes")));
  EXPECT_FALSE(fs::exists(folder_ / "campaigns"));
}

TEST_F(BadInput, Targets) {
  EXPECT_THAT(said("targets.toml", "at_least = \"500 GFLOP/s\"", "at_least = \"500 GB/s\""),
              HasSubstr("targets.toml:8"));
  EXPECT_THAT(
      said("targets.toml", "at_least = \"500 GFLOP/s\"", "at_least = \"500 GFLOP/s\"\ntolerance = \"-2 %\""),
      HasSubstr("targets.toml:9"));
  EXPECT_THAT(said("targets.toml", "at_least", "at_lest"),
              AllOf(HasSubstr("targets.toml:8"), HasSubstr("at_least")));
  EXPECT_THAT(said("targets.toml", "gemm.rate", "gemm.rat"),
              AllOf(HasSubstr("targets.toml:6"), HasSubstr("rate")));
  EXPECT_THAT(said("targets.toml", "\"f64\"", "\"int8\""), HasSubstr("targets.toml"));  // no case of the plan
  EXPECT_THAT(said("targets.toml", "id = \"2\"", "id = \"1\""), HasSubstr("targets.toml:10"));
  EXPECT_THAT(said("targets.toml", "\"500 GFLOP/s\"", "\"500 GFLOPs\""), HasSubstr("targets.toml:8"));
  EXPECT_THAT(said("targets.toml", targets(), "schema = \"assay.targets/1\"\nname = \"none\"\n"),
              HasSubstr("targets.toml"));
}

TEST_F(BadInput, Usage) {
  EXPECT_EQ(assay({}).status, 3);
  EXPECT_EQ(assay({"rum"}).status, 3);
  EXPECT_EQ(assay({"run", path("plan.toml")}).status, 3);
  EXPECT_EQ(assay({"run", "--nonsense"}).status, 3);
  EXPECT_EQ(assay({"--help"}).status, 0);
  EXPECT_EQ(assay({"--version"}).status, 0);
  const Outcome unknown = assay({"run", "qiuck", "--targets", path("targets.toml")});
  EXPECT_EQ(unknown.status, 3);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'quick'?"));
  const Outcome benchmark = assay({"describe", "compute/gmem"});
  EXPECT_EQ(benchmark.status, 3);
  EXPECT_THAT(benchmark.err, HasSubstr("did you mean 'compute/gemm'?"));
  EXPECT_EQ(assay({"judge", folder_.string()}).status, 3);
  EXPECT_EQ(assay({"judge", path("nowhere")}).status, 3);
  write("what.toml", "schema = \"assay.plam/1\"\n");
  const Outcome schema = assay({"validate", path("what.toml")});
  EXPECT_EQ(schema.status, 3);
  EXPECT_THAT(schema.err, HasSubstr("did you mean 'assay.plan/1'?"));
}

TEST_F(BadInput, DamagedRecords) {
  ASSERT_EQ(campaign().status, 0);
  const fs::path file = campaigns()[0] / "records.jsonl";
  const std::string whole = read_file(file);
  const auto judged = [&](const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
    const Outcome outcome = assay({"judge", campaigns()[0].string()});
    EXPECT_EQ(read_file(file), content);  // nothing is overwritten
    return outcome;
  };
  const Outcome cut = judged(whole.substr(0, whole.size() - 30));
  EXPECT_NE(cut.status, 3);
  EXPECT_THAT(cut.out, AllOf(HasSubstr("ASY-4006"), HasSubstr("cut off")));
  const std::size_t second = whole.find('\n') + 1;
  for (const auto& [from, to] :
       {std::pair{"{\"schema\"", "garbage"}, std::pair{"\"samples_s\":[", "\"samples_s\":[NaN,"},
        std::pair{"assay.record/1", "assay.record/3"}, std::pair{"{\"schema\"", "{\"more\":1,\"schema\""}}) {
    std::string damaged = whole;
    damaged.replace(damaged.find(from, second), std::string(from).size(), to);
    const Outcome outcome = judged(damaged);
    EXPECT_EQ(outcome.status, 3) << to;
    EXPECT_THAT(outcome.err, HasSubstr("records.jsonl:2:")) << to;
  }
}

TEST_F(BadInput, GoodFilesAreSaidToBeGood) {
  const Outcome outcome = assay({"validate", path("plan.toml"), path("targets.toml"), path("site.toml")});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("2 cases"), HasSubstr("2 clauses"), HasSubstr("fit together")));
}

TEST_F(BadInput, EverythingShippedIsValid) {
  const std::string root = ASSAY_SOURCE_DIR;
  Arguments files = {"validate"};
  for (const char* folder : {"/suites/plans", "/reference_results/targets"}) {
    for (const auto& entry : fs::directory_iterator(root + folder)) {
      if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
    }
  }
  for (std::size_t i = 1; i < files.size(); ++i) {
    const Outcome outcome = assay({"validate", files[i]});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_EQ(assay({"validate", root + "/suites/plans/quick.toml",
                   root + "/reference_results/targets/any-machine.toml"})
                .status,
            0);
  EXPECT_EQ(assay({"validate", "quick", "any-machine"}).status, 0);  // by name, as `run` takes them
  EXPECT_EQ(assay({"list"}).status, 0);
  EXPECT_THAT(assay({"describe", "compute/gemm"}).out, HasSubstr("dtype"));
}

}  // namespace
}  // namespace assay::whole
