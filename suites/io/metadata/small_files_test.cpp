#include "suites/io/metadata/small_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "reports/base/error.h"
#include "suites/harness/launched_program.h"
#include "suites/io/support/file_size_limit.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

class SmallFilesTest : public testing::Test {
 protected:
  SmallFilesTest() : folder_(open((scratch_ / "").c_str(), O_RDONLY | O_DIRECTORY)) {}
  ~SmallFilesTest() override { close(folder_); }

  SmallFiles files(std::int64_t pass = 0) const { return {folder_, names_, 3, pass}; }
  SmallFilesResult read_back(std::int64_t pass = 0) { return read_files(files(pass), contents_, buffer_); }
  std::int64_t entries() const { return count_entries(scratch_ / ""); }

  ScratchFolder scratch_;
  int folder_;
  FileNames names_{5};
  FileContents contents_{7, 100};
  std::vector<std::byte> buffer_ = std::vector<std::byte>(101);
};

TEST(FileNames, AreOfOneWidth) {
  const FileNames names(1001, "r000002-");
  EXPECT_STREQ(names[0], "r000002-000000000");
  EXPECT_STREQ(names[1000], "r000002-000001000");
}

TEST(FileContents, DependOnRankFilePassAndSeed) {
  FileContents contents(1, 32);
  FileContents other(2, 32);
  std::set<std::string> all;
  const auto add = [&](const std::byte* bytes) {
    all.emplace(reinterpret_cast<const char*>(bytes), std::size_t{32});
  };
  add(contents.of(0, 0, 0));
  add(contents.of(1, 0, 0));
  add(contents.of(0, 1, 0));
  add(contents.of(0, 0, 1));
  add(other.of(0, 0, 0));
  EXPECT_EQ(all.size(), 5u);
  add(contents.of(0, 0, 0));
  EXPECT_EQ(all.size(), 5u);
}

TEST_F(SmallFilesTest, ALifeOfFiveFiles) {
  SmallFilesResult result = create_files(files(), contents_);
  EXPECT_EQ(result.done, 5);
  EXPECT_EQ(result.made, 5);
  EXPECT_EQ(result.refused, 0);
  EXPECT_EQ(entries(), 5);
  EXPECT_EQ(std::filesystem::file_size(scratch_ / "f000000004"), 100u);
  result = stat_files(files(), 100);
  EXPECT_EQ(result.done, 5);
  EXPECT_EQ(result.wrong, 0);
  result = read_back();
  EXPECT_EQ(result.done, 5);
  EXPECT_EQ(result.wrong, 0) << result.first_wrong;
  result = remove_files(files());
  EXPECT_EQ(result.done, 5);
  EXPECT_EQ(entries(), 0);
}

TEST_F(SmallFilesTest, EmptyFilesAreFilesToo) {
  FileContents empty(7, 0);
  EXPECT_EQ(create_files(files(), empty).done, 5);
  EXPECT_EQ(stat_files(files(), 0).done, 5);
  EXPECT_EQ(read_files(files(), empty, buffer_).done, 5);
  std::ofstream(scratch_ / "f000000001") << "x";
  EXPECT_EQ(stat_files(files(), 0).wrong, 1);
  EXPECT_EQ(read_files(files(), empty, buffer_).wrong, 1);
}

TEST_F(SmallFilesTest, AWrongByteIsFound) {
  create_files(files(), contents_);
  std::fstream file(scratch_ / "f000000002", std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(99);
  const char last = static_cast<char>(file.get());
  file.seekp(99);
  file.put(static_cast<char>(last ^ 1));
  file.close();
  EXPECT_EQ(stat_files(files(), 100).wrong, 0);
  const SmallFilesResult result = read_back();
  EXPECT_EQ(result.wrong, 1);
  EXPECT_EQ(result.done, 4);
  EXPECT_THAT(result.first_wrong, HasSubstr("file f000000002 of rank 3 has 0x"));
  EXPECT_THAT(result.first_wrong, HasSubstr("at byte 99"));
}

TEST_F(SmallFilesTest, ShortAndLongFilesAreFound) {
  create_files(files(), contents_);
  std::filesystem::resize_file(scratch_ / "f000000000", 99);
  std::filesystem::resize_file(scratch_ / "f000000001", 101);
  SmallFilesResult result = stat_files(files(), 100);
  EXPECT_EQ(result.wrong, 2);
  EXPECT_EQ(result.first_wrong, "file f000000000 of rank 3 has 99 B instead of 100");
  result = read_back();
  EXPECT_EQ(result.wrong, 2);
  EXPECT_EQ(result.first_wrong, "file f000000000 of rank 3 gives 99 B instead of 100");
}

TEST_F(SmallFilesTest, AMissingFileIsFoundInEachPhase) {
  create_files(files(), contents_);
  std::filesystem::remove(scratch_ / "f000000003");
  EXPECT_EQ(stat_files(files(), 100).first_wrong, "file f000000003 of rank 3 is missing");
  EXPECT_EQ(read_back().wrong, 1);
  const SmallFilesResult result = remove_files(files());
  EXPECT_EQ(result.wrong, 1);
  EXPECT_EQ(result.done, 4);
  EXPECT_EQ(result.refused, 0);
}

TEST_F(SmallFilesTest, FilesOfAnEarlierPassAreWrong) {
  create_files(files(0), contents_);
  EXPECT_EQ(read_back(1).wrong, 5);
}

TEST_F(SmallFilesTest, NothingIsReplaced) {
  std::ofstream(scratch_ / "f000000002") << "in the way";
  const SmallFilesResult result = create_files(files(), contents_);
  EXPECT_EQ(result.made, 2);
  EXPECT_EQ(result.refused, 1);
  EXPECT_EQ(result.first_errno, EEXIST);
  EXPECT_EQ(result.first_refused, "create f000000002");
  EXPECT_EQ(std::filesystem::file_size(scratch_ / "f000000002"), 10u);
}

TEST_F(SmallFilesTest, AShortWriteIsRefused) {
  const FileSizeLimit limit(60);
  const SmallFilesResult result = create_files(files(), contents_);
  EXPECT_EQ(result.made, 1);
  EXPECT_EQ(result.done, 0);
  EXPECT_EQ(result.refused, 1);
  EXPECT_EQ(result.first_refused, "write f000000000");
  EXPECT_EQ(result.first_errno, ENOSPC);
}

TEST_F(SmallFilesTest, AFolderThatIsGoneCannotBeCounted) {
  EXPECT_THROW(count_entries(scratch_ / "gone"), Error);
}

}  // namespace
}  // namespace assay::bench
