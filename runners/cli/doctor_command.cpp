#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <thread>

#include "reports/base/files.h"
#include "reports/record/unit.h"
#include "runners/campaign/assess.h"
#include "runners/campaign/start.h"
#include "runners/cli/commands.h"
#include "runners/cli/find.h"
#include "runners/launch/launcher.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX asks the program to declare it

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Prints findings as they come and remembers whether a campaign could run.
class Sheet {
 public:
  void good(const std::string& what, const std::string& text) { print("ok", what, text); }
  void warn(const std::string& what, const std::string& text) { print("warn", what, text); }
  void missing(const std::string& what, const std::string& text) {
    print("MISS", what, text);
    can_run_ = false;
  }
  bool can_run() const { return can_run_; }

 private:
  static void print(const char* mark, const std::string& what, const std::string& text) {
    std::printf("%-4s  %-14s %s\n", mark, what.c_str(), text.c_str());
  }
  bool can_run_ = true;
};

/// Data types that the processor has no instructions for.
void check_processor(Sheet& sheet, const Machine& machine) {
  struct Need {
    const char* what;
    std::vector<const char*> any_of;
  };
  const std::vector<Need> needs = {{"bf16", {"avx512_bf16", "amx_bf16"}},
                                   {"int8", {"avx512_vnni", "avx_vnni", "amx_int8"}}};
  for (const NodeFacts& node : machine.nodes) {
    const auto found = node.facts.find("cpu_features");
    if (found == node.facts.end()) continue;
    const std::string features = " " + to_string(found->second) + " ";
    for (const Need& need : needs) {
      if (std::none_of(need.any_of.begin(), need.any_of.end(), [&](const char* one) {
            return features.find(std::string(" ") + one + " ") != std::string::npos;
          })) {
        sheet.warn("processor", std::string("no instructions for ") + need.what +
                                    ": compute/gemm with dtype " + need.what +
                                    " is unsupported or emulated, and says which");
      }
    }
  }
}

void check_launcher(Sheet& sheet, const fs::path& scratch) {
  const fs::path mpiexec = find_program(hydra_program());
  if (mpiexec.empty()) {
    sheet.missing("mpiexec", "not found; apt install mpich");
    return;
  }
  const std::string version = output_of({mpiexec.string(), "--version"}, scratch);
  const std::size_t at = version.find("Version:");
  if (version.find("HYDRA") == std::string::npos) {
    sheet.warn("mpiexec",
               mpiexec.string() + " is not MPICH's (Hydra), whose options assay uses; apt install mpich");
    return;
  }
  std::string number = at == std::string::npos ? "" : version.substr(at + 8, version.find('\n', at) - at - 8);
  number.erase(0, number.find_first_not_of(' '));
  sheet.good("mpiexec", mpiexec.string() + ", MPICH " + number);
}

void check_worker(Sheet& sheet, const std::string& worker, const fs::path& scratch) {
  fs::path program;
  try {
    program = find_worker(worker, "");
  } catch (const Error& error) {
    sheet.missing("assay-bench", error.what());
    return;
  }
  const fs::path file = scratch / "machine.json";
  if (output_of({program.string(), "--machine", file.string()}, scratch).empty() && !fs::exists(file)) {
    sheet.missing("assay-bench",
                  program.string() + " does not start: " + last_line(tail_of(scratch / "stderr")));
    return;
  }
  sheet.good("assay-bench", program.string());
  try {
    const Machine machine = parse_machine(read_file(file), file.string());
    for (const auto& [name, text] : machine_lines(machine))
      std::printf("      %-28s %s\n", name.c_str(), text.c_str());
    for (const std::string& warning : machine.warnings) sheet.warn("library", warning);
    check_processor(sheet, machine);
  } catch (const Error& error) {
    sheet.warn("machine", error.what());
  }
}

void check_library(Sheet& sheet, const char* name, const std::vector<const char*>& files,
                   const std::string& without, const char* package) {
  for (const char* file : files) {
    if (void* handle = ::dlopen(file, RTLD_LAZY | RTLD_LOCAL); handle != nullptr) {
      ::dlclose(handle);
      sheet.good(name, file);
      return;
    }
  }
  sheet.warn(name, "not found: " + without + "; apt install " + package);
}

void check_environment(Sheet& sheet) {
  static constexpr std::string_view prefixes[] = {"OPENBLAS_", "GOTO_", "OMP_",   "ONEDNN_", "DNNL_", "MKL_",
                                                  "KMP_",      "GOMP_", "MPICH_", "HYDRA_",  "NCCL_", "UCX_"};
  bool any = false;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (std::none_of(std::begin(prefixes), std::end(prefixes),
                     [&](std::string_view p) { return text.starts_with(p); })) {
      continue;
    }
    any = true;
    sheet.warn("environment", std::string(text) + " steers a library; unset it unless that is meant");
  }
  if (!any) sheet.good("environment", "no variable that steers MPI, OpenMP or BLAS libraries is set");
}

void check_machine(Sheet& sheet, const std::string& out) {
  const int cores = usable_cores();
  sheet.good("cores", std::to_string(cores) + " (" + std::to_string(std::thread::hardware_concurrency()) +
                          " hardware threads) for this process");
  const double memory_bytes =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const std::string memory = format_value(memory_bytes, "B");
  if (memory_bytes < 2e9) {
    sheet.warn("memory", memory + "; large cases will not fit");
  } else {
    sheet.good("memory", memory);
  }
  fs::path place = fs::absolute(out);
  std::error_code error;
  while (!fs::exists(place, error) && place.has_parent_path() && place != place.parent_path())
    place = place.parent_path();
  const fs::space_info space = fs::space(place, error);
  if (error) {
    sheet.warn("disk", "cannot tell the space at " + place.string() + ": " + error.message());
  } else if (space.available < 100'000'000) {
    sheet.missing("disk", format_value(static_cast<double>(space.available), "B") + " free at " +
                              place.string() + "; a campaign needs about 100 MB: free some or use --out");
  } else {
    sheet.good("disk",
               format_value(static_cast<double>(space.available), "B") + " free at " + place.string());
  }
  if (::access(place.c_str(), W_OK) != 0)
    sheet.missing("disk", place.string() + " is not writable; use --out");
  sheet.warn("GPU", "this version measures hosts only: cases for GPUs do not exist in its catalogue");
}

}  // namespace

ExitStatus doctor_command(const std::string& worker, const std::string& out) {
  std::string pattern = (fs::temp_directory_path() / "assay-doctor-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw Error(ExitStatus::cannot_run, "cannot make a folder in " + fs::temp_directory_path().string(),
                "free some space there");
  }
  const fs::path scratch = pattern;
  Sheet sheet;
  check_machine(sheet, out);
  check_launcher(sheet, scratch);
  check_library(sheet, "oneDNN", {"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so"},
                "compute/gemm with f32, bf16 and int8 is unsupported", "libdnnl2");
  check_library(sheet, "OpenBLAS", {"libopenblas.so.0", "libopenblas.so"},
                "compute/gemm with f64 is unsupported", "libopenblas0");
  check_environment(sheet);
  check_worker(sheet, worker, scratch);
  std::error_code error;
  fs::remove_all(scratch, error);
  std::printf("\n%s\n", sheet.can_run() ? "A campaign can run here: assay run quick --targets any-machine"
                                        : "A campaign cannot run here until what is marked MISS is there.");
  return sheet.can_run() ? ExitStatus::pass : ExitStatus::cannot_run;
}

}  // namespace assay
