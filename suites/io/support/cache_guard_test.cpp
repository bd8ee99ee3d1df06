#include "suites/io/support/cache_guard.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "suites/harness/launched_program.h"
#include "suites/io/support/storage_check.h"
#include "suites/io/support/storage_parameters.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

TEST(CacheGuard, SaysWhenMemoryAnswered) {
  EXPECT_EQ(CacheGuard::why_invalid(false, 0.0, 1.0), "");  // a buffered read fills the cache
  EXPECT_EQ(CacheGuard::why_invalid(true, 0.0, 0.0), "");
  EXPECT_EQ(CacheGuard::why_invalid(true, 0.009, 0.009), "");
  EXPECT_EQ(CacheGuard::why_invalid(true, std::nullopt, std::nullopt), "");
  EXPECT_THAT(CacheGuard::why_invalid(false, 0.5, 1.0),
              HasSubstr("50.00 % of what was read was in the page cache"));
  EXPECT_THAT(CacheGuard::why_invalid(true, 0.5, 0.0), HasSubstr("50.00 %"));
  EXPECT_THAT(CacheGuard::why_invalid(true, 0.0, 1.0), HasSubstr("O_DIRECT was not honoured"));
  EXPECT_THAT(CacheGuard::why_invalid(false, std::nullopt, 0.0), HasSubstr("cannot be told"));
}

TEST(CacheGuard, SeesABufferedReadOfARealFile) {
  const ScratchFolder scratch;
  ProcessGroup group;
  const Context context{group, 1, 0, 0, Fault::none, 1, {{"scratch", scratch / ""}}};
  Workspace workspace(context, "scratch", {1 << 20, 1});
  const OpenFile file = workspace.create_file("f", O_RDWR);
  const std::vector<char> bytes(1 << 20, 'x');
  ASSERT_EQ(write(file.descriptor(), bytes.data(), bytes.size()), 1 << 20);
  CacheGuard guard(true);
  guard.before(workspace, "f", {0, bytes.size()});
  std::vector<char> read_back(bytes.size());
  ASSERT_EQ(pread(file.descriptor(), read_back.data(), read_back.size(), 0), 1 << 20);
  guard.after(workspace, "f", {0, bytes.size()});
  guard.agree(group);
  std::map<std::string, std::string> path{{"invalid", "before"}};
  guard.add_to(path);
  EXPECT_THAT(path.at("invalid"), testing::StartsWith("before; "));
  std::map<std::string, double> metrics;
  guard.add_to(metrics);
  EXPECT_EQ(metrics.at("resident_after_read"), 1);
}

TEST(StorageCheck, FailsOnWrongAndOnMissingBytes) {
  const ProcessGroup group;
  Comparison compared;
  compared.bytes = 4096;
  EXPECT_EQ(storage_check(group, compared, 4096, "x").status, CheckStatus::pass);
  EXPECT_EQ(storage_check(group, compared, 4097, "x").status, CheckStatus::fail);
  EXPECT_EQ(storage_check(group, Comparison(), 0, "x").status, CheckStatus::fail);  // nothing is not right
  compared.add(0, WrongByte{5, 1, 2, 3}, "f");
  const Check check = storage_check(group, compared, 4096, "x");
  EXPECT_EQ(check.status, CheckStatus::fail);
  EXPECT_EQ(check.error, 3.0);
  EXPECT_EQ(check.how, "every byte of 4.096 kB: x; 3 wrong, first: file f, byte 5: 0x02 instead of 0x01");
}

TEST(StorageParameters, DirectMovesWholePages) {
  EXPECT_EQ(direct_unsupported(true, 8192), "");
  EXPECT_EQ(direct_unsupported(false, 47008), "");
  EXPECT_THAT(direct_unsupported(true, 47008), HasSubstr("4096"));
}

}  // namespace
}  // namespace assay::bench
