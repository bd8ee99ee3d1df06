// Journals, registers and campaign folders, whole and damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/evidence/campaign.h"
#include "reports/evidence/chain.h"
#include "reports/evidence/journal.h"
#include "reports/evidence/layout.h"
#include "reports/evidence/register.h"
#include "reports/record/record_json.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class EvidenceTest : public testing::Test {
 protected:
  EvidenceTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("assay-evidence-" + std::string(info->name()) + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~EvidenceTest() override { fs::remove_all(folder_); }

  static std::string message(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_input);
      return error.what();
    }
    return "nothing was thrown";
  }

  fs::path folder_;
};

constexpr std::string_view schema = "assay.journal/1";

// SHA-256 of the empty text (FIPS 180-4) begins every chain.
constexpr const char* hash_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST_F(EvidenceTest, EachLineHashesTheOneBefore) {
  const fs::path file = folder_ / "journal.jsonl";
  {
    ChainFile chain(file, schema);
    chain.append("t1", "first", {{"number", std::int64_t{7}}, {"list", std::vector<std::string>{"a", "b"}}});
    chain.append("t2", "second", {{"yes", true}, {"half", 0.5}, {"text", std::string("x \"y\"\n")}});
  }
  const std::string content = read_file(file);
  const std::string first = content.substr(0, content.find('\n'));
  EXPECT_EQ(first,
            std::string(R"({"schema":"assay.journal/1","time":"t1","event":"first","list":["a","b"],)") +
                R"("number":7,"previous":")" + hash_of_nothing + "\"}");
  EXPECT_THAT(content, HasSubstr("\"previous\":\"" + sha256_hex(first) + "\""));
  ChainFile(file, schema).append("t3", "third", {});
  const Chain chain = read_chain(file, schema);
  ASSERT_EQ(chain.entries.size(), 3U);
  EXPECT_EQ(chain.entries[0].integer("number"), 7);
  EXPECT_THAT(chain.entries[0].texts("list"), ElementsAre("a", "b"));
  EXPECT_EQ(chain.entries[1].text("text"), "x \"y\"\n");
  EXPECT_EQ(chain.entries[1].text("number"), "");
  EXPECT_EQ(chain.entries[2].event, "third");
  EXPECT_FALSE(chain.truncated_last_line);
}

TEST_F(EvidenceTest, AnyChangeBreaksTheChain) {
  const fs::path file = folder_ / "journal.jsonl";
  {
    ChainFile chain(file, schema);
    for (int i = 0; i < 4; ++i) chain.append("t", "event", {{"i", std::int64_t{i}}});
  }
  const std::string whole = read_file(file);
  std::vector<std::string> lines;
  std::istringstream in(whole);
  for (std::string line; std::getline(in, line);) lines.push_back(line + "\n");
  const auto reading = [&](const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
    return message([&] { read_chain(file, schema); });
  };
  std::string changed = lines[1];
  changed.replace(changed.find("\"i\":1"), 5, "\"i\":9");
  EXPECT_THAT(reading(lines[0] + changed + lines[2] + lines[3]),
              HasSubstr("journal.jsonl:3: the chain of hashes breaks"));
  EXPECT_THAT(reading(lines[0] + lines[2] + lines[3]), HasSubstr("journal.jsonl:2: the chain"));
  EXPECT_THAT(reading(lines[1] + lines[0]), HasSubstr("journal.jsonl:1: the chain"));
  EXPECT_THAT(reading(lines[0] + "nonsense\n" + lines[1]),
              HasSubstr("journal.jsonl:2: this line is not a JSON object"));
  EXPECT_THAT(reading("{\"schema\":\"assay.journal/2\",\"time\":\"\",\"event\":\"\",\"previous\":\"\"}\n"),
              HasSubstr("schema is 'assay.journal/2'"));
  EXPECT_THAT(reading("{\"schema\":\"assay.journal/1\",\"time\":\"\",\"previous\":\"\"}\n"),
              HasSubstr("'event' is missing"));
}

