#include "suites/harness/command_line.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/harness/faults.h"

namespace assay::bench {

namespace {

constexpr std::size_t most_cases = 10000;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

template <typename Integer>
Integer parse_whole(const std::string& option, const std::string& text, Integer lowest) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lowest) {
    throw bad_input("--" + option + " is '" + text + "'",
                    "give a whole number of at least " + std::to_string(lowest));
  }
  return value;
}

double parse_time_s(const std::string& text) {
  const Quantity quantity = parse_quantity(text);
  Dimension seconds;
  seconds.time = 1;
  if (!(quantity.dimension == seconds) || !(quantity.value > 0) || quantity.value > 86400) {
    throw bad_input("--time is '" + text + "'", "give a duration of at most a day, such as 500ms or 2s");
  }
  return quantity.value;
}

/// One option of the command line with its value, if it came with one ("--x=1" or "--x 1").
struct Given {
  std::string name;
  std::optional<std::string> value;
};

struct Words {
  std::vector<std::string> positional;
  std::vector<Given> options;
};

Words split_words(const std::vector<std::string>& arguments) {
  Words words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string word = arguments[i];
    if (word == "-h") word = "--help";
    if (word.rfind("--", 0) != 0 || word.size() == 2) {
      if (word.size() > 1 && word[0] == '-') {
        throw bad_input("unknown option '" + word + "'", "options begin with two dashes; see --help");
      }
      words.positional.push_back(word);
      continue;
    }
    const auto equals = word.find('=');
    Given given{word.substr(2, equals == std::string::npos ? equals : equals - 2), std::nullopt};
    if (equals != std::string::npos) {
      given.value = word.substr(equals + 1);
    } else if (i + 1 < arguments.size() && arguments[i + 1].rfind("--", 0) != 0 &&
               !(given.name == "help" || given.name == "version" || given.name == "list")) {
      given.value = arguments[++i];
    }
    words.options.push_back(std::move(given));
  }
  return words;
}

const std::string& needed(const Given& given) {
  if (!given.value || given.value->empty()) {
    throw bad_input("--" + given.name + " has no value", "write --" + given.name + " VALUE; see --help");
  }
  return *given.value;
}

/// The program's own options that take a value.
const std::map<std::string, std::function<void(CommandLine&, const Given&)>>& own_options() {
  static const std::map<std::string, std::function<void(CommandLine&, const Given&)>> options = {
      {"time", [](CommandLine& line, const Given& g) { line.time_s = parse_time_s(needed(g)); }},
      {"threads",
       [](CommandLine& line, const Given& g) { line.threads = parse_whole<int>(g.name, needed(g), 1); }},
      {"seed", [](CommandLine& line,
                  const Given& g) { line.seed = parse_whole<std::uint64_t>(g.name, needed(g), 0); }},
      {"plant", [](CommandLine& line, const Given& g) { line.fault = parse_fault(needed(g)); }},
      {"folder",
       [](CommandLine& line, const Given& g) {
         const std::string& text = needed(g);
         const auto equals = text.find('=');
         const std::string name = equals == std::string::npos ? "scratch" : text.substr(0, equals);
         line.storage[name] = equals == std::string::npos ? text : text.substr(equals + 1);
       }},
      {"json", [](CommandLine& line, const Given& g) { line.json_file = needed(g); }},
      {"export-trace", [](CommandLine& line, const Given& g) { line.trace_file = needed(g); }},
      {"request",
       [](CommandLine& line, const Given& g) {
         line.action = Action::request;
         line.request_file = needed(g);
       }},
      {"results", [](CommandLine& line, const Given& g) { line.results_file = needed(g); }},
      {"machine",
       [](CommandLine& line, const Given& g) {
         line.action = Action::machine;
         line.machine_file = needed(g);
       }},
      {"list", [](CommandLine& line, const Given&) { line.action = Action::list; }},
      {"help", [](CommandLine& line, const Given&) { line.action = Action::help; }},
      {"version", [](CommandLine& line, const Given&) { line.action = Action::version; }},
      {"describe",
       [](CommandLine& line, const Given& g) {
         line.action = Action::describe;
         line.benchmark = g.value.value_or("");
       }},
  };
  return options;
}

std::vector<std::string> option_names(const BenchmarkSpec* spec) {
  std::vector<std::string> names;
  for (const auto& [name, apply] : own_options()) names.push_back(name);
  if (spec != nullptr) {
    for (const ParameterSpec& parameter : spec->parameters) names.push_back(parameter.name);
  }
  return names;
}

/// "in-place" is accepted for "in_place".
const ParameterSpec* find_parameter(const BenchmarkSpec& spec, std::string name) {
  if (const auto* found = spec.find_parameter(name)) return found;
  std::replace(name.begin(), name.end(), '-', '_');
  return spec.find_parameter(name);
}

/// The benchmark that takes options of this name for its library; null: none does.
const Benchmark* takes_for_library(const std::vector<const Benchmark*>& known, const std::string& name) {
  for (const Benchmark* benchmark : known) {
    const std::string& prefix = benchmark->library_flags.prefix;
    if (!prefix.empty() && name.rfind(prefix, 0) == 0) return benchmark;
  }
  return nullptr;
}

struct Axis {
  std::string name;
  std::vector<ParameterValue> values;
};

Axis read_axis(const ParameterSpec& spec, const Given& given) {
  Axis axis{spec.name, {}};
  if (!given.value && spec.type == ParameterType::flag) {
    axis.values.emplace_back(true);
    return axis;
  }
  for (const std::string& text : split(needed(given), ',')) {
    axis.values.push_back(checked_value(spec, std::string_view(text), Location{"--" + given.name, 0, 0}));
  }
  return axis;
}

