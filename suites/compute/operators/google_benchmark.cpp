#include "suites/compute/operators/google_benchmark.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <sstream>

#include "reports/base/error.h"
#include "reports/base/names.h"

#ifdef ASSAY_GOOGLE_BENCHMARK
#include <benchmark/benchmark.h>
#endif

namespace assay::bench::operators {

namespace {

std::string name_of(const std::string& flag) {
  const std::size_t begin = flag.rfind("--", 0) == 0 ? 2 : 0;
  return flag.substr(begin, flag.find('=') - begin);
}

std::string value_of(const std::string& flag) {
  const std::size_t equals = flag.find('=');
  return equals == std::string::npos ? "" : flag.substr(equals + 1);
}

}  // namespace

const std::vector<std::string>& google_benchmark_flags() {
  static const std::vector<std::string> names = {
      "benchmark_filter",          "benchmark_list_tests",  "benchmark_min_time",
      "benchmark_min_warmup_time", "benchmark_repetitions", "benchmark_enable_random_interleaving"};
  return names;
}

bool asks_for_list(const std::vector<std::string>& flags) {
  bool list = false;
  for (const std::string& flag : flags) {
    if (name_of(flag) != "benchmark_list_tests") continue;
    const std::string value = value_of(flag);
    list = value.empty() || (value != "false" && value != "0" && value != "no" && value != "off");
  }
  return list;
}

#ifdef ASSAY_GOOGLE_BENCHMARK

namespace {

/// Reads `flags` over stated defaults, so that neither the environment nor an earlier case is left. Gives
/// back what was not understood.
std::vector<std::string> initialise(const std::vector<std::string>& flags, double min_time_s, bool list) {
  std::ostringstream min_time;
  min_time.precision(9);
  min_time << std::fixed << min_time_s;
  static char program[] = "assay-bench";  // the library keeps this pointer
  std::vector<std::string> words = {"--benchmark_filter=.",
                                    "--benchmark_min_time=" + min_time.str(),
                                    "--benchmark_min_warmup_time=0",
                                    "--benchmark_repetitions=1",
                                    "--benchmark_report_aggregates_only=false",
                                    "--benchmark_display_aggregates_only=false",
                                    "--benchmark_enable_random_interleaving=false",
                                    "--benchmark_out=",
                                    "--benchmark_out_format=json",
                                    "--benchmark_format=console",
                                    "--benchmark_perf_counters="};
  words.insert(words.end(), flags.begin(), flags.end());
  words.emplace_back(list ? "--benchmark_list_tests=true" : "--benchmark_list_tests=false");
  std::vector<char*> arguments = {program};
  for (std::string& word : words) arguments.push_back(word.data());
  auto count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  return {arguments.begin() + 1, arguments.begin() + count};
}

/// Registered for as long as this lives.
struct Registered {
  Registered() { benchmark::ClearRegisteredBenchmarks(); }
  ~Registered() { benchmark::ClearRegisteredBenchmarks(); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
};

/// Google Benchmark lists names through its reporter's stream.
class Lister final : public benchmark::BenchmarkReporter {
 public:
  Lister() {
    SetOutputStream(&names_);
    SetErrorStream(&errors_);
  }
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
  std::vector<std::string> names() const {
    std::istringstream lines(names_.str());
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);) found.push_back(line);
    return found;
  }

 private:
  std::ostringstream names_, errors_;
};

class Reporter final : public benchmark::BenchmarkReporter {
 public:
  Reporter(const std::vector<NamedWork>& works, const Report& report) : works_(works), report_(report) {
    SetOutputStream(&nowhere_);
    SetErrorStream(&nowhere_);
  }
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred || run.iterations == 0) continue;
      const std::int64_t calls = run.iterations * calls_in(run.run_name.function_name);
      report_(run.run_name.function_name, run.real_accumulated_time / static_cast<double>(calls), calls);
    }
  }

 private:
  int calls_in(const std::string& name) const {
    for (const NamedWork& work : works_)
      if (work.name == name) return work.calls;
    return 1;
  }

  const std::vector<NamedWork>& works_;
  const Report& report_;
  std::ostringstream nowhere_;
};

}  // namespace

std::string google_benchmark_name() {
  return "Google Benchmark";
}

void require_google_benchmark_flags(const std::vector<std::string>& flags) {
  for (const std::string& flag : flags) {
    const std::vector<std::string>& known = google_benchmark_flags();
    if (std::find(known.begin(), known.end(), name_of(flag)) == known.end())
      throw bad_input(
          "--" + name_of(flag) + " is not taken over from Google Benchmark (records are written by --json)",
          "use one of --" + join(known, ", --"));
  }
  // The library explains a value that it cannot read itself; it then leaves the flag where it was.
  const std::vector<std::string> left = initialise(flags, 0.1, true);
  if (!left.empty())
    throw bad_input(
        left.front() + " is refused by Google Benchmark",
        "write --benchmark_filter=REGEX, --benchmark_min_time=SECONDS, --benchmark_repetitions=N");
}

std::vector<std::string> chosen(const std::vector<std::string>& names,
                                const std::vector<std::string>& flags) {
  initialise(flags, 0.1, true);
  const Registered registered;
  for (const std::string& name : names)
    benchmark::RegisterBenchmark(name.c_str(), [](benchmark::State& state) {
      for (auto _ : state) {
      }
    });
  Lister lister;
  benchmark::RunSpecifiedBenchmarks(&lister);
  return lister.names();
}

void run_google_benchmark(const std::vector<NamedWork>& works, const std::vector<std::string>& flags,
                          double min_time_s, const Report& report) {
  initialise(flags, min_time_s, false);
  const Registered registered;
  std::exception_ptr thrown;
  for (const NamedWork& work : works) {
    benchmark::RegisterBenchmark(work.name.c_str(), [&work, &thrown](benchmark::State& state) {
      // The library may have been compiled without exceptions: none may pass through it.
      try {
        if (!thrown) work.begin();
        for (auto _ : state) {
          if (thrown) {
            state.SkipWithError("an earlier operator failed");
            break;
          }
          state.SetIterationTime(work.once());
        }
      } catch (...) {
        thrown = std::current_exception();
        state.SkipWithError("it failed");
      }
    })->UseManualTime();
  }
  Reporter reporter(works, report);
  benchmark::RunSpecifiedBenchmarks(&reporter, ".");
  if (thrown) std::rethrow_exception(thrown);
}

#else

std::string google_benchmark_name() {
  return {};
}
void require_google_benchmark_flags(const std::vector<std::string>&) {}
std::vector<std::string> chosen(const std::vector<std::string>& names, const std::vector<std::string>&) {
  return names;
}
void run_google_benchmark(const std::vector<NamedWork>&, const std::vector<std::string>&, double,
                          const Report&) {
  throw Error(ExitStatus::cannot_run, "built without Google Benchmark",
              "install libbenchmark-dev and build again");
}

#endif

}  // namespace assay::bench::operators
