// Whole runs of the real `assay` with the scripted worker and launcher: helpers.
#pragma once

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "runners/launch/process.h"

namespace assay::whole {

namespace fs = std::filesystem;

inline const std::string programs = std::string(ASSAY_BINARY_DIR) + "/bin";

struct Outcome {
  int status = -1;
  int signal = 0;
  std::string out, err;
};

/// A folder of its own for each test, with a plan, targets and a site that use the scripted programs.
class WholeTest : public testing::Test {
 protected:
  WholeTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("assay-whole-" + std::string(info->name()) + "-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("plan.toml", plan());
    write("targets.toml", targets());
    write("site.toml", "schema = \"assay.site/1\"\nname = \"test-system\"\nworker = \"" + programs +
                           "/fake-worker\"\n[launcher]\nprogram = \"" + programs + "/fake-mpiexec\"\n");
  }
  ~WholeTest() override { fs::remove_all(folder_); }

  static std::string plan() {
    return "schema = \"assay.plan/1\"\n"
           "name = \"tiny\"\n"
           "budget = \"2 s\"\n"
           "[repeat]\n"
           "launches = { max = 12, stop = \"decided\" }\n"
           "[[case]]\n"
           "benchmark = \"compute/gemm\"\n"
           "parameters = { dtype = [\"f64\", \"f32\"], m = 64, n = 64, k = 64 }\n"
           "geometry = { nodes = 1, ranks_per_node = 1 }\n"
           "time_limit = \"1 s\"\n";
  }
  static std::string targets() {
    return "schema = \"assay.targets/1\"\n"
           "name = \"Tiny\"\n"
           "[[target]]\n"
           "id = \"1\"\n"
           "title = \"Double precision\"\n"
           "fom = \"compute/gemm.rate\"\n"
           "where = { dtype = \"f64\" }\n"
           "at_least = \"500 GFLOP/s\"\n"
           "[[target]]\n"
           "id = \"2\"\n"
           "title = \"Single precision\"\n"
           "fom = \"compute/gemm.rate\"\n"
           "where = { dtype = \"f32\" }\n"
           "at_least = \"500 GFLOP/s\"\n";
  }

  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Process start(const Arguments& arguments, const Environment& environment = {}) const {
    Arguments all = {programs + "/assay"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Process({all, environment, folder_ / "out.txt", folder_ / "err.txt"});
  }
  Outcome finish(Process& process) const {
    while (!process.ended()) ::usleep(1000);
    const ProcessEnd end = *process.ended();
    return {end.exit_code, end.signal, read_file(folder_ / "out.txt"), read_file(folder_ / "err.txt")};
  }
  Outcome assay(const Arguments& arguments, const Environment& environment = {}) const {
    Process process = start(arguments, environment);
    return finish(process);
  }
  Arguments run_arguments(const Arguments& more = {}) const {
    Arguments all = {"run",    path("plan.toml"), "--targets", path("targets.toml"),
                     "--site", path("site.toml"), "--out",     path("campaigns")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// A campaign with the worker's behaviour as tests/fake_worker.cpp reads it.
  Outcome campaign(const std::string& script = "") const {
    return assay(run_arguments(), {{"ASSAY_FAKE", script}});
  }

  /// The campaigns' folders in order of their names.
  std::vector<fs::path> campaigns() const {
    std::vector<fs::path> all;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_ / "campaigns", error)) {
      if (entry.is_directory()) all.push_back(entry.path());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  fs::path folder_;
};

}  // namespace assay::whole
