#include "suites/compute/operators/google_benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <stdexcept>

#include "reports/base/error.h"

namespace assay::bench::operators {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GoogleBenchmark : public testing::Test {
 protected:
  void SetUp() override {
    if (google_benchmark_name().empty()) GTEST_SKIP() << "built without Google Benchmark";
  }
};

const std::vector<std::string> names = {"head_forward", "head_backward", "norm_forward", "adamw"};

TEST_F(GoogleBenchmark, TheFilterChooses) {
  EXPECT_EQ(chosen(names, {}), names);
  EXPECT_THAT(chosen(names, {"--benchmark_filter=head.*"}), ElementsAre("head_forward", "head_backward"));
  EXPECT_THAT(chosen(names, {"--benchmark_filter=^norm_forward$"}), ElementsAre("norm_forward"));
  EXPECT_THAT(chosen(names, {"--benchmark_filter=-forward"}), ElementsAre("head_backward", "adamw"));
  EXPECT_TRUE(chosen(names, {"--benchmark_filter=gemm"}).empty());
  EXPECT_TRUE(chosen(names, {"--benchmark_filter=["}).empty());
  EXPECT_EQ(chosen(names, {}), names) << "the filter of an earlier case is left";
}

TEST_F(GoogleBenchmark, FlagsThatAreNoneAreRefusedWithThoseThatAre) {
  const auto error_of = [](const std::string& flag) -> std::string {
    try {
      require_google_benchmark_flags({flag});
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ExitStatus::bad_input);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(error_of("--benchmark_out=x.json"), HasSubstr("--benchmark_filter"));
  EXPECT_THAT(error_of("--benchmark_fliter=x"), HasSubstr("--benchmark_fliter"));
  EXPECT_THAT(error_of("--benchmark_min_time=soon"), HasSubstr("--benchmark_min_time=soon"));
  EXPECT_EQ(error_of("--benchmark_repetitions=3"), "");
}

TEST_F(GoogleBenchmark, TheListIsAskedForByItsFlag) {
  EXPECT_FALSE(asks_for_list({"--benchmark_filter=x"}));
  EXPECT_TRUE(asks_for_list({"--benchmark_list_tests"}));
  EXPECT_TRUE(asks_for_list({"--benchmark_list_tests=true"}));
  EXPECT_FALSE(asks_for_list({"--benchmark_list_tests=true", "--benchmark_list_tests=false"}));
}

struct Counted {
  int begun = 0, runs = 0;
  std::vector<double> means;
};

std::map<std::string, Counted> run(const std::vector<std::string>& flags, double min_time_s) {
  std::map<std::string, Counted> counted;
  std::vector<NamedWork> works;
  for (const char* name : {"a", "b"}) {
    Counted& one = counted[name];
    works.push_back({name, [&one] { ++one.begun; },
                     [&one] {
                       ++one.runs;
                       return 0.25;  // seconds, as a clock of ours would tell
                     }});
  }
  run_google_benchmark(works, flags, min_time_s, [&](const std::string& name, double seconds, std::int64_t) {
    counted[name].means.push_back(seconds);
  });
  return counted;
}

TEST_F(GoogleBenchmark, TimesAreThoseThatTheWorkTells) {
  for (const auto& [name, one] : run({}, 0.2)) {
    EXPECT_THAT(one.means, ElementsAre(0.25)) << name;
    EXPECT_EQ(one.runs, 1);  // 0.25 s reach 0.2 s
    EXPECT_EQ(one.begun, 1);
  }
}

TEST_F(GoogleBenchmark, TheTimeOfAnIterationIsSharedByItsCalls) {
  double mean = 0;
  std::int64_t calls = 0;
  const std::vector<NamedWork> works = {{"a", [] {}, [] { return 1.0; }},
                                        {"b", [] {}, [] { return 0.25; }, 5}};
  run_google_benchmark(works, {}, 0.7, [&](const std::string& name, double seconds, std::int64_t of) {
    if (name == "a") {
      EXPECT_EQ(seconds, 1.0);
      return;
    }
    mean = seconds;
    calls = of;
  });
  EXPECT_DOUBLE_EQ(mean, 0.05);
  EXPECT_EQ(calls % 5, 0);
  EXPECT_GE(calls, 15);  // 0.7 s: three iterations at least
}

TEST_F(GoogleBenchmark, FlagsOverrideAndTheEnvironmentDoesNotCount) {
  setenv("BENCHMARK_REPETITIONS", "7", 1);
  setenv("BENCHMARK_FILTER", "nothing", 1);
  EXPECT_EQ(run({}, 0.2)["a"].means.size(), 1u);
  unsetenv("BENCHMARK_REPETITIONS");
  unsetenv("BENCHMARK_FILTER");
  EXPECT_EQ(run({"--benchmark_repetitions=3"}, 0.2)["b"].means.size(), 3u);
  EXPECT_GE(run({"--benchmark_min_time=2"}, 0.2)["a"].runs, 8);
}

TEST_F(GoogleBenchmark, WhatAWorkThrowsIsThrownOn) {
  const std::vector<NamedWork> works = {
      {"a", [] {}, []() -> double { throw std::runtime_error("no memory"); }},
      {"b", [] {}, [] { return 1.0; }}};
  EXPECT_THROW(run_google_benchmark(works, {}, 0.1, [](const std::string&, double, std::int64_t) {}),
               std::runtime_error);
  EXPECT_EQ(run({}, 0.2)["a"].means.size(), 1u) << "and the next run is a fresh one";
}

}  // namespace
}  // namespace assay::bench::operators