TEST_F(EvidenceTest, ALineCutOffByAKillIsSaidAndTakenAwayBeforeTheNext) {
  const fs::path file = folder_ / "journal.jsonl";
  ChainFile(file, schema).append("t1", "first", {});
  std::ofstream(file, std::ios::app) << "{\"schema\":\"assay.jour";
  EXPECT_TRUE(read_chain(file, schema).truncated_last_line);
  EXPECT_EQ(read_chain(file, schema).entries.size(), 1U);
  ChainFile(file, schema).append("t2", "second", {});
  const Chain chain = read_chain(file, schema);
  EXPECT_FALSE(chain.truncated_last_line);
  EXPECT_EQ(chain.entries.size(), 2U);
}

TEST_F(EvidenceTest, BytesThatAreNoTextDoNotBreakTheJournal) {
  const fs::path file = folder_ / "journal.jsonl";
  ChainFile(file, schema).append("t", "finding", {{"text", std::string("last words: \xff\xfe")}});
  EXPECT_THAT(read_chain(file, schema).entries[0].text("text"), HasSubstr("last words"));
}

TEST_F(EvidenceTest, TheJournalTellsWhatCountsAsStarted) {
  const fs::path file = folder_ / "journal.jsonl";
  {
    ChainFile chain(file, journal_schema);
    chain.append("t0", "campaign_started", {{"system", std::string("S")}, {"number", std::int64_t{3}}});
    const std::vector<std::string> cases = {"a", "b", "c"};
    chain.append("t1", "start_started", {{"start", std::int64_t{1}}, {"cases", cases}});
    chain.append("t2", "start_finished",
                 {{"start", std::int64_t{1}}, {"attempted", std::vector<std::string>{"a", "b"}}});
    chain.append("t3", "start_started", {{"start", std::int64_t{2}}, {"cases", cases}});
    chain.append("t4", "node_conceded", {{"node", std::string("n9")}, {"reason", std::string("dead")}});
  }
  const JournalStory story = read_journal(file);
  EXPECT_EQ(story.started, "t0");
  EXPECT_EQ(story.number, 3);
  EXPECT_EQ(story.finished, "");
  ASSERT_EQ(story.starts.size(), 2U);
  EXPECT_THAT(story.starts[0].attempted, ElementsAre("a", "b"));
  // The runner was killed in the second start: all of its cases count against a pass.
  EXPECT_THAT(story.starts[1].attempted, ElementsAre("a", "b", "c"));
  EXPECT_FALSE(story.starts[1].finished);
  EXPECT_EQ(story.conceded.at("n9"), "dead");
}

TEST_F(EvidenceTest, CampaignsAreNumberedPerTargetsAndSystem) {
  const fs::path file = folder_ / "REGISTER.jsonl";
  const RegisterEntry a{0, "a", "S", "targets1", "plan", "t", ""};
  EXPECT_EQ(register_started(file, a), 1);
  EXPECT_EQ(register_started(file, {0, "b", "S", "targets1", "other plan", "t", ""}), 2);
  EXPECT_EQ(register_started(file, {0, "c", "other", "targets1", "plan", "t", ""}), 1);
  EXPECT_EQ(register_started(file, {0, "d", "S", "targets2", "plan", "t", ""}), 1);
  EXPECT_EQ(register_started(file, {0, "e", "S", "targets1", "plan", "t", ""}), 3);
  register_finished(file, "b", "t", "Passes");
  const auto all = read_register(file);
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[1].headline, "Passes");
  EXPECT_EQ(all[0].headline, "");
  std::vector<std::string> names;
  for (const RegisterEntry& entry : siblings_of("e", 3, all)) names.push_back(entry.folder);
  EXPECT_THAT(names, ElementsAre("a", "b", "e"));
  EXPECT_TRUE(siblings_of("unknown", 1, all).empty());
  EXPECT_TRUE(siblings_of("e", 1, all).empty());
}

