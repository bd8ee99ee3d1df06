#include "suites/io/support/block_io.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "reports/base/error.h"
#include "suites/harness/launched_program.h"
#include "suites/io/support/pattern.h"
#include "suites/io/support/residency.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

constexpr std::size_t block = 8192;
constexpr std::int64_t blocks = 37;

class BlockIoTest : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (GetParam() == Engine::io_uring && !io_uring_unsupported().empty()) {
      GTEST_SKIP() << io_uring_unsupported();
    }
    path_ = scratch_ / "file";
  }
  ~BlockIoTest() override {
    if (descriptor_ >= 0) close(descriptor_);
  }

  /// O_DIRECT where the file system knows it (tmpfs before Linux 6.6 does not).
  void open_file(int flags) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | flags, 0600);
    if (descriptor_ < 0) descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_GE(descriptor_, 0);
  }

  BlockRequest request(Direction direction, std::int64_t i, int slot) const {
    return {slot, direction, descriptor_, static_cast<std::uint64_t>(i) * block, block, &path_};
  }

  std::int64_t write_all(BlockIo& io, const std::function<bool()>& go_on = {}) {
    return run_blocks(
        io, blocks,
        [&](std::int64_t i, int slot) {
          pattern_.fill(io.buffer(slot), block, 5, static_cast<std::uint64_t>(i) * block);
          return request(Direction::write, i, slot);
        },
        [](std::int64_t, int, double) {}, {}, go_on);
  }

  /// Compares all; also that each block comes exactly once.
  Comparison read_all(BlockIo& io, std::int64_t count = blocks) {
    Comparison comparison;
    std::vector<int> times(static_cast<std::size_t>(count));
    run_blocks(
        io, count, [&](std::int64_t i, int slot) { return request(Direction::read, i, slot); },
        [&](std::int64_t i, int slot, double) {
          ++times[static_cast<std::size_t>(i)];
          comparison.add(block,
                         pattern_.compare(io.buffer(slot), block, 5, static_cast<std::uint64_t>(i) * block),
                         "file");
        });
    EXPECT_EQ(std::count(times.begin(), times.end(), 1), count);
    return comparison;
  }

  std::string failure_of_writing(BlockIo& io) {
    try {
      write_all(io);
    } catch (const Error& error) {
      EXPECT_EQ(io.under_way(), 0);
      return error.what();
    }
    return {};
  }

  ScratchFolder scratch_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  Pattern pattern_{99};
};

INSTANTIATE_TEST_SUITE_P(Engines, BlockIoTest, testing::Values(Engine::io_uring, Engine::posix),
                         [](const auto& engine) {
                           return engine.param == Engine::posix ? "posix" : "io_uring";
                         });

TEST_P(BlockIoTest, WhatIsWrittenIsRead) {
  for (const int flags : {O_DIRECT, 0}) {
    for (const int depth : {1, 4, 64}) {
      open_file(flags | O_TRUNC);
      const auto io = make_block_io({GetParam(), depth, block});
      EXPECT_EQ(io->slots(), GetParam() == Engine::posix ? 1 : depth);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(io->buffer(io->slots() - 1)) % 4096, 0u);
      EXPECT_EQ(write_all(*io), blocks);
      const Comparison comparison = read_all(*io);
      EXPECT_EQ(comparison.bytes, block * blocks);
      EXPECT_EQ(comparison.wrong, 0u) << comparison.first;
      close(descriptor_);
    }
  }
  descriptor_ = -1;
}

TEST_P(BlockIoTest, OneWrongByteIsFoundAndNamed) {
  open_file(0);
  const auto io = make_block_io({GetParam(), 8, block});
  write_all(*io);
  std::vector<std::byte> one(1);
  pattern_.fill(one.data(), 1, 5, 77777);
  const char flipped = static_cast<char>(static_cast<unsigned char>(one[0]) ^ 1U);
  ASSERT_EQ(pwrite(descriptor_, &flipped, 1, 77777), 1);
  const Comparison comparison = read_all(*io);
  EXPECT_EQ(comparison.wrong, 1u);
  EXPECT_THAT(comparison.first, HasSubstr("byte 77777: 0x"));
}

