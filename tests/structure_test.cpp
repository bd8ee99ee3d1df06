// The walls of the house: which part may include which. Each rule is shown to be able to fail.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// What files below `folder` may include, by prefix of the root-relative path or exact system header.
struct Wall {
  std::string folder;
  std::vector<std::string> may_include;       ///< our own
  std::vector<std::string> must_not_include;  ///< patterns of system headers
};

const std::vector<Wall>& walls() {
  static const std::vector<Wall> all{
      // Judging and telling run on anyone's laptop: no MPI, no GPU, no process control.
      {"reports/",
       {"reports/"},
       {"mpi\\.h", "cuda.*", "hip/.*", "spawn\\.h", "sys/wait\\.h", "signal\\.h", "omp\\.h"}},
      // Within reports: the record is the base that everything else stands on.
      {"reports/base/", {"reports/base/"}, {}},
      {"reports/record/", {"reports/base/", "reports/record/"}, {"toml.*"}},
      {"reports/render/",
       {"reports/base/", "reports/record/", "reports/judge/", "reports/evidence/campaign_data.h",
        "reports/render/"},
       {}},
      // The worker knows records, not judging; and no TOML.
      {"suites/", {"suites/", "reports/base/", "reports/record/"}, {"toml.*", "CLI/.*"}},
      // The controller starts the worker as a process and never sees its code.
      {"runners/", {"runners/", "reports/"}, {"mpi\\.h", "omp\\.h"}},
  };
  return all;
}

/// Every include of `text` that `wall` forbids.
std::vector<std::string> trespasses(const Wall& wall, const std::string& text) {
  static const std::regex ours("^\\s*#\\s*include\\s*\"([^\"]+)\"");
  static const std::regex theirs("^\\s*#\\s*include\\s*<([^>]+)>");
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, ours)) {
      const std::string path = match[1];
      bool allowed = false;
      for (const std::string& prefix : wall.may_include) allowed = allowed || path.rfind(prefix, 0) == 0;
      if (!allowed) found.push_back(path);
    } else if (std::regex_search(line, match, theirs)) {
      for (const std::string& pattern : wall.must_not_include) {
        if (std::regex_match(match[1].str(), std::regex(pattern))) found.push_back(match[1]);
      }
    }
  }
  return found;
}

std::string read(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool is_source(const fs::path& file) {
  return file.extension() == ".h" || file.extension() == ".cpp";
}

TEST(Structure, IncludesGoOneWay) {
  const fs::path root = ASSAY_SOURCE_DIR;
  int files = 0;
  for (const Wall& wall : walls()) {
    for (const auto& entry : fs::recursive_directory_iterator(root / wall.folder)) {
      const bool test = entry.path().stem().string().ends_with("_test");
      if (!is_source(entry.path()) || test) continue;
      ++files;
      for (const std::string& path : trespasses(wall, read(entry.path()))) {
        ADD_FAILURE() << fs::relative(entry.path(), root).string() << " includes " << path << ", which "
                      << wall.folder << " may not";
      }
    }
  }
  EXPECT_GT(files, 50) << "the test looked at too few files to mean anything";
}

TEST(Structure, APlantedTrespassIsFound) {
  EXPECT_EQ(trespasses(walls()[0], "#include <mpi.h>\n").size(), 1U);
  EXPECT_EQ(trespasses(walls()[0], "#include \"suites/harness/benchmark.h\"\n").size(), 1U);
  EXPECT_EQ(trespasses(walls()[4], "#include \"reports/judge/judge.h\"\n").size(), 1U);
  EXPECT_EQ(trespasses(walls()[5], "#include \"suites/harness/benchmark.h\"\n").size(), 1U);
  EXPECT_EQ(trespasses(walls()[5], "#include \"reports/judge/judge.h\"\n#include <vector>\n").size(), 0U);
}

TEST(Structure, EveryBenchmarkIsOneFolderWithOneRegistrationAndItsPapers) {
  const fs::path suites = fs::path(ASSAY_SOURCE_DIR) / "suites";
  int benchmarks = 0;
  for (const auto& entry : fs::recursive_directory_iterator(suites)) {
    if (entry.path().filename() != "benchmark.cmake") continue;
    ++benchmarks;
    const fs::path folder = entry.path().parent_path();
    const std::string name = fs::relative(folder, suites).string();
    std::istringstream lines(read(entry.path()));
    int registrations = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("assay_benchmark(" + name, 0) == 0) ++registrations;
    }
    EXPECT_EQ(registrations, 1) << name;
    EXPECT_TRUE(fs::exists(folder / "README.md")) << name << " has no README.md";
    bool has_test = false;
    for (const auto& file : fs::directory_iterator(folder))
      has_test = has_test || file.path().stem().string().ends_with("_test");
    EXPECT_TRUE(has_test) << name << " has no test";
  }
  EXPECT_GE(benchmarks, 2);
}

