#include "runners/cli/find.h"

#include <algorithm>
#include <set>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "runners/launch/process.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Folders that may hold shipped files, nearest first: those of an installation, those of the source tree
/// above a build folder.
std::vector<fs::path> places(const fs::path& installed, const fs::path& in_source) {
  std::vector<fs::path> all;
  std::error_code error;
  fs::path folder = program_folder();
  if (const fs::path place = folder.parent_path() / "share/assay" / installed;
      fs::is_directory(place, error)) {
    all.push_back(place);
  }
  for (int levels = 0; levels < 6 && folder != folder.parent_path();
       ++levels, folder = folder.parent_path()) {
    const fs::path place = folder / in_source;
    if (fs::is_directory(place, error)) all.push_back(place);
  }
  return all;
}

std::vector<std::string> names_in(const std::vector<fs::path>& folders) {
  std::set<std::string> names;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".toml") names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

fs::path find_shipped(const std::string& given, const char* what, const std::vector<fs::path>& folders) {
  std::error_code error;
  if (fs::is_regular_file(given, error)) return given;
  if (fs::exists(given, error) && !fs::is_directory(given, error)) return given;  // a pipe, /dev/stdin
  for (const fs::path& folder : folders) {
    if (const fs::path file = folder / (given + ".toml"); fs::is_regular_file(file, error)) return file;
  }
  throw bad_input(std::string("no ") + what + " '" + given + "': neither a file nor a shipped " + what,
                  suggest(given, names_in(folders)));
}

std::vector<fs::path> plan_places() {
  return places("plans", "suites/plans");
}
std::vector<fs::path> target_places() {
  return places("reference_results/targets", "reference_results/targets");
}

}  // namespace

fs::path program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

fs::path find_plan(const std::string& given) {
  return find_shipped(given, "plan", plan_places());
}
fs::path find_targets(const std::string& given) {
  return find_shipped(given, "targets file", target_places());
}
fs::path find_plan_or_targets(const std::string& given) {
  std::vector<fs::path> folders = plan_places();
  for (fs::path& folder : target_places()) folders.push_back(std::move(folder));
  return find_shipped(given, "plan or targets file", folders);
}
std::vector<std::string> shipped_plans() {
  return names_in(plan_places());
}
std::vector<std::string> shipped_targets() {
  return names_in(target_places());
}

fs::path find_worker(const std::string& option, const std::string& site) {
  for (const auto& [named, where] :
       {std::pair{option, "--worker"}, std::pair{site, "'worker' in the site file"}}) {
    if (named.empty()) continue;
    const fs::path found = find_program(named);
    if (found.empty()) {
      throw Error(ExitStatus::cannot_run,
                  std::string(where) + " names " + named + ", which is not an executable program",
                  "correct it, or leave it out to use the assay-bench beside assay");
    }
    return fs::absolute(found);
  }
  if (const fs::path beside = find_program((program_folder() / "assay-bench").string()); !beside.empty())
    return beside;
  if (const fs::path found = find_program("assay-bench"); !found.empty()) return fs::absolute(found);
  throw Error(ExitStatus::cannot_run,
              "assay-bench is neither beside assay nor in PATH (it runs the benchmarks; judging and "
              "reporting need it "
              "not)",
              "build it: apt install mpich libmpich-dev libdnnl-dev libopenblas-dev libhwloc-dev, then cmake "
              "--preset "
              "host && cmake --build build/host; or name one with --worker");
}

}  // namespace assay
