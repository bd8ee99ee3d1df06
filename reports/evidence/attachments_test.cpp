// Attachments as they lie in a campaign's folder: whole, missing, altered, no matrix at all.
#include "reports/evidence/attachments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reports/base/files.h"
#include "reports/evidence/campaign.h"
#include "reports/evidence/chain.h"
#include "reports/evidence/layout.h"
#include "reports/record/link_matrix.h"
#include "reports/record/record_json.h"

namespace assay {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// Eight nodes; n5 reaches 0.6 of the others.
LinkMatrix matrix() {
  LinkMatrix made;
  for (int i = 0; i < 8; ++i) made.endpoints.push_back({"n" + std::to_string(i), i});
  for (int i = 0; i < 8; ++i) {
    for (int j = i + 1; j < 8; ++j) made.codes.push_back(link_code(i == 5 || j == 5 ? 6e9 : 10e9));
  }
  return made;
}

class AttachmentsTest : public testing::Test {
 protected:
  AttachmentsTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("assay-attachments-" + std::string(info->name()) + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(attachments());
  }
  ~AttachmentsTest() override { fs::remove_all(folder_); }

  fs::path attachments() const { return folder_ / layout::attachments; }
  std::string attach(const std::string& bytes) const {
    write_file(attachments() / sha256_hex(bytes), bytes);
    return sha256_hex(bytes);
  }
  static Record record(const std::vector<std::string>& hashes) {
    Record made;
    made.benchmark = "fabric/links";
    made.parameters = {{"pattern", std::string("pairs")}};
    made.geometry.nodes = 8;
    made.position = 1;
    made.node = "n0";
    made.started = "2026-11-22T10:00:00.000Z";
    made.attachments = hashes;
    made.foms = {{"slowest", 1e6, "B/s", Better::higher, Reduce::median, {}}};
    DeviceResult device;
    device.kind = "group";
    device.name = "8 ranks";
    device.iterations = 1;
    device.samples_s = {1e-3};
    device.check = {CheckStatus::pass, 0.0, 0.0, "-"};
    made.devices = {device};
    return made;
  }

  fs::path folder_;
};

TEST_F(AttachmentsTest, AMatrixIsDiagnosed) {
  const Attached attached = read_attached(record({attach(encode_links(matrix()))}), attachments());
  EXPECT_EQ(attached.trouble, "");
  ASSERT_TRUE(attached.links);
  ASSERT_EQ(attached.links->nodes.size(), 1U);
  EXPECT_EQ(attached.links->nodes[0].name, "n5");
}

TEST_F(AttachmentsTest, OtherAttachmentsAreOnlyVerified) {
  Record other = record({attach("loss per step")});
  other.benchmark = "training/llm_step";
  EXPECT_EQ(read_attached(other, attachments()).trouble, "");
  EXPECT_FALSE(read_attached(other, attachments()).links);
}

TEST_F(AttachmentsTest, MissingAlteredOrDamagedIsTrouble) {
  const std::string bytes = encode_links(matrix());
  const std::string hash = attach(bytes);
  std::string altered = bytes;
  altered.back() = static_cast<char>(altered.back() ^ 1);
  std::ofstream(attachments() / hash, std::ios::binary) << altered;
  EXPECT_THAT(read_attached(record({hash}), attachments()).trouble, HasSubstr("was altered"));
  fs::remove(attachments() / hash);
  EXPECT_THAT(read_attached(record({hash}), attachments()).trouble, HasSubstr("is missing"));
  // Its hash is right, its content is not: a worker that wrote half of it.
  const std::string half = attach(bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(read_attached(record({half}), attachments()).trouble, HasSubstr("cannot be read"));
  fs::create_directories(attachments() / sha256_hex("folder"));
  EXPECT_NE(read_attached(record({sha256_hex("folder")}), attachments()).trouble, "");
}

TEST_F(AttachmentsTest, AllPairsWithoutAMatrixIsTrouble) {
  EXPECT_THAT(read_attached(record({}), attachments()).trouble, HasSubstr("no link matrix"));
  Record bisection = record({});
  bisection.parameters["pattern"] = std::string("bisection");
  EXPECT_EQ(read_attached(bisection, attachments()).trouble, "");
  Record failed = record({});
  failed.status = LaunchStatus::failed;
  EXPECT_EQ(read_attached(failed, attachments()).trouble, "");
}

TEST_F(AttachmentsTest, ACampaignReadsThemAndSaysWhatIsMissing) {
  Catalogue catalogue;
  BenchmarkSpec spec;
  spec.name = "fabric/links";
  spec.scope = Scope::group;
  spec.parameters = {
      {"pattern", ParameterType::choice, "", std::string("pairs"), {"pairs", "ring"}, {}, {}, ""}};
  spec.foms = {{"slowest", "B/s", Better::higher, "", {}}};
  catalogue.benchmarks = {spec};
  const Plan plan = parse_plan(
      "schema = \"assay.plan/1\"\nname = \"p\"\n[repeat]\nlaunches = { max = 12, stop = \"decided\" }\n"
      "[[case]]\nbenchmark = \"fabric/links\"\ngeometry = { nodes = 8, ranks_per_node = 1 }\n",
      "plan.toml", catalogue);
  const std::string there = attach(encode_links(matrix()));
  {
    AppendFile records(folder_ / layout::records);
    for (int start = 1; start <= 2; ++start) {
      Record one = record({start == 1 ? there : sha256_hex("gone")});
      one.start = start;
      records.append(to_json_line(one) + "\n");
    }
  }
  CampaignData data;
  std::vector<Finding> findings;
  add_evidence(folder_, plan, {}, 0, data, findings);
  ASSERT_EQ(data.cases().size(), 1U);
  const auto& launches = data.cases()[0].launches;
  ASSERT_EQ(launches.size(), 2U);
  EXPECT_EQ(launches[0].states.at(0), ValueState::valid);
  ASSERT_TRUE(launches[0].links);
  EXPECT_EQ(launches[0].links->nodes.at(0).name, "n5");
  EXPECT_EQ(launches[1].states.at(0), ValueState::incomplete);
  EXPECT_FALSE(launches[1].links);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "ASY-1015");
  EXPECT_THAT(findings[0].text, HasSubstr("fabric/links in start 2"));
}

}  // namespace
}  // namespace assay