TEST_P(BlockIoTest, StopsWhenToldTo) {
  open_file(0);
  const auto io = make_block_io({GetParam(), 4, block});
  int left = 10;
  EXPECT_EQ(write_all(*io, [&] { return left-- > 0; }), 10);
  EXPECT_EQ(read_all(*io, 10).wrong, 0u);
}

TEST_P(BlockIoTest, AFileThatEndsEarlyIsAnError) {
  open_file(0);
  const auto io = make_block_io({GetParam(), 4, block});
  write_all(*io);
  ASSERT_EQ(ftruncate(descriptor_, 10 * block + 4096), 0);
  try {
    read_all(*io);
    FAIL() << "bytes that are not there were read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the file ends at or before byte "));
    EXPECT_EQ(io->under_way(), 0);
  }
  EXPECT_EQ(read_all(*io, 10).wrong, 0u);  // the engine can still be used
}

TEST_P(BlockIoTest, AFullDiskSaysSo) {
  path_ = "/dev/full";
  descriptor_ = open("/dev/full", O_RDWR);
  ASSERT_GE(descriptor_, 0);
  const auto io = make_block_io({GetParam(), 4, block});
  EXPECT_THAT(failure_of_writing(*io),
              testing::AllOf(HasSubstr("/dev/full: cannot write 8192 bytes at offset "),
                             HasSubstr("No space left"), HasSubstr("free some")));
}

TEST_P(BlockIoTest, AShortWriteIsContinuedUntilTheReasonIsKnown) {
  open_file(0);
  const auto io = make_block_io({GetParam(), 1, block});
  // The limit lies within a block: its write is short first, and then fails.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 3 * block + 1000;
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string failure = failure_of_writing(*io);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(failure,
              testing::AllOf(HasSubstr("cannot write 7192 bytes at offset 25576"), HasSubstr("ulimit -f")));
}

TEST_P(BlockIoTest, ReadingWithoutPermissionToIsAnError) {
  open_file(0);
  const auto io = make_block_io({GetParam(), 4, block});
  close(descriptor_);
  descriptor_ = open(path_.c_str(), O_RDONLY);
  EXPECT_THAT(failure_of_writing(*io), HasSubstr("cannot write"));
}

TEST(Engine, BuffersBeyondTheMemoryAreRefused) {
  try {
    make_block_io({Engine::io_uring, 4096, std::size_t{1} << 30});
    FAIL() << "4 TiB of buffers";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("give a smaller block or queue_depth"));
  }
}

TEST(Engine, Names) {
  EXPECT_EQ(parse_engine("io_uring"), Engine::io_uring);
  EXPECT_EQ(parse_engine("posix"), Engine::posix);
  EXPECT_THROW(parse_engine("mpiio"), Error);
}

TEST(Residency, PagesAreSeenAndDropped) {
  const ScratchFolder scratch;
  const int descriptor = open((scratch / "f").c_str(), O_RDWR | O_CREAT, 0600);
  const std::vector<char> bytes(1 << 20, 'x');
  ASSERT_EQ(write(descriptor, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(resident_share(descriptor, 0, bytes.size()), 1.0);
  EXPECT_EQ(resident_share_by_mincore(descriptor, 0, bytes.size()), 1.0);
  EXPECT_EQ(drop_pages(descriptor), 0);
  // On tmpfs nothing can be dropped: the file is the page cache.
  const auto left = resident_share(descriptor, 0, bytes.size());
  ASSERT_TRUE(left);
  EXPECT_TRUE(*left == 0 || *left == 1) << *left;
  EXPECT_EQ(resident_share_by_mincore(descriptor, 0, bytes.size()), left);
  char one = 0;
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
  ASSERT_EQ(pread(descriptor, &one, 1, 500'000), 1);
  EXPECT_GE(*resident_share(descriptor, 499'712, 4096), 1.0);
  close(descriptor);
  EXPECT_EQ(resident_share(-1, 0, 4096), std::nullopt);
}

}  // namespace
}  // namespace assay::bench
