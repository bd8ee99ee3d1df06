#include "suites/memory/stream/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "suites/device/host/cpu.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/worker.h"
#include "suites/memory/stream/arrays.h"
#include "suites/memory/stream/kernels.h"

namespace assay::bench::stream {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// All instruction sets that this processor has.
std::vector<Isa> isas() {
  std::vector<Isa> all = {Isa::generic};
  if (device::cpu_features().fma) all.push_back(Isa::avx2);
  if (device::cpu_features().avx512) all.push_back(Isa::avx512);
  return all;
}

TEST(StreamSizes, ExceedFourTimesTheCacheTogether) {
  // 4 x 32 MiB over two ranks is 64 MiB each; the next whole MiB is beyond it.
  EXPECT_EQ(array_bytes(0, 32 * mebibyte, 2), 65 * mebibyte);
  EXPECT_EQ(array_bytes(0, 32 * mebibyte, 1), 129 * mebibyte);
  EXPECT_EQ(array_bytes(0, mebibyte, 1), 65 * mebibyte);  // never less than 64 MiB
  EXPECT_EQ(array_bytes(0, 0, 1), 257 * mebibyte);        // an unknown cache counts as 64 MiB
  EXPECT_EQ(array_bytes(1000, 32 * mebibyte, 2), 1024u);  // what is asked for, in whole lines
  EXPECT_EQ(array_bytes(768 * mebibyte, 0, 1), 768 * mebibyte);
}

TEST(StreamSizes, ThatDoNotFitAreRefusedWithNumbers) {
  EXPECT_EQ(does_not_fit(100, 2, 0), "");
  EXPECT_EQ(does_not_fit(3 * mebibyte, 1, 10 * mebibyte), "");  // 9 of 10 MiB: nine tenths
  const std::string reason = does_not_fit(3 * mebibyte, 2, 10 * mebibyte);
  EXPECT_THAT(reason, HasSubstr("3 MiB"));
  EXPECT_THAT(reason, HasSubstr("18.87 MB"));  // 3 x 3 MiB x 2 ranks
  EXPECT_THAT(reason, HasSubstr("10.49 MB"));
}

TEST(StreamExpected, IsThatOfBabelStream) {
  // By hand: pass 1 from a = 0.1: b = 0.04, c = 0.14, a = 0.04 + 0.056 = 0.096.
  const StreamValues one = expected<double>(1, 1000);
  EXPECT_NEAR(static_cast<double>(one.a), 0.096, 1e-16);
  EXPECT_NEAR(static_cast<double>(one.b), 0.04, 1e-16);
  EXPECT_NEAR(static_cast<double>(one.c), 0.14, 1e-16);
  EXPECT_NEAR(static_cast<double>(one.dot), 0.096 * 0.04 * 1000, 1e-13);
  // Pass 2 from a = 0.096: b = 0.0384, c = 0.1344, a = 0.0384 + 0.05376 = 0.09216.
  const StreamValues two = expected<double>(2, 10);
  EXPECT_NEAR(static_cast<double>(two.a), 0.09216, 1e-16);
  EXPECT_NEAR(static_cast<double>(two.b), 0.0384, 1e-16);
  EXPECT_NEAR(static_cast<double>(two.c), 0.1344, 1e-16);
}

TEST(StreamExpected, BoundsAreFarBelowWhatOneLostStoreDoes) {
  // A value that was not rewritten is off by 4 %, after the most passes too.
  EXPECT_LT(array_bound<float>(passes_before_restart), 1e-4);
  EXPECT_LT(array_bound<double>(passes_before_restart), 1e-13);
  // 33554432 doubles: one that is missing from the sum shows (3e-8 of it).
  EXPECT_LT(dot_bound<double>(passes_before_restart, 2, 33554432, 1), 1e-9);
  EXPECT_LT(dot_bound<float>(passes_before_restart, 4, 33554432, 1), 1e-3);
}

template <typename T>
class StreamLoops : public testing::Test {};
using Types = testing::Types<double, float>;
TYPED_TEST_SUITE(StreamLoops, Types);

TYPED_TEST(StreamLoops, GiveTheClosedFormWithEachKernel) {
  for (const Isa isa : isas()) {
    for (const StoreKind stores : {StoreKind::temporal, StoreKind::nontemporal}) {
      const auto set = kernels<TypeParam>(isa, stores);
      if (set.copy == nullptr) continue;  // no such stores on this architecture
      for (const int threads : {1, 2, 3}) {
        // 1001 lines: parts of different lengths, and a dot product with an incomplete block.
        StreamArrays<TypeParam> arrays(1001 * 64, threads, PageSize::normal);
        arrays.touch();
        for (int pass = 1; pass <= 100; ++pass) {
          if (pass == 100) arrays.poison();
          for (int loop = 0; loop < loop_count; ++loop) arrays.run(static_cast<Loop>(loop), set, true);
        }
        const Check check = arrays.check(100, set.lanes);
        EXPECT_EQ(check.status, CheckStatus::pass) << name_of(isa) << " " << check.how;
        EXPECT_GT(check.bound.value_or(0), 0);
      }
    }
  }
}

TYPED_TEST(StreamLoops, EachWrongElementIsFound) {
  const auto set = kernels<TypeParam>(best_isa(), StoreKind::temporal);
  StreamArrays<TypeParam> arrays(64 * 64, 2, PageSize::normal);
  const auto prepare = [&] {
    arrays.touch();
    for (int pass = 0; pass < 7; ++pass)
      for (int loop = 0; loop < loop_count; ++loop) arrays.run(static_cast<Loop>(loop), set, false);
  };
  const auto expect_fail = [&](const char* words) {
    const Check check = arrays.check(7, set.lanes);
    EXPECT_EQ(check.status, CheckStatus::fail);
    EXPECT_THAT(check.how, HasSubstr(words));
    prepare();
    EXPECT_EQ(arrays.check(7, set.lanes).status, CheckStatus::pass);
  };
  constexpr auto nan = std::numeric_limits<TypeParam>::quiet_NaN();
  constexpr auto infinity = std::numeric_limits<TypeParam>::infinity();
  constexpr auto ten_thousandth = static_cast<TypeParam>(1.0001);
  prepare();
  arrays.a()[5] *= ten_thousandth;
  expect_fail("1 wrong in a, first element 5");
  arrays.b()[0] = nan;
  expect_fail("1 wrong in b, first element 0");
  arrays.c()[arrays.elements() - 1] = infinity;
  expect_fail("1 wrong in c");
  arrays.set_sum(std::numeric_limits<double>::quiet_NaN());
  expect_fail("dot is ");
  arrays.set_sum(arrays.sum() * 1.0001);
  expect_fail("dot is ");
  arrays.poison();
  expect_fail("wrong in b");
  const Check nan_check = [&] {
    arrays.c()[1] = nan;
    return arrays.check(7, set.lanes);
  }();
  EXPECT_FALSE(nan_check.error);  // not a number, and no error that could be compared
}

TYPED_TEST(StreamLoops, ALoopThatDidNothingIsFound) {
  const auto set = kernels<TypeParam>(best_isa(), StoreKind::temporal);
  for (int left_out = 0; left_out < loop_count; ++left_out) {
    StreamArrays<TypeParam> arrays(64 * 64, 2, PageSize::normal);
    arrays.touch();
    for (int pass = 1; pass <= 3; ++pass) {
      if (pass == 3) arrays.poison();
      for (int loop = 0; loop < loop_count; ++loop) {
        if (pass < 3 || loop != left_out) arrays.run(static_cast<Loop>(loop), set, false);
      }
    }
    EXPECT_EQ(arrays.check(3, set.lanes).status, CheckStatus::fail)
        << loop_names[static_cast<std::size_t>(left_out)];
  }
}

TEST(StreamSpec, TriadIsTheHeadline) {
  const Benchmark& benchmark = find_benchmark("memory/stream");
  EXPECT_EQ(benchmark.spec.foms.front().name, "triad");
  EXPECT_NE(benchmark.spec.find_fom("triad_best"), nullptr);
  EXPECT_EQ(benchmark.spec.scope, Scope::device);
}

TEST(StreamSpec, TooMuchIsUnsupported) {
  const Benchmark& benchmark = find_benchmark("memory/stream");
  ProcessGroup group;
  const Context context{group};
  Parameters parameters = complete_parameters(benchmark.spec, {{"bytes", std::int64_t{1} << 43}}, {});
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("left"));
  parameters["bytes"] = std::int64_t{1} << 20;
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
}

}  // namespace
}  // namespace assay::bench::stream
