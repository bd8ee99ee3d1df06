#include "suites/harness/machine_facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace assay::bench {
namespace {

using nlohmann::json;

TEST(MachineFacts, OneNodeWithEveryFact) {
  setenv("SECRET_TOKEN", "do-not-tell", 1);
  setenv("OMP_TEST_TOKEN_OF_ASSAY", "shown", 1);
  setenv("MY_OMP_PASSWORD", "do-not-tell", 1);
  setenv("AWS_OPENBLAS_KEY", "do-not-tell", 1);
  const std::string text = machine_json(ProcessGroup());
  EXPECT_EQ(text.find("do-not-tell"), std::string::npos);
  const json machine = json::parse(text);
  EXPECT_EQ(machine.at("schema"), "assay.machine/1");
  EXPECT_FALSE(machine.at("assay_version").get<std::string>().empty());
  EXPECT_EQ(machine.at("created").get<std::string>().size(), 20u);
  ASSERT_EQ(machine.at("nodes").size(), 1u);
  const json& facts = machine.at("nodes")[0].at("facts");
  for (const auto& [name, value] : facts.items())
    EXPECT_TRUE(value.is_primitive()) << name << ": a fact is a number, a text or a truth";
  for (const char* name : {"sockets", "numa_nodes", "cores", "hardware_threads", "usable_processors",
                           "memory_bytes", "peak_threads"})
    EXPECT_GE(facts.at(name).get<std::int64_t>(), 1) << name;
  EXPECT_GE(facts.at("hardware_threads").get<int>(), facts.at("cores").get<int>());
  EXPECT_EQ(facts.at("gpus_per_node"), 0);
  for (const char* name : {"cpu_model", "cpu_features", "binding", "kernel", "hypervisor"})
    EXPECT_TRUE(facts.at(name).is_string()) << name;
  EXPECT_GT(facts.at("peak_f64_flop_per_s").get<double>(), 0);
  EXPECT_GT(facts.at("peak_f32_flop_per_s").get<double>(), 0);
  EXPECT_TRUE(facts.contains("peak_bf16_flop_per_s"));  // null where the processor lacks it
  EXPECT_TRUE(facts.contains("peak_int8_op_per_s"));
  EXPECT_EQ(facts.at("peak_basis"), "measured");
  EXPECT_FALSE(machine.at("mpi").at("library").get<std::string>().empty());
  EXPECT_EQ(machine.at("mpi").at("started"), false);
  EXPECT_TRUE(machine.at("libraries").contains("onednn_version"));
  EXPECT_TRUE(machine.at("libraries").contains("compiler"));
  EXPECT_EQ(machine.at("environment").at("OMP_TEST_TOKEN_OF_ASSAY"), "shown");
  EXPECT_TRUE(machine.at("warnings").is_array());
}

TEST(MachineFacts, OnlyAllowedVariables) {
  setenv("SECRET_TOKEN", "x", 1);
  setenv("NCCL_DEBUG", "INFO", 1);
  setenv("UCX_TLS", "shm", 1);
  const auto environment = allowed_environment();
  EXPECT_EQ(environment.count("SECRET_TOKEN"), 0u);
  EXPECT_EQ(environment.at("NCCL_DEBUG"), "INFO");
  EXPECT_EQ(environment.at("UCX_TLS"), "shm");
  const char* prefixes[] = {"OPENBLAS_", "OMP_", "ONEDNN_", "DNNL_", "MPICH_", "NCCL_", "UCX_"};
  for (const auto& [name, value] : environment)
    EXPECT_TRUE(std::any_of(std::begin(prefixes), std::end(prefixes), [&variable = name](const char* prefix) {
      return variable.rfind(prefix, 0) == 0;
    })) << name;
}

TEST(MachineFacts, VariablesThatLimitAreWarnedAbout) {
  const std::map<std::string, std::string> environment = {{"OPENBLAS_CORETYPE", "Haswell"},
                                                          {"OMP_NUM_THREADS", "2"},
                                                          {"OMP_PROC_BIND", "true"},
                                                          {"DNNL_MAX_CPU_ISA", "AVX2"},
                                                          {"OPENBLAS_VERBOSE", "2"}};
  const std::vector<std::string> warnings = environment_warnings(environment, 8);
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_NE(warnings[0].find("DNNL_MAX_CPU_ISA=AVX2"), std::string::npos);
  EXPECT_NE(warnings[1].find("OMP_NUM_THREADS=2"), std::string::npos);
  EXPECT_NE(warnings[1].find("8 processors"), std::string::npos);
  EXPECT_NE(warnings[2].find("OPENBLAS_CORETYPE=Haswell"), std::string::npos);
  EXPECT_TRUE(environment_warnings({{"OMP_NUM_THREADS", "8"}}, 8).empty());
  EXPECT_TRUE(environment_warnings({}, 8).empty());
}

TEST(MachineFacts, LastLevelCacheIsPlausible) {
  const std::uint64_t bytes = last_level_cache_bytes();
  if (bytes == 0) GTEST_SKIP() << "the system does not tell its caches";
  EXPECT_GE(bytes, std::uint64_t{64} << 10);
  EXPECT_LT(bytes, std::uint64_t{64} << 30);
}

}  // namespace
}  // namespace assay::bench
