#include "suites/harness/session.h"

#include <mpi.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"
#include "suites/harness/agreement.h"
#include "suites/harness/faults.h"
#include "suites/harness/line_file.h"
#include "suites/harness/tables.h"
#include "suites/harness/worker.h"

namespace assay::bench {

namespace {

constexpr std::array rank_variables = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"};
constexpr std::array size_variables = {"PMI_SIZE", "OMPI_COMM_WORLD_SIZE"};

/// What a worker leaves behind that wrote nonsense instead of a record.
constexpr std::string_view garbage_bytes = "\x01\xff{\"schema\":\"assay.reco\",busbw: NaN}}]";

/// Writes records, or what a planted fault makes of them. False: stop here, as a worker would that died.
bool write_records(LineFile& file, const std::vector<Record>& records, Fault fault) {
  for (const Record& record : records) {
    const std::string line = to_json_line(record);
    if (fault == Fault::truncated_record) {
      file.append_raw(std::string_view(line).substr(0, line.size() / 2));
      return false;
    }
    if (fault == Fault::garbage) {
      file.append(garbage_bytes);
      continue;
    }
    file.append(line);
  }
  return true;
}

/// Throws the same Error on all ranks when the step failed on one.
void together(const ProcessGroup& group, const std::function<void()>& step) {
  auto status = ExitStatus::cannot_run;
  const std::string failure = agreed_failure(group, [&] {
    try {
      step();
    } catch (const Error& error) {
      status = error.status();
      throw;
    }
  });
  if (failure.empty()) return;
  // Ranks without an error of their own say cannot_run (4), the highest: the lowest is that of the error.
  const double lowest = -group.maximum(-static_cast<double>(static_cast<int>(status)));
  throw Error(static_cast<ExitStatus>(static_cast<int>(lowest)), failure);
}

int exit_code(const std::vector<Record>& records) {
  int code = 0;
  for (const Record& record : records) {
    if (record.status != LaunchStatus::completed) code = std::max(code, 4);
    if (record.path.contains("invalid")) code = std::max(code, 1);
    for (const DeviceResult& device : record.devices) {
      if (device.check.status != CheckStatus::pass) code = std::max(code, 1);
    }
  }
  return code;
}

}  // namespace

bool launched_in_parallel() {
  for (const char* name : rank_variables) {
    if (std::getenv(name) != nullptr) return true;
  }
  for (const char* name : size_variables) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

int rank_from_environment() {
  for (const char* name : rank_variables) {
    if (const char* text = std::getenv(name)) return std::atoi(text);
  }
  return 0;
}

std::string node_name() {
  if (const char* variable = std::getenv("ASSAY_NODE_FROM"); variable != nullptr && *variable != '\0') {
    if (const char* named = std::getenv(variable); named != nullptr && *named != '\0') return named;
  }
  if (const char* given = std::getenv("ASSAY_NODE"); given != nullptr && *given != '\0') return given;
  char name[256] = "localhost";
  gethostname(name, sizeof name - 1);
  return name;
}

double process_age_s(const std::string& stat, double uptime_s, double ticks_per_s) {
  // "PID (NAME) STATE ...": the name may hold anything, so fields are counted from its closing bracket: the
  // start, in ticks since boot, is the 20th after it (proc(5): field 22).
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return 0;
  std::istringstream fields(stat.substr(bracket + 1));
  std::string field;
  for (int i = 0; i < 20 && fields >> field; ++i) {
  }
  const double started_ticks = std::strtod(field.c_str(), nullptr);
  const double age_s = uptime_s - started_ticks / ticks_per_s;
  return fields && started_ticks > 0 && age_s > 0 ? age_s : 0;
}

namespace {

double own_age_s() {
  std::ifstream file("/proc/self/stat");
  std::string stat;
  std::getline(file, stat);
  timespec since_boot{};
  if (clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return 0;
  return process_age_s(
      stat, static_cast<double>(since_boot.tv_sec) + 1e-9 * static_cast<double>(since_boot.tv_nsec),
      static_cast<double>(sysconf(_SC_CLK_TCK)));
}

double epoch_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

MpiSession::MpiSession(int* argc, char*** argv) {
  if (!launched_in_parallel()) {
    group_ = ProcessGroup(MPI_COMM_NULL, {node_name()});
    return;
  }
  // OpenMP threads compute, only the main thread communicates.
  int provided = 0;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
  started_ = true;
  Beginning beginning;
  beginning.init_s = own_age_s();
  MPI_Barrier(MPI_COMM_WORLD);
  beginning.first_barrier_epoch_s = epoch_s();
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  ProcessGroup plain(MPI_COMM_WORLD, std::vector<std::string>(static_cast<std::size_t>(size)));
  const auto gathered = plain.gather(node_name(), 0);
  std::string all;
  for (const std::string& name : gathered) all += name + '\n';
  all = broadcast_text(plain, std::move(all), 0);
  std::vector<std::string> nodes;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = all.find('\n', begin);
    nodes.push_back(all.substr(begin, end - begin));
    begin = end + 1;
  }
  group_ = ProcessGroup(MPI_COMM_WORLD, std::move(nodes));
  group_.began(beginning);
}

MpiSession::~MpiSession() {
  if (started_) MPI_Finalize();
}

int run_by_hand(ProcessGroup& group, const CommandLine& line) {
  SteadyClock clock;
  Worker worker(group, clock);
  const bool speaks = group.rank() == 0;
  const Benchmark& benchmark = find_benchmark(line.benchmark);
  const BenchmarkSpec& spec = benchmark.spec;
  std::unique_ptr<LineFile> file;
  together(group, [&] {
    if (speaks && !line.json_file.empty()) file = std::make_unique<LineFile>(line.json_file);
  });
  if (speaks && worker.oversubscribed()) {
    std::cerr << "assay-bench: warning: there are more ranks than cores on a node (ranks wait for each "
                 "other's time "
                 "slices); start fewer ranks\n";
  }
  ResultTable table(std::cout, spec, line.varying);
  StartSettings settings{0, line.seed, line.fault, line.storage, {}, {}, line.library_flags};
  if (!line.json_file.empty()) settings.attachments = line.json_file + ".attachments";
  settings.trace_file = line.trace_file;
  together(group, [&] {
    // Where it cannot be written is told before the hours that the run may take.
    if (!speaks || line.trace_file.empty()) return;
    write_file(line.trace_file, "");
    std::filesystem::remove(line.trace_file);
  });
  int code = 0;
  int position = 0;
  for (const Parameters& parameters : line.cases) {
    if (!line.library_flags.empty()) {
      const std::string answer = benchmark.library_flags.answer(parameters, line.library_flags);
      if (speaks) std::cout << answer;
      if (!answer.empty()) continue;
    }
    RequestedCase requested;
    requested.position = ++position;
    requested.identity = {line.benchmark, parameters, worker.geometry()};
    requested.identity.geometry.threads_per_rank = line.threads;
    requested.time_s = line.time_s;
    const auto records = worker.run(requested, settings);
    bool go_on = true;
    together(group, [&] {
      for (const Record& record : records) {
        table.add(record);
        for (const std::string& warning : warnings(spec, record)) {
          std::cerr << "assay-bench: warning: " << warning << "\n";
        }
      }
      if (file) go_on = write_records(*file, records, line.fault);
    });
    code = std::max(code, exit_code(records));
    if (group.any(!go_on)) break;
  }
  if (speaks) {
    table.finish();
    if (table.not_converged() > 0) {
      std::cerr << "assay-bench: warning: " << table.not_converged()
                << " not converged (the 95 % interval of the median is wider than 1 % either way); give more "
                   "--time or a quieter machine\n";
    }
  }
  return static_cast<int>(group.broadcast(code, 0));
}

int run_request(ProcessGroup& group, const CommandLine& line) {
  SteadyClock clock;
  Worker worker(group, clock);
  const bool writes = group.rank() == 0;
  // Every rank reads the request from rank 0: a shared file system may lag.
  std::string text;
  together(group, [&] {
    if (writes) text = read_file(line.request_file);
  });
  const StartRequest request = parse_request(broadcast_text(group, std::move(text), 0), line.request_file);
  const StartSettings settings{request.start, request.seed, parse_fault(request.plant), request.storage,
                               std::filesystem::path(line.results_file).parent_path() / "attachments"};
  std::unique_ptr<LineFile> file;
  together(group, [&] {
    if (writes) file = std::make_unique<LineFile>(line.results_file);
  });
  for (const RequestedCase& requested : request.cases) {
    together(group, [&] {
      if (writes) file->append(progress_line(requested.position));
    });
    const auto records = worker.run(requested, settings);
    bool go_on = true;
    together(group, [&] {
      if (writes) go_on = write_records(*file, records, settings.fault);
    });
    if (group.any(!go_on)) break;
  }
  return 0;  // whatever went wrong with a case is on record, and the runner judges records
}

}  // namespace assay::bench
