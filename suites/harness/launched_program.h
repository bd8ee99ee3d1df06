// For tests: runs the real assay-bench under mpiexec.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "reports/base/files.h"
#include "reports/record/record_json.h"
#include "reports/record/request.h"

namespace assay::bench {

struct Ended {
  int exit_code = -1;
  std::string output;  ///< stdout and stderr
};

inline Ended run_command(const std::string& command) {
  Ended ended;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ended;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) {
    ended.output.append(buffer.data(), count);
  }
  const int status = pclose(pipe);
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

/// Where the programs of this build are, wherever it was moved to: beside the test program.
inline std::filesystem::path programs_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

/// The launcher of the MPI library that assay-bench was built with: one that was packed beside it, else as
/// CMake found it; empty: there is none.
inline const std::string& mpiexec() {
  static const std::string program = [] {
    const std::filesystem::path packed = programs_folder() / "mpiexec.hydra";
    if (std::filesystem::exists(packed)) return packed.string();
    return std::string(run_command("command -v '" ASSAY_MPIEXEC "'").exit_code == 0 ? ASSAY_MPIEXEC : "");
  }();
  return program;
}

/// The program under `ranks` ranks; 0: without mpiexec. Another `name` is that of a program for tests.
inline std::string assay_bench(int ranks, const std::string& arguments,
                               const std::string& name = "assay-bench") {
  const std::string program = "'" + (programs_folder() / name).string() + "' " + arguments;
  return ranks == 0 ? program : mpiexec() + " -n " + std::to_string(ranks) + " " + program;
}

/// assay-bench, but for the GPU of a rank: that is one of tests (device/gpu/separate_device_testing.cpp).
inline constexpr const char* bench_with_test_device = "bench-with-test-device";
/// The same with one that computes, later (training/support/queued_gpu_testing.cpp).
inline constexpr const char* bench_with_queued_device = "bench-with-queued-device";

/// A folder for one test, removed with it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::vector<Record> records_in(const std::filesystem::path& file) {
  std::vector<Record> records;
  read_records(file, [&](Record&& record) { records.push_back(std::move(record)); });
  return records;
}

/// Those of a start on request, whose results also say how far it has come.
inline std::vector<Record> records_of_start(const std::filesystem::path& results) {
  std::vector<Record> records;
  const std::string all = read_file(results);
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = all.find('\n', begin);
    const std::string line = all.substr(begin, end - begin);
    if (!parse_progress(line)) records.push_back(parse_record(line, {}));
    begin = end + 1;
  }
  return records;
}

}  // namespace assay::bench