/// Types that a header declares at the beginning of a line, with their namespace. Specialisations are no
/// types of their own.
std::vector<std::string> types_of(const std::string& text) {
  static const std::regex type("^(class|struct|enum class) ([A-Z][A-Za-z0-9]*)( final)?( :.*)? \\{.*$");
  static const std::regex space("^namespace ([a-z:]+) \\{$");
  std::vector<std::string> names;
  std::string inside;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, space)) inside = match[1];
    if (std::regex_match(line, match, type)) names.push_back(inside + "::" + match[2].str());
  }
  return names;
}

// Benchmarks share a namespace and a program: two types of one name would be mixed up without a word.
TEST(Structure, EachTypeOfTheSuitesHasItsNameAlone) {
  EXPECT_EQ(
      types_of("namespace a::b {\nstruct Plan {\nclass Later;\n  struct Inner {\nenum class Mode { a };\n"
               "struct Facts<float> {\nclass Case final : public Base {\n"),
      (std::vector<std::string>{"a::b::Plan", "a::b::Mode", "a::b::Case"}));
  std::map<std::string, std::string> seen;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "suites")) {
    if (entry.path().extension() != ".h") continue;
    for (const std::string& name : types_of(read(entry.path()))) {
      const auto [first, is_new] = seen.emplace(name, entry.path().string());
      EXPECT_TRUE(is_new) << name << " is declared in " << first->second << " and in " << entry.path();
    }
  }
  EXPECT_GT(seen.size(), 20U);
}

TEST(Structure, EveryFolderOfThePartsHasAReadme) {
  const fs::path root = ASSAY_SOURCE_DIR;
  for (const char* folder : {"reports", "suites", "runners", "ci", "tests", "reference_results"}) {
    EXPECT_TRUE(fs::exists(root / folder / "README.md")) << folder;
  }
}

/// The lines of `text` that name a GPU vendor's runtime or libraries, in any letters.
std::vector<std::string> vendor_lines(const std::string& text) {
  static const std::regex vendor(
      "cuda|cublas|nvcc|(^|[^a-z])(hip[a-z]*|rocm|rocblas)([^a-z]|$)|\\b(nccl|rccl)[a-z]", std::regex::icase);
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (std::regex_search(line, vendor)) found.push_back(line);
  return found;
}

/// The lines of code that may have counted a warp's lanes by hand: 32, its half of bits or its mask.
std::vector<std::string> warp_lines(const std::string& text) {
  static const std::regex width("\\b(32|31|0x1f)[uUlL]*\\b", std::regex::icase);
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (std::regex_search(line.substr(0, line.find("//")), width)) found.push_back(line);
  return found;
}

TEST(Structure, OnlyTheDeviceLayerNamesVendors) {
  EXPECT_EQ(
      vendor_lines("#include <cuda_runtime.h>\nhipMalloc(&p, 4);\nCUDA and HIP\nncclAllReduce(a)\n").size(),
      4U);
  EXPECT_TRUE(vendor_lines("the relationship of a chip to a ship\n\"NCCL_\"\n").empty());
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "suites")) {
    const std::string path = entry.path().string();
    if (!is_source(entry.path()) || path.find("suites/device/gpu/") != std::string::npos) continue;
    for (const std::string& line : vendor_lines(read(entry.path())))
      ADD_FAILURE() << path << " names a vendor's library: " << line;
  }
}

// AMD's warps have 64 lanes, so nothing that a GPU runs may know another number than warpSize.
TEST(Structure, GpuCodeKnowsNoWarpSize) {
  EXPECT_EQ(warp_lines("x % 32\nx & 31\nx & 0x1Fu\n").size(), 3U);
  EXPECT_TRUE(warp_lines("std::int32_t x = 132;  // 32 lanes\nfloat f32;\n").empty());
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "suites")) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".gpu.cpp") && !path.ends_with("device/gpu/gpu.h")) continue;
    ++files;
    for (const std::string& line : warp_lines(read(entry.path())))
      ADD_FAILURE() << path << " counts a warp's lanes, or seems to: " << line;
  }
  EXPECT_GE(files, 5);
}

// What the GPU's compilers see includes no JSON, test or benchmark library: hipcc fails on them.
TEST(Structure, GpuCodeIncludesLittle) {
  const std::regex heavy("^\\s*#\\s*include\\s*<(nlohmann|gtest|gmock|benchmark|mpi|omp|toml).*");
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "suites")) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".gpu.cpp") && path.find("suites/device/gpu/") == std::string::npos) continue;
    if (!is_source(entry.path()) || path.ends_with("_test.cpp")) continue;
    std::istringstream lines(read(entry.path()));
    for (std::string line; std::getline(lines, line);)
      EXPECT_FALSE(std::regex_match(line, heavy)) << path << " includes " << line;
  }
}

}  // namespace
