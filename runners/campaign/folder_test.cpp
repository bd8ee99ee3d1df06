#include "runners/campaign/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "reports/base/error.h"
#include "reports/evidence/journal.h"
#include "reports/evidence/layout.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CampaignFolderTest : public testing::Test {
 protected:
  CampaignFolderTest()
      : parent_(fs::temp_directory_path() / ("assay-folder-" + std::to_string(::getpid()))) {}
  ~CampaignFolderTest() override { fs::remove_all(parent_); }
  fs::path parent_;
};

TEST_F(CampaignFolderTest, TwoCampaignsOfOneSecondHaveFoldersOfTheirOwn) {
  const CampaignFolder first(parent_, "my plan/../x");
  const CampaignFolder second(parent_, "my plan/../x");
  EXPECT_NE(first.path(), second.path());
  EXPECT_EQ(first.path().parent_path(), parent_);  // no way out of the parent
  EXPECT_THAT(first.name(), testing::StartsWith("my-plan----x-20"));
}

TEST_F(CampaignFolderTest, ASecondRunnerIsKeptOff) {
  const CampaignFolder folder(parent_, "p");
  try {
    const FolderLock lock(folder.path());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ExitStatus::cannot_run);
    EXPECT_THAT(error.what(), HasSubstr("another assay"));
  }
}

TEST_F(CampaignFolderTest, WhatIsWrittenCanBeReadAgain) {
  fs::path path;
  {
    CampaignFolder folder(parent_, "p");
    path = folder.path();
    folder.keep(layout::plan, "text\n");
    folder.finding({"ASY-4001", "words"});
    EXPECT_EQ(folder.attach("abc"), sha256_hex("abc"));
    EXPECT_EQ(folder.start_folders(1, {{"n1"}}).front(), path / "starts/1");
    EXPECT_EQ(folder.start_folders(2, {{"n1"}, {"n2"}}).back(), path / "starts/2/n2");
  }
  EXPECT_EQ(read_file(path / layout::plan), "text\n");
  EXPECT_EQ(read_file(path / layout::attachments / sha256_hex("abc")), "abc");
  ASSERT_EQ(read_journal(path / layout::journal).findings.size(), 1U);
}

TEST_F(CampaignFolderTest, AnAttachmentIsTakenOverOnlyWithItsContent) {
  const CampaignFolder folder(parent_, "p");
  const fs::path from = folder.path() / "starts/1/attachments";
  fs::create_directories(from);
  write_file(from / sha256_hex("abc"), "abc");
  write_file(from / sha256_hex("xyz"), "altered");
  folder.adopt(from, sha256_hex("abc"));
  EXPECT_EQ(read_file(folder.path() / layout::attachments / sha256_hex("abc")), "abc");
  EXPECT_FALSE(fs::exists(from / sha256_hex("abc")));
  EXPECT_THROW(folder.adopt(from, sha256_hex("xyz")), Error);
  EXPECT_THROW(folder.adopt(from, sha256_hex("never written")), Error);
  EXPECT_FALSE(fs::exists(folder.path() / layout::attachments / sha256_hex("xyz")));
}

TEST_F(CampaignFolderTest, AnImpossiblePlaceIsSaid) {
  EXPECT_THROW(CampaignFolder("/proc/nowhere", "p"), Error);
  EXPECT_THROW(write_quickly("/proc/nowhere/x", "y"), Error);
}

}  // namespace
}  // namespace assay