TEST_F(EvidenceTest, ARemovedCampaignBreaksTheRegister) {
  const fs::path file = folder_ / "REGISTER.jsonl";
  for (const char* name : {"bad", "good"}) register_started(file, {0, name, "S", "t", "p", "t", ""});
  const std::string content = read_file(file);
  std::ofstream(file, std::ios::binary) << content.substr(content.find('\n') + 1);
  EXPECT_THAT(message([&] { read_register(file); }),
              HasSubstr("REGISTER.jsonl:1: the chain of hashes breaks"));
  EXPECT_THAT(message([&] {
                register_started(file, {0, "x", "S", "t", "p", "t", ""});
              }),
              HasSubstr("breaks"));
}

Catalogue catalogue() {
  Catalogue known;
  BenchmarkSpec spec;
  spec.name = "compute/gemm";
  spec.title = "Matrix product";
  spec.area = "compute";
  ParameterSpec m;
  m.name = "m";
  m.default_value = std::int64_t{64};
  spec.parameters = {m};
  spec.foms = {{"rate", "FLOP/s", Better::higher, "", {}}};
  known.benchmarks = {spec};
  return known;
}

constexpr const char* plan_text =
    "schema = \"assay.plan/1\"\nname = \"p\"\n[repeat]\nlaunches = { max = 12, stop = \"decided\" }\n"
    "[[case]]\nbenchmark = \"compute/gemm\"\ngeometry = { nodes = 1, ranks_per_node = 1 }\n";
constexpr const char* targets_text = "made up";

/// A folder as the runner leaves it, with `launches` good launches.
void make_campaign(const fs::path& folder, int launches) {
  fs::create_directories(folder);
  write_file(folder / layout::plan, plan_text);
  write_file(folder / layout::targets, targets_text);
  const Plan plan = parse_plan(plan_text, "plan.toml", catalogue());
  const int number =
      register_started(folder.parent_path() / layout::register_file,
                       {0, folder.filename().string(), "S", sha256_hex(targets_text), plan.sha256, "t", ""});
  ChainFile journal(folder / layout::journal, journal_schema);
  journal.append("t0", "campaign_started",
                 {{"system", std::string("S")},
                  {"number", std::int64_t{number}},
                  {"plan_sha256", plan.sha256},
                  {"targets_sha256", sha256_hex(targets_text)}});
  AppendFile records(folder / layout::records);
  const CaseIdentity& identity = plan.cases[0].identity;
  for (int start = 1; start <= launches; ++start) {
    journal.append("t", "start_started",
                   {{"start", std::int64_t{start}}, {"cases", std::vector<std::string>{identity.key()}}});
    Record record{identity.benchmark,
                  identity.parameters,
                  identity.geometry,
                  start,
                  1,
                  "n1",
                  "2026-11-22T10:00:00.000Z",
                  LaunchStatus::completed,
                  "",
                  {},
                  {},
                  {},
                  {},
                  ""};
    record.foms = {{"rate", 1e9, "FLOP/s", Better::higher, Reduce::median, {}}};
    DeviceResult device;
    device.kind = "cpu";
    device.name = "C";
    device.iterations = 1;
    device.samples_s = {1e-3};
    device.check = {CheckStatus::pass, 0.0, 1.0, "-"};
    record.devices = {device};
    records.append(to_json_line(record) + "\n");
    journal.append("t", "start_finished",
                   {{"start", std::int64_t{start}}, {"attempted", std::vector<std::string>{identity.key()}}});
  }
  journal.append("t9", "measured", {});
}

