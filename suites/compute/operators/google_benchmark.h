// Google Benchmark (github.com/google/benchmark) as this benchmark uses it: which of some names its flags
// choose, and running those with times of our own. Its globals stay in google_benchmark.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace assay::bench::operators {

/// "Google Benchmark", or empty when the program was built without it.
std::string google_benchmark_name();

/// The flags that are understood, without "--".
const std::vector<std::string>& google_benchmark_flags();

/// Throws Error(bad_input) for a flag ("--benchmark_min_time=0.1") that is not understood, or its value.
void require_google_benchmark_flags(const std::vector<std::string>& flags);

/// Whether --benchmark_list_tests is on.
bool asks_for_list(const std::vector<std::string>& flags);

/// Those of `names` that --benchmark_filter chooses, in their order; a regular expression that is none
/// chooses nothing.
std::vector<std::string> chosen(const std::vector<std::string>& names, const std::vector<std::string>& flags);

/// What is run under one name.
struct NamedWork {
  std::string name;
  std::function<void()> begin;   ///< untimed, before each series of iterations
  std::function<double()> once;  ///< one iteration; the seconds that it took
  int calls = 1;                 ///< of the operation, in one iteration
};

/// One result: the mean time of a call over a series of iterations, and the number of calls.
using Report = std::function<void(const std::string& name, double seconds, std::int64_t calls)>;

/// Runs all of `works` once (or as often as --benchmark_repetitions says), each until its times add up to
/// `min_time_s`, unless --benchmark_min_time says otherwise. The environment (BENCHMARK_FILTER and so on)
/// does not count. What a work throws is thrown on.
void run_google_benchmark(const std::vector<NamedWork>& works, const std::vector<std::string>& flags,
                          double min_time_s, const Report& report);

}  // namespace assay::bench::operators
