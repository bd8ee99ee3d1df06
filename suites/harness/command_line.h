// What people type after `assay-bench`. Options of the program are fixed; those of a benchmark come from its
// spec, so nothing here knows any benchmark.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reports/record/catalogue.h"
#include "reports/record/request.h"
#include "suites/harness/benchmark.h"

namespace assay::bench {

enum class Action { run, request, list, describe, machine, help, version };

struct CommandLine {
  Action action = Action::help;
  std::string benchmark;                   ///< run, describe (empty: the whole catalogue)
  std::vector<Parameters> cases;           ///< run: the cross product of the axes, complete
  std::vector<std::string> varying;        ///< run: parameters with more than one value, in order given
  std::vector<std::string> library_flags;  ///< run: "--benchmark_filter=x", for the benchmark's library
  double time_s = 1;
  int threads = 0;  ///< 0: left to the worker
  std::uint64_t seed = 1;
  Fault fault = Fault::none;
  std::map<std::string, std::string> storage;  ///< folders to measure in; always one named "scratch"
  std::string json_file;                       ///< run: records are appended here; empty: none
  std::string trace_file;                      ///< run: one pass of the only case is shown there; empty: no
  std::string request_file, results_file;
  std::string machine_file;
};

/// `arguments` without the program's name. Throws Error(bad_input).
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<const Benchmark*>& known);

/// What --help prints.
std::string help_text();

}  // namespace assay::bench
