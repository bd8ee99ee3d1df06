#include "runners/launch/slurm.h"

#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/names.h"
#include "runners/launch/process.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_nodes = 1'000'000;

/// A list of names as it stands somewhere.
struct Hostlist {
  std::string_view text;
  const Location& where;

  Error refusal(const std::string& why) const {
    return bad_input("'" + std::string(text) + "' is no list of nodes: " + why,
                     "write it as Slurm does: n[1-4,7],m003", where);
  }
};

/// All of `heads` with each of the numbers of "1-4,07" behind them.
std::vector<std::string> with_numbers(const std::vector<std::string>& heads, std::string_view ranges,
                                      const Hostlist& list) {
  std::vector<std::string> numbers;
  for (std::size_t at = 0; at <= ranges.size();) {
    const std::size_t comma = std::min(ranges.find(',', at), ranges.size());
    const std::string_view range = ranges.substr(at, comma - at);
    at = comma + 1;
    const std::size_t dash = std::min(range.find('-'), range.size());
    const std::string_view first = range.substr(0, dash);
    const std::string_view last = dash < range.size() ? range.substr(dash + 1) : first;
    const auto number = [&](std::string_view text) {
      std::size_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size())
        throw list.refusal("'" + std::string(range) + "' is no range of numbers");
      return value;
    };
    const std::size_t begin = number(first), end = number(last);
    if (end < begin || end - begin >= most_nodes || heads.size() * (end - begin + 1) > most_nodes)
      throw list.refusal("'" + std::string(range) + "' is no range of at most a million nodes");
    for (std::size_t value = begin; value <= end; ++value) {
      std::string digits = std::to_string(value);
      // "08" to "11" are 08, 09, 10, 11: the width is the first number's.
      if (digits.size() < first.size()) digits.insert(0, first.size() - digits.size(), '0');
      numbers.push_back(std::move(digits));
    }
  }
  std::vector<std::string> all;
  if (heads.size() * numbers.size() > most_nodes) throw list.refusal("it has more than a million nodes");
  for (const std::string& head : heads) {
    for (const std::string& digits : numbers) all.push_back(head + digits);
  }
  return all;
}

/// The lines of a text, one after the other.
template <typename Use>
void each_line(std::string_view text, Use&& use) {
  while (!text.empty()) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    use(text.substr(0, newline));
    text.remove_prefix(std::min(newline + 1, text.size()));
  }
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The name of a signal by its description in srun's words; empty: it is none.
std::string signal_of_words(std::string_view words) {
  if (const std::size_t dumped = words.find(" (core dumped)"); dumped != std::string_view::npos)
    words = words.substr(0, dumped);
  for (int number = 1; number < 32; ++number) {
    const char* description = ::sigdescr_np(number);
    if (description != nullptr && words == description) return signal_name(number);
  }
  return {};
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// What a command writes; empty when it cannot be had.
std::string answer_of(const Arguments& arguments) {
  std::string pattern = (fs::temp_directory_path() / "assay-slurm-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return {};
  std::string answer = output_of(arguments, pattern);
  std::error_code ignored;
  fs::remove_all(pattern, ignored);
  return answer;
}

std::vector<std::string> allocated_nodes() {
  const std::string list = variable("SLURM_JOB_NODELIST");
  std::vector<std::string> nodes;
  if (!find_program("scontrol").empty()) {
    const std::string answer = answer_of({"scontrol", "show", "hostnames", list});
    each_line(answer, [&](std::string_view line) {
      if (!line.empty()) nodes.emplace_back(line);
    });
  }
  return nodes.empty() ? expand_hostlist(list) : nodes;
}

}  // namespace

std::vector<std::string> expand_hostlist(std::string_view text, const Location& where) {
  const Hostlist list{text, where};
  std::vector<std::string> all, heads = {""};
  if (text.empty()) throw list.refusal("it is empty");
  const auto finish = [&] {
    if (heads.front().empty()) throw list.refusal("a name is empty");
    if (all.size() + heads.size() > most_nodes) throw list.refusal("it has more than a million nodes");
    all.insert(all.end(), heads.begin(), heads.end());
    heads = {""};
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == ',') {
      finish();
    } else if (text[at] == '[') {
      const std::size_t close = text.find(']', at);
      if (close == std::string_view::npos) throw list.refusal("a bracket is not closed");
      heads = with_numbers(heads, text.substr(at + 1, close - at - 1), list);
      at = close;
    } else if (text[at] == ']' || text[at] == ' ') {
      throw list.refusal(std::string("'") + text[at] + "' stands where it cannot");
    } else {
      for (std::string& head : heads) head += text[at];
    }
  }
  finish();
  return all;
}

std::vector<std::string> parse_mpi_types(std::string_view text) {
  std::vector<std::string> types;
  const auto add = [&](std::string_view type) {
    while (!type.empty() && std::strchr(" \t\r", type.front()) != nullptr) type.remove_prefix(1);
    while (!type.empty() && std::strchr(" \t\r", type.back()) != nullptr) type.remove_suffix(1);
    if (type.empty() || type.find(' ') != std::string_view::npos) return;
    if (std::find(types.begin(), types.end(), type) == types.end()) types.emplace_back(type);
  };
  bool begun = false;
  each_line(text, [&](std::string_view line) {
    static constexpr std::string_view told = "srun: ";
    static constexpr std::string_view versions = "plugin versions available:";
    if (line.starts_with(told)) line.remove_prefix(told.size());
    if (line.starts_with("MPI ") && contains(line, "types are")) {
      begun = true;
    } else if (const std::size_t at = line.find(versions); begun && at != std::string_view::npos) {
      std::string_view rest = line.substr(at + versions.size());
      while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        add(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
    } else if (begun) {
      add(line);
    }
  });
  return types;
}

int least_cpus_per_node(std::string_view text) {
  int least = 0;
  while (!text.empty()) {
    int cpus = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpus);
    if (error != std::errc() || cpus <= 0) return 0;
    least = least == 0 ? cpus : std::min(least, cpus);
    text.remove_prefix(std::min(text.find(','), text.size()));
    if (!text.empty()) text.remove_prefix(1);
  }
  return least;
}