TEST_F(EvidenceTest, ALaterCampaignContinuesTheEarlierOnes) {
  make_campaign(folder_ / "one", 2);
  make_campaign(folder_ / "two", 3);
  make_campaign(folder_ / "three", 1);
  const Campaign campaign = read_campaign(folder_ / "three", catalogue(), true);
  EXPECT_EQ(campaign.journal.number, 3);
  EXPECT_THAT(campaign.counted, ElementsAre("one", "two"));
  EXPECT_TRUE(campaign.absent.empty());
  ASSERT_EQ(campaign.data.cases().size(), 1U);
  std::vector<int> of;
  for (const LaunchResults& launch : campaign.data.cases()[0].launches) of.push_back(launch.campaign);
  EXPECT_THAT(of, ElementsAre(-2, -2, -1, -1, -1, 0));
  // A campaign never counts the later ones.
  EXPECT_EQ(read_campaign(folder_ / "two", catalogue(), true).data.cases()[0].launches.size(), 5U);
  EXPECT_EQ(read_campaign(folder_ / "three", catalogue(), false).data.cases()[0].launches.size(), 1U);
}

TEST_F(EvidenceTest, AnEarlierCampaignThatIsGoneIsSaid) {
  make_campaign(folder_ / "one", 2);
  make_campaign(folder_ / "two", 3);
  fs::remove_all(folder_ / "one");
  const Campaign campaign = read_campaign(folder_ / "two", catalogue(), true);
  EXPECT_THAT(campaign.absent, ElementsAre("one"));
  ASSERT_FALSE(campaign.findings.empty());
  EXPECT_EQ(campaign.findings[0].code, "ASY-4009");
}

TEST_F(EvidenceTest, AnEarlierCampaignThatIsDamagedIsNotCounted) {
  make_campaign(folder_ / "one", 2);
  make_campaign(folder_ / "two", 1);
  std::string journal = read_file(folder_ / "one" / layout::journal);
  journal[journal.find("\"S\"") + 1] = 'X';
  std::ofstream(folder_ / "one" / layout::journal, std::ios::binary) << journal;
  EXPECT_THAT(read_campaign(folder_ / "two", catalogue(), true).absent, ElementsAre("one"));
}

TEST_F(EvidenceTest, ACampaignUnderAnothersNameIsFoundOut) {
  make_campaign(folder_ / "bad", 2);
  make_campaign(folder_ / "good", 1);
  // The good one put in the place of the bad one, as if it had been the first.
  fs::remove_all(folder_ / "bad");
  fs::copy(folder_ / "good", folder_ / "bad", fs::copy_options::recursive);
  EXPECT_FALSE(read_campaign(folder_ / "bad", catalogue(), true).registered);
  EXPECT_THAT(read_campaign(folder_ / "bad", catalogue(), true).absent, ElementsAre("campaigns 1 to 1"));
  EXPECT_THAT(read_campaign(folder_ / "good", catalogue(), true).absent, ElementsAre("bad"));
}

TEST_F(EvidenceTest, ACopyWithoutItsRegisterKnowsThatThereWereOthers) {
  make_campaign(folder_ / "a/one", 2);
  make_campaign(folder_ / "a/two", 1);
  fs::create_directories(folder_ / "b");
  fs::copy(folder_ / "a/two", folder_ / "b/two", fs::copy_options::recursive);
  EXPECT_THAT(read_campaign(folder_ / "b/two", catalogue(), true).absent, ElementsAre("campaigns 1 to 1"));
  EXPECT_TRUE(read_campaign(folder_ / "b/two", catalogue(), false).absent.empty());
}

TEST_F(EvidenceTest, ACampaignOutsideTheRegisterSaysSo) {
  make_campaign(folder_ / "one", 1);
  fs::remove(folder_ / layout::register_file);
  const Campaign campaign = read_campaign(folder_ / "one", catalogue(), true);
  EXPECT_FALSE(campaign.registered);
  ASSERT_EQ(campaign.findings.size(), 1U);
  EXPECT_EQ(campaign.findings[0].code, "ASY-4008");
}

