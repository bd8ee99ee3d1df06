#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"
#include "suites/memory/latency/chase.h"

namespace assay::bench {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kibibyte = 1024;

TEST(RandomCycle, VisitsEveryLineOnceBeforeItIsBack) {
  for (const std::uint32_t count : {2u, 3u, 64u, 1000u, 65536u}) {
    const auto next = random_cycle(count, 5);
    std::vector<char> seen(count, 0);
    std::uint32_t at = 0;
    for (std::uint32_t step = 0; step < count; ++step) {
      ASSERT_LT(at, count);
      EXPECT_EQ(seen[at], 0) << count << " after " << step;
      seen[at] = 1;
      at = next[at];
    }
    EXPECT_EQ(at, 0u);
  }
}

TEST(RandomCycle, DependsOnTheSeedAndIsNoWalkInOrder) {
  const auto one = random_cycle(1000, 1);
  EXPECT_EQ(one, random_cycle(1000, 1));
  EXPECT_NE(one, random_cycle(1000, 2));
  int neighbours = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) neighbours += one[i] == i + 1 ? 1 : 0;
  EXPECT_LT(neighbours, 10);  // one is expected
}

TEST(Chase, EndsWhereSoManyStepsLead) {
  Chase chase(4 * kibibyte, 64, 3, PageSize::normal);
  EXPECT_EQ(chase.lines(), 64u);
  EXPECT_EQ(chase.check().status, CheckStatus::fail);  // nothing was walked
  chase.walk(64);
  EXPECT_EQ(chase.check().status, CheckStatus::pass) << chase.check().how;
  chase.walk(37);
  chase.walk(100);
  EXPECT_EQ(chase.loads(), 201u);
  EXPECT_EQ(chase.check().status, CheckStatus::pass) << chase.check().how;
}

TEST(Chase, AWrongPointerIsFoundWhereverItIs) {
  Chase chase(4 * kibibyte, 64, 3, PageSize::normal);
  chase.walk(10);
  for (std::uint32_t line = 0; line < chase.lines(); ++line) {
    std::byte* const right = chase.pointer(line);
    chase.pointer(line) = chase.pointer((line + 1) % chase.lines());
    const Check check = chase.check();
    EXPECT_EQ(check.status, CheckStatus::fail);
    EXPECT_EQ(check.error, 1.0);
    EXPECT_THAT(check.how, HasSubstr("first in line " + std::to_string(line)));
    chase.pointer(line) = right;
  }
  EXPECT_EQ(chase.check().status, CheckStatus::pass);
}

TEST(Chase, AShortCycleEndsElsewhere) {
  Chase chase(4 * kibibyte, 64, 3, PageSize::normal);
  std::byte* const first = chase.pointer(0);
  chase.pointer(0) = reinterpret_cast<std::byte*>(&chase.pointer(0));  // it never leaves line 0
  chase.walk(5);
  chase.pointer(0) = first;
  EXPECT_THAT(chase.check().how, HasSubstr("another line"));
  EXPECT_EQ(chase.check().status, CheckStatus::fail);
}

TEST(Chase, AWalkThatWasNotDoneIsFound) {
  Chase chase(4 * kibibyte, 64, 3, PageSize::normal);
  chase.walk(64);
  chase.forget_end();
  EXPECT_EQ(chase.check().status, CheckStatus::fail);
  chase.walk(1);
  EXPECT_EQ(chase.check().status, CheckStatus::pass);
}

TEST(Level, IsTheNearestThatHoldsTheSet) {
  Caches caches;
  EXPECT_EQ(level_of(kibibyte, caches, 1), "unknown");
  caches.l1_bytes = 32 * kibibyte;
  caches.l2_bytes = 1024 * kibibyte;
  caches.l3_bytes = 32 * 1024 * kibibyte;
  EXPECT_EQ(level_of(32 * kibibyte, caches, 8), "L1");
  EXPECT_EQ(level_of(33 * kibibyte, caches, 8), "L2");
  EXPECT_EQ(level_of(4096 * kibibyte, caches, 8), "L3");
  EXPECT_EQ(level_of(4097 * kibibyte, caches, 8), "memory");  // eight ranks share it
  EXPECT_EQ(level_of(4097 * kibibyte, caches, 1), "L3");
}

TEST(LatencySpec, RefusesWhatItCannotHold) {
  const Benchmark& benchmark = find_benchmark("memory/latency");
  ProcessGroup group;
  const Context context{group};
  Parameters parameters = complete_parameters(benchmark.spec, {{"bytes", std::int64_t{100}}}, {});
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("1 KiB"));
  parameters["bytes"] = std::int64_t{1} << 36;
  // 64 GiB fit some machines; where they do not, it says so.
  const std::string reason = benchmark.unsupported(parameters, context);
  if (!reason.empty()) {
    EXPECT_THAT(reason, HasSubstr("smaller working set"));
  }
  parameters["bytes"] = std::int64_t{0};
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
}

}  // namespace
}  // namespace assay::bench