void expand(const BenchmarkSpec& spec, const std::vector<Axis>& axes, CommandLine& line) {
  std::size_t total = 1;
  for (const Axis& axis : axes) {
    if (axis.values.size() > 1) line.varying.push_back(axis.name);
    total *= axis.values.size();
    if (total > most_cases) {
      throw bad_input("the lists make more than " + std::to_string(most_cases) + " cases",
                      "shorten them; each value of one is run with each value of the others");
    }
  }
  for (std::size_t i = 0; i < total; ++i) {
    Parameters given;
    std::size_t rest = i;  // the last axis varies fastest
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      given[axis->name] = axis->values[rest % axis->values.size()];
      rest /= axis->values.size();
    }
    line.cases.push_back(complete_parameters(spec, given, {}));
  }
}

void require_traceable(const CommandLine& line, const std::vector<const Benchmark*>& known) {
  std::vector<std::string> able;
  for (const Benchmark* benchmark : known) {
    if (benchmark->traces) able.push_back(benchmark->spec.name);
  }
  const std::string which = able.empty() ? "leave it out" : "it is there for " + join(able, ", ");
  if (line.action != Action::run)
    throw bad_input("--export-trace without a benchmark (a trace shows one run by hand)", which);
  if (std::find(able.begin(), able.end(), line.benchmark) == able.end())
    throw bad_input("--export-trace with " + line.benchmark + " (it has no phases to show)", which);
  if (line.cases.size() > 1) {
    throw bad_input("--export-trace with " + std::to_string(line.cases.size()) +
                        " cases (the file would hold only the last one)",
                    "give one value for " + join(line.varying, ", "));
  }
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<const Benchmark*>& known) {
  const Words words = split_words(arguments);
  CommandLine line;
  const BenchmarkSpec* spec = nullptr;
  std::vector<std::string> names;
  for (const Benchmark* benchmark : known) names.push_back(benchmark->spec.name);
  const auto find = [&](const std::string& name) {
    for (const Benchmark* benchmark : known) {
      if (benchmark->spec.name == name) return &benchmark->spec;
    }
    throw bad_input("unknown benchmark '" + name + "'", suggest(name, names));
  };
  if (words.positional.size() > 1) {
    throw bad_input("'" + words.positional[1] + "' after the benchmark " + words.positional[0],
                    "give one benchmark; parameters are written --NAME VALUES");
  }
  if (!words.positional.empty()) {
    spec = find(words.positional[0]);
    line.action = Action::run;
    line.benchmark = spec->name;
  }
  std::vector<Axis> axes;
  for (const Given& given : words.options) {
    const auto own = own_options().find(given.name);
    if (own != own_options().end()) {
      own->second(line, given);
      continue;
    }
    if (const Benchmark* taker = takes_for_library(known, given.name)) {
      if (spec != &taker->spec)
        throw bad_input("--" + given.name + " is for " + taker->spec.name + " alone",
                        "leave it out, or run " + taker->spec.name);
      line.library_flags.push_back("--" + given.name + (given.value ? "=" + *given.value : ""));
      continue;
    }
    const ParameterSpec* parameter = spec == nullptr ? nullptr : find_parameter(*spec, given.name);
    if (parameter == nullptr) {
      const std::string of = spec == nullptr ? "" : " (" + spec->name + " has no such parameter)";
      throw bad_input("unknown option '--" + given.name + "'" + of, suggest(given.name, option_names(spec)));
    }
    const auto twice = [&](const Axis& axis) { return axis.name == parameter->name; };
    if (std::any_of(axes.begin(), axes.end(), twice)) {
      throw bad_input("--" + given.name + " is given twice", "write its values as one list, a,b,c");
    }
    axes.push_back(read_axis(*parameter, given));
  }
  line.storage.emplace("scratch", ".");
  if (line.action == Action::describe && !line.benchmark.empty()) find(line.benchmark);
  if (line.action == Action::run) expand(*spec, axes, line);
  if (!line.trace_file.empty()) require_traceable(line, known);
  if (line.action == Action::request && line.results_file.empty()) {
    throw bad_input("--request without --results", "name the file that the records go to: --results FILE");
  }
  if (line.action != Action::request && !line.results_file.empty()) {
    throw bad_input("--results without --request", "by hand, records go to --json FILE");
  }
  return line;
}

std::string help_text() {
  return R"(assay-bench: the benchmarks of Assay, run by hand or by `assay`

  assay-bench BENCHMARK [--PARAMETER VALUE[,VALUE]...]... [options]
  mpiexec -n 2 assay-bench collectives/allreduce --bytes 8,1MiB,64MiB

Each value of a list is run with each value of the other lists. Options:
  --time DURATION   measuring time to aim for per case, warm-up included (default 1s)
  --threads N       OpenMP threads per rank (default: the cores that the rank may use)
  --seed N          of the random inputs (default 1)
  --folder [NAME=]PATH   where storage is measured (default: the current folder, under the name scratch)
  --json FILE       append records to FILE, one JSON line per case (and node)
  --export-trace FILE   write one pass, phase by phase, on all ranks for https://ui.perfetto.dev (where there are phases)
  --benchmark_*     of Google Benchmark, for the benchmark that runs on it: compute/operators
  --plant FAULT     plant a fault, to see it caught: )" +
         join(fault_names(), ", ") + R"(

What there is:
  --list            the benchmarks
  --describe NAME   every parameter with its unit, default and meaning, and the figures
  --describe        the catalogue of all benchmarks, as JSON
  --machine FILE    write what this machine is, as JSON

For `assay`:
  --request FILE --results FILE   run the cases of a request, append progress and records

Other: --help, --version
Exit status: 0 done; 1 a check failed, or something else than the case names was measured; 3 bad input or usage; 4 could not run.
)";
}

}  // namespace assay::bench