TEST_F(EvidenceTest, DamagedRecordsAreNamedAndNothingIsOverwritten) {
  make_campaign(folder_ / "one", 3);
  const fs::path file = folder_ / "one" / layout::records;
  const std::string whole = read_file(file);
  const std::size_t second = whole.find('\n') + 1;

  // Cut off at the end by a kill: read up to there.
  std::ofstream(file, std::ios::binary) << whole.substr(0, whole.size() - 20);
  const Campaign cut = read_campaign(folder_ / "one", catalogue(), true);
  EXPECT_EQ(cut.data.cases()[0].launches.size(), 3U);  // the third was started and stays a miss
  EXPECT_EQ(cut.data.cases()[0].launches[2].status, LaunchStatus::failed);
  ASSERT_EQ(cut.findings.size(), 1U);
  EXPECT_EQ(cut.findings[0].code, "ASY-4006");

  for (const auto& [from, to] :
       {std::pair{"{\"schema\"", "{\"surprise\":1,\"schema\""}, std::pair{"assay.record/1", "assay.record/7"},
        std::pair{"\"samples_s\":[", "\"samples_s\":[NaN,"}, std::pair{"{", "}{"}}) {
    std::string damaged = whole;
    damaged.replace(damaged.find(from, second), std::string_view(from).size(), to);
    std::ofstream(file, std::ios::binary) << damaged;
    EXPECT_THAT(message([&] { read_campaign(folder_ / "one", catalogue(), true); }),
                HasSubstr("records.jsonl:2:"))
        << to;
    EXPECT_EQ(read_file(file), damaged);
  }
}

TEST_F(EvidenceTest, AnotherPlanThanTheCampaignWasRunWithIsRefused) {
  make_campaign(folder_ / "one", 1);
  write_file(folder_ / "one" / layout::plan, std::string(plan_text) + "# edited\n");
  EXPECT_THAT(message([&] { read_campaign(folder_ / "one", catalogue(), true); }),
              HasSubstr("not the file that the campaign"));
}

TEST_F(EvidenceTest, AFolderThatIsNoCampaignIsRefused) {
  EXPECT_THAT(message([&] { read_campaign(folder_, catalogue(), true); }), HasSubstr("this is no campaign"));
}

TEST_F(EvidenceTest, MachineFactsThatCouldNotBeReadAreAbsent) {
  const Machine machine = parse_machine(
      R"({"schema":"assay.machine/1","nodes":[{"node":"n1","facts":{"cores":2,"clock_hz":null,"smt":false,"cpu_model":"C"}}],
          "mpi":{"library":"MPICH","ranks":2},"environment":{"OMP_NUM_THREADS":"1"},"warnings":["X=1 is inherited"]})",
      "machine.json");
  ASSERT_EQ(machine.nodes.size(), 1U);
  EXPECT_EQ(std::get<std::int64_t>(machine.nodes[0].facts.at("cores")), 2);
  EXPECT_FALSE(machine.nodes[0].facts.contains("clock_hz"));
  EXPECT_THAT(machine.about,
              ElementsAre(testing::Pair("mpi.library", "MPICH"), testing::Pair("mpi.ranks", "2"),
                          testing::Pair("OMP_NUM_THREADS", "1")));
  EXPECT_THAT(machine.warnings, ElementsAre("X=1 is inherited"));
  for (const char* text :
       {"", "[]", "{}", R"({"schema":"assay.machine/2","nodes":[{"node":"a","facts":{}}]})",
        R"({"schema":"assay.machine/1","nodes":[]})", R"({"schema":"assay.machine/1","nodes":[{"node":1}]})",
        R"({"schema":"assay.machine/1","nodes":[{"node":"a","facts":{"x":[1]}}]})"}) {
    EXPECT_THAT(message([&] { parse_machine(text, "machine.json"); }), HasSubstr("machine.json")) << text;
  }
}

}  // namespace
}  // namespace assay
