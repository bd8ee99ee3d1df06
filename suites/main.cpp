// assay-bench: the benchmarks, in one MPI program.
#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/record/catalogue.h"
#include "suites/harness/command_line.h"
#include "suites/harness/machine_facts.h"
#include "suites/harness/session.h"
#include "suites/harness/tables.h"
#include "suites/harness/worker.h"

namespace {

using namespace assay;
using namespace assay::bench;

Catalogue catalogue() {
  Catalogue all;
  all.version = ASSAY_VERSION;
  for (const Benchmark* benchmark : benchmarks()) all.benchmarks.push_back(benchmark->spec);
  return all;
}

void print_list() {
  std::size_t widest = 0;
  for (const Benchmark* benchmark : benchmarks()) widest = std::max(widest, benchmark->spec.name.size());
  for (const Benchmark* benchmark : benchmarks()) {
    const std::string& name = benchmark->spec.name;
    std::cout << name << std::string(widest - name.size() + 2, ' ') << benchmark->spec.title << "\n";
  }
}

/// Runs `work` with MPI. What is thrown as Error has been agreed on by all ranks; anything else concerns this
/// rank alone, and the others would wait for it for ever.
template <typename Work>
int in_session(int argc, char** argv, Work work) {
  MpiSession session(&argc, &argv);
  try {
    return work(session.group());
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    if (session.group().alone()) throw;
    std::cerr << "assay-bench: rank " << session.group().rank() << ": " << error.what() << std::endl;
    MPI_Abort(session.group().communicator(), static_cast<int>(ExitStatus::cannot_run));
    throw;
  }
}

int write_machine(ProcessGroup& group, const std::string& path) {
  const std::string json = machine_json(group);
  if (group.rank() == 0) write_file(path, json);
  return 0;
}

int perform(const CommandLine& line, int argc, char** argv) {
  switch (line.action) {
    case Action::help:
      std::cout << help_text();
      return 0;
    case Action::version:
      std::cout << "assay-bench " << ASSAY_VERSION << "\n";
      return 0;
    case Action::list:
      print_list();
      return 0;
    case Action::describe:
      std::cout << (line.benchmark.empty() ? to_json(catalogue()) + "\n"
                                           : describe(find_benchmark(line.benchmark).spec));
      return 0;
    case Action::machine:
      return in_session(argc, argv,
                        [&](ProcessGroup& group) { return write_machine(group, line.machine_file); });
    case Action::request:
      return in_session(argc, argv, [&](ProcessGroup& group) { return run_request(group, line); });
    case Action::run:
      return in_session(argc, argv, [&](ProcessGroup& group) { return run_by_hand(group, line); });
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return perform(parse_command_line({argv + 1, argv + argc}, benchmarks()), argc, argv);
  } catch (const Error& error) {
    // Errors that reach this place are the same on every rank: one of them speaks.
    if (rank_from_environment() == 0) std::cerr << "assay-bench: " << error.what() << "\n";
    return static_cast<int>(error.status());
  } catch (const std::exception& error) {
    std::cerr << "assay-bench: " << error.what() << "\n";
    return static_cast<int>(ExitStatus::cannot_run);
  }
}
