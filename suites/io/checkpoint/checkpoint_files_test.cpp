#include "suites/io/checkpoint/checkpoint_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "reports/base/error.h"
#include "suites/harness/launched_program.h"
#include "suites/io/support/file_size_limit.h"
#include "suites/io/support/residency.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t page = 4096;

/// Two files, the second not a whole number of blocks.
class CheckpointFiles : public testing::Test {
 protected:
  CheckpointFiles()
      : io_(make_block_io({Engine::posix, 1, 4 * page})),
        parts_(parts_of({4 * page, 11 * page}, 3, 2)),
        state_(15 * page),
        restored_(15 * page, std::byte{0xa5}) {
    fill_parts(pattern_, parts_, state_.data());
  }
  void write(bool direct = false) { write_parts(*io_, scratch_ / "", parts_, state_.data(), direct); }
  Comparison read(bool direct = false) {
    std::fill(restored_.begin(), restored_.end(), std::byte{0xa5});
    read_parts(*io_, scratch_ / "", parts_, restored_.data(), direct);
    return compare_parts(pattern_, parts_, restored_.data());
  }
  std::filesystem::path optimizer() const { return scratch_ / "optimizer-2-rank-00003"; }

  ScratchFolder scratch_;
  std::unique_ptr<BlockIo> io_;
  Pattern pattern_{99};
  std::vector<CheckpointPart> parts_;
  std::vector<std::byte> state_, restored_;
};

TEST(CheckpointParts, FollowTheShareOfTheRank) {
  const auto both = parts_of({8192, 4096}, 5, 7);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].file, "model-7-rank-00005");
  EXPECT_EQ(both[0].begin, 0u);
  EXPECT_EQ(both[0].bytes, 8192u);
  EXPECT_EQ(both[1].file, "optimizer-7-rank-00005");
  EXPECT_EQ(both[1].begin, 8192u);
  EXPECT_EQ(both[1].bytes, 4096u);
  EXPECT_NE(both[0].number, both[1].number);
  EXPECT_NE(both[0].number, parts_of({8192, 4096}, 6, 7)[0].number);
  EXPECT_NE(both[0].number, parts_of({8192, 4096}, 5, 8)[0].number);
  const auto one = parts_of({0, 4096}, 5, 7);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].file, "optimizer-7-rank-00005");
  EXPECT_EQ(one[0].begin, 0u);
}

TEST_F(CheckpointFiles, WhatIsSavedIsRestored) {
  write();
  EXPECT_EQ(std::filesystem::file_size(scratch_ / "model-2-rank-00003"), 4 * page);
  EXPECT_EQ(std::filesystem::file_size(optimizer()), 11 * page);
  const Comparison comparison = read();
  EXPECT_EQ(comparison.bytes, 15 * page);
  EXPECT_EQ(comparison.wrong, 0u) << comparison.first;
  EXPECT_TRUE(restored_ == state_);
}

TEST_F(CheckpointFiles, AWrongByteBetweenSaveAndRestoreIsFound) {
  write();
  std::fstream file(optimizer(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(5 * page + 17);
  const auto right = static_cast<char>(state_[9 * page + 17]);
  file.put(static_cast<char>(right ^ 4));
  file.close();
  const Comparison comparison = read();
  EXPECT_EQ(comparison.wrong, 1u);
  EXPECT_THAT(comparison.first,
              testing::AllOf(HasSubstr("optimizer-2-rank-00003"), HasSubstr(std::to_string(5 * page + 17))));
}

TEST_F(CheckpointFiles, ANanIsFound) {
  write();
  std::fstream file(optimizer(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(page);
  const std::string nan(8, '\xff');
  file.write(nan.data(), 8);
  file.close();
  EXPECT_GE(read().wrong, 6u);  // a byte of the pattern may happen to be 0xff
}

TEST_F(CheckpointFiles, FilesThatAreMissingOrShortAreFound) {
  EXPECT_GT(read().wrong, 14 * page);
  write();
  std::filesystem::resize_file(optimizer(), 10 * page);
  EXPECT_GT(read().wrong, 10 * page);
  EXPECT_LE(read().wrong, 11 * page);
}

TEST_F(CheckpointFiles, FilesOfAnotherPassAreWrong) {
  write();
  const auto later = parts_of({4 * page, 11 * page}, 3, 9);
  for (std::size_t i = 0; i < later.size(); ++i)
    std::filesystem::rename(scratch_ / parts_[i].file, scratch_ / later[i].file);
  parts_ = later;
  EXPECT_GT(read().wrong, 14 * page);
}

TEST_F(CheckpointFiles, PagesAreDropped) {
  write(false);
  const auto resident = [&] {
    const int file = open(optimizer().c_str(), O_RDONLY);
    const auto share = resident_share(file, 0, 11 * page);
    close(file);
    return share.value_or(0);
  };
  const double before = resident();
  drop_parts(scratch_ / "", parts_);
  EXPECT_LE(resident(), before);  // in a temporary folder that is memory they stay
  drop_parts(scratch_ / "", parts_of({4 * page, 11 * page}, 3, 8));  // not there: nothing to drop
  EXPECT_TRUE(is_whole(scratch_ / "", parts_[1]));
  EXPECT_FALSE(is_whole(scratch_ / "", parts_of({4 * page, 11 * page}, 3, 8)[1]));
}

TEST_F(CheckpointFiles, NothingIsReplaced) {
  std::ofstream(optimizer()) << "in the way";
  try {
    write();
    FAIL() << "a file was replaced";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("in the way"));
  }
  EXPECT_EQ(std::filesystem::file_size(optimizer()), 10u);
}

TEST_F(CheckpointFiles, AWriteThatIsRefusedIsAnError) {
  const FileSizeLimit limit(6 * page);
  try {
    write();
    FAIL() << "written beyond the limit";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("optimizer-2-rank-00003"));
  }
}

TEST(Training, StepsAddUpAndAreTakenBack) {
  std::vector<std::byte> state(64);
  const std::vector<std::byte> before = state;
  train(state.data(), state.size(), 1);
  train(state.data(), state.size(), 1);
  EXPECT_FALSE(state == before);
  std::vector<std::byte> twice = before;
  train(twice.data(), twice.size(), 2);
  EXPECT_TRUE(state == twice);
  train(state.data(), state.size(), -2);
  EXPECT_TRUE(state == before);
}

}  // namespace
}  // namespace assay::bench
