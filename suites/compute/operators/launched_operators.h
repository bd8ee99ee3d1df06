// For tests: runs compute/operators in the real program.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "suites/compute/operators/google_benchmark.h"
#include "suites/compute/operators/operator_costs.h"
#include "suites/harness/launched_program.h"

namespace assay::bench {

struct Launch {
  Ended ended;
  std::vector<Record> records;
};

inline Launch run_operators(int ranks, const std::string& arguments,
                            const std::string& program = "assay-bench") {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  Launch run;
  run.ended = run_command(assay_bench(
      ranks,
      "compute/operators --threads 1 --micro-batch 2 --time 20ms --json " + file.string() + " " + arguments,
      program));
  if (std::filesystem::exists(file)) run.records = records_in(file);
  return run;
}

inline std::set<std::string> figure_names(const Record& record) {
  std::set<std::string> names;
  for (const FigureOfMerit& fom : record.foms) names.insert(fom.name);
  return names;
}

class LaunchedOperators : public testing::Test {
 protected:
  void SetUp() override {
    if (operators::google_benchmark_name().empty()) GTEST_SKIP() << "built without Google Benchmark";
  }
};

inline const std::string small_llama =
    "--model llama3-1b --layers 2 --width 96 --heads 8 --sequence 40 --vocabulary 300 ";

}  // namespace assay::bench