std::string choose_mpi_type(const std::vector<std::string>& types, bool open_mpi) {
  const std::vector<std::string> wanted =
      open_mpi ? std::vector<std::string>{"pmix", "pmi2"} : std::vector<std::string>{"pmi2", "pmix"};
  if (types.empty()) return wanted.front();
  for (const std::string& type : wanted) {
    if (std::find(types.begin(), types.end(), type) != types.end()) return type;
    // Some installations have only versions: "pmix_v4".
    const auto version = std::find_if(types.begin(), types.end(),
                                      [&](const std::string& one) { return one.starts_with(type + "_v"); });
    if (version != types.end()) return *version;
  }
  return {};
}

bool links_open_mpi(const std::string& program) {
  try {
    const fs::path file = find_program(program);
    // MPICH's own name is libmpich.so.12, that of its relatives libmpi.so.12.
    return !file.empty() && contains(read_file(file), "libmpi.so.40");
  } catch (const Error&) {
    return false;
  }
}

std::string cause_in_srun_words(std::string_view text) {
  // The first that ended, or was told to end, is the cause; what follows it are consequences. But a node's
  // failure and a limit of time are causes wherever they stand: the tasks that they end may be told of first.
  std::string overall;
  std::optional<std::string> first;
  each_line(text, [&](std::string_view line) {
    static constexpr std::string_view error = "srun: error: ", node_failure = "Node failure on ";
    if (line.starts_with(error)) {
      line.remove_prefix(error.size());
      if (line.starts_with(node_failure)) {
        if (overall.empty()) overall = "a failure of node " + std::string(line.substr(node_failure.size()));
        return;
      }
      // "n2: task 1: Segmentation fault", "n[1-2]: tasks 0-1: Killed"
      const std::size_t task = line.find(": task");
      const std::size_t words = task == std::string_view::npos ? task : line.find(": ", task + 2);
      if (first || words == std::string_view::npos) return;
      const std::string_view how = line.substr(words + 2);
      const std::string what = contains(how, "Out Of Memory") ? "want of memory" : signal_of_words(how);
      first = what.empty() ? ""
                           : what + " of " + std::string(line.substr(task + 2, words - task - 2)) + " on " +
                                 std::string(line.substr(0, task));
    } else if (line.starts_with("slurmstepd") && contains(line, " CANCELLED AT ")) {
      if (contains(line, "DUE TO TIME LIMIT")) {
        overall = "Slurm's time limit";
      } else if (contains(line, "DUE TO NODE FAILURE")) {
        if (overall.empty()) overall = "the failure of a node";
      } else if (contains(line, "DUE TO PREEMPTION")) {
        overall = "preemption";
      } else if (!first) {
        first = "cancellation (scancel)";
      }
    } else if (line.starts_with("srun: Job step aborted") && !first) {
      first = "cancellation (scancel)";
    }
  });
  return overall.empty() ? first.value_or("") : overall;
}

std::string adapt_to_allocation(Site& site, bool site_given) {
  const std::string job = variable("SLURM_JOB_ID");
  const bool chosen = !site_given && !job.empty() && !find_program("srun").empty();
  if (chosen) {
    site.launcher = site.launcher_program = "srun";
    if (site.name.empty()) site.name = variable("SLURM_CLUSTER_NAME");
  }
  if (site.launcher != "srun") return {};
  const bool listed = !site.hosts.empty();
  if (job.empty()) {
    if (listed) return {};  // its commands can be shown; running them is refused
    throw Error(ExitStatus::cannot_run,
                "there is no Slurm allocation to take the nodes from (SLURM_JOB_ID is not set)",
                "start it inside one: salloc --nodes=4 --exclusive assay run ...");
  }
  const std::vector<std::string> nodes = allocated_nodes();
  if (listed) {
    const std::set<std::string> allocated(nodes.begin(), nodes.end());
    for (const std::string& host : site.hosts) {
      if (allocated.contains(host)) continue;
      throw bad_input("host '" + host + "' of the site file is not in the allocation of Slurm job " + job,
                      "allocate it (salloc --nodelist=" + join(site.hosts, ",") +
                          "), or leave 'hosts' out to use all nodes of the allocation");
    }
    return {};
  }
  site.hosts = nodes;
  return "Slurm job " + job + ": " + std::to_string(nodes.size()) +
         (nodes.size() == 1 ? " node (" : " nodes (") + variable("SLURM_JOB_NODELIST") +
         "), launched by srun";
}

SlurmFacts slurm_facts(const Site& site) {
  SlurmFacts facts;
  facts.inside_step = !variable("SLURM_STEP_ID").empty();
  facts.cpus_per_node = least_cpus_per_node(variable("SLURM_JOB_CPUS_PER_NODE"));
  if (!find_program(site.launcher_program).empty())
    facts.mpi_types = parse_mpi_types(answer_of({site.launcher_program, "--mpi=list"}));
  return facts;
}

}  // namespace assay
