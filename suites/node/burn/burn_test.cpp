#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "suites/device/host/cpu.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/launched_program.h"
#include "suites/harness/worker.h"
#include "suites/node/burn/compute.h"
#include "suites/node/burn/patterns.h"

namespace assay::bench::burn {
namespace {

using testing::HasSubstr;

std::vector<VectorWidth> widths() {
  std::vector<VectorWidth> all = {VectorWidth::generic};
  if (device::cpu_features().fma) all.push_back(VectorWidth::avx2);
  if (device::cpu_features().avx512) all.push_back(VectorWidth::avx512);
  return all;
}

TEST(BurnCompute, EveryWidthGivesTheRightBits) {
  for (const VectorWidth width : widths()) {
    CoreWork work(width, 7);
    work.compare();
    EXPECT_EQ(work.wrong(), work.verified()) << "what was not computed is wrong";
    CoreWork fresh(width, 7);
    fresh.repeat(3);
    EXPECT_EQ(fresh.wrong(), 0u) << name_of(width);
    // 16 panels of rows x columns, and the chains' lanes, three times.
    const BlockShape geometry = geometry_of(width);
    EXPECT_EQ(fresh.verified(), 3 * (16 * geometry.rows * geometry.columns + geometry.chain_lanes));
  }
}

TEST(BurnCompute, CountsItsOperations) {
  // 4 x 4 results of 16 panels with 96 multiply-adds each, and 16 lanes of 1024 rounds.
  const BlockShape generic = geometry_of(VectorWidth::generic);
  EXPECT_EQ(generic.rows * generic.columns, 16u);
  EXPECT_EQ(operations_of(VectorWidth::generic), 2.0 * (16 * 16 * 96 + 16 * 1024));
}

TEST(BurnCompute, OneBitOfOneOperandIsFound) {
  for (const VectorWidth width : widths()) {
    for (const std::size_t operand : {std::size_t{0}, std::size_t{1000}}) {
      CoreWork work(width, 7);
      work.repeat(1);
      ASSERT_EQ(work.wrong(), 0u);
      work.operands()[operand] += 2;  // the lowest bit that an odd integer's neighbour differs in
      work.repeat(1);
      EXPECT_GT(work.wrong(), 0u);
      ASSERT_TRUE(work.first());
      EXPECT_STREQ(work.first()->part, "product");
      EXPECT_NE(work.first()->found, work.first()->expected);
    }
  }
}

TEST(BurnCompute, ResultsThatWereSpoiltAreFound) {
  CoreWork work(best_width(), 7);
  work.repeat(1);
  work.results()[5] = -work.results()[5];
  work.compare();
  EXPECT_EQ(work.wrong(), 1u);
  EXPECT_EQ(work.first()->index, 5u);
  CoreWork nan(best_width(), 7);
  nan.repeat(1);
  nan.results()[9] = std::nan("");
  nan.compare();
  EXPECT_EQ(nan.wrong(), 1u);
  EXPECT_EQ(nan.first()->index, 9u);
}

/// Memory of a few blocks, aligned as a mapping is.
class BurnMemory : public testing::Test {
 protected:
  static constexpr std::size_t blocks = 3;
  std::vector<std::uint64_t> storage_ = std::vector<std::uint64_t>(blocks * block_words + 8);
  std::uint64_t* words() {
    void* at = storage_.data();
    std::size_t space = storage_.size() * sizeof(std::uint64_t);
    return static_cast<std::uint64_t*>(std::align(64, blocks * block_bytes, at, space));
  }
};

TEST(BurnPattern, WordsDifferByAddressAndInvertByGeneration) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 10000; ++i) seen.insert(pattern_word(i, 0));
  EXPECT_EQ(seen.size(), 10000u);
  EXPECT_EQ(pattern_word(5, 1), ~pattern_word(5, 0));
  EXPECT_EQ(pattern_word(5, 3), ~pattern_word(5, 2));
  EXPECT_NE(pattern_word(5, 2), pattern_word(5, 0));
}

TEST_F(BurnMemory, HoldsItsPatternsRoundAfterRound) {
  for (const VectorWidth width : widths()) {
    PatternMemory memory(words(), blocks, 4096, width);
    memory.fill();
    EXPECT_EQ(words()[0], pattern_word(4096, 0));
    EXPECT_EQ(words()[block_words + 13], pattern_word(4096 + block_words + 13, 0));
    memory.visit(2);  // two blocks have generation 1, the third has 0
    EXPECT_EQ(words()[0], pattern_word(4096, 1));
    EXPECT_EQ(words()[2 * block_words], pattern_word(4096 + 2 * block_words, 0));
    memory.compare_all();
    memory.visit(11);
    memory.compare_all();
    EXPECT_EQ(memory.wrong(), 0u);
    EXPECT_EQ(memory.verified(), (13 + 2 * blocks) * block_words);
  }
}

TEST_F(BurnMemory, OneFlippedBitIsFoundWhereItIs) {
  PatternMemory memory(words(), blocks, 0, best_width());
  memory.fill();
  memory.visit(1);
  words()[block_words + 17] ^= std::uint64_t{1} << 40;
  memory.visit(blocks);
  EXPECT_EQ(memory.wrong(), 1u);
  EXPECT_EQ(memory.first()->index, (block_words + 17) * 8);
  EXPECT_EQ(memory.first()->expected ^ memory.first()->found, std::uint64_t{1} << 40);
  memory.compare_all();  // it was written again since
  EXPECT_EQ(memory.wrong(), 1u);
}

TEST_F(BurnMemory, AWriteThatWasLostAndAWrongAddressAreFound) {
  PatternMemory lost(words(), blocks, 0, best_width());
  lost.fill();
  const std::uint64_t before = words()[3];
  lost.visit(blocks);
  words()[3] = before;
  lost.visit(blocks);
  EXPECT_EQ(lost.wrong(), 1u);
  PatternMemory exchanged(words(), blocks, 0, best_width());
  exchanged.fill();
  std::swap(words()[8], words()[block_words + 8]);
  exchanged.visit(blocks);
  EXPECT_EQ(exchanged.wrong(), 2u);
}

std::vector<Record> run_burn(int ranks, const std::string& arguments, int expected_exit_code) {
  const ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const Ended ended = run_command(
      assay_bench(ranks, "node/burn --seconds 0.2s --bytes 2MiB --json " + file.string() + " " + arguments));
  EXPECT_EQ(ended.exit_code, expected_exit_code) << ended.output;
  return records_in(file);
}

TEST(LaunchedBurn, VerifiesEverySliceAndGivesRates) {
  const auto records = run_burn(0, "", 0);
  ASSERT_EQ(records.size(), 1u);
  const DeviceResult& device = records[0].devices.at(0);
  EXPECT_EQ(device.check.status, CheckStatus::pass) << device.check.how;
  EXPECT_EQ(device.series.at("compute").samples.size(), 4u);  // four slices at least
  EXPECT_EQ(device.series.at("memory").samples.size(), 4u);
  for (const FigureOfMerit& fom : records[0].foms) EXPECT_TRUE(value_of(fom, device)) << fom.name;
  EXPECT_LE(*value_of(records[0].foms[1], device), *value_of(records[0].foms[0], device));
  EXPECT_EQ(device.metrics.at("wrong_cores"), 0);
  EXPECT_GT(device.metrics.at("verified_results"), 0);
  EXPECT_GE(device.metrics.at("verified_memory_bytes"), 2 << 20);
}

TEST(LaunchedBurn, AFaultOnOneCoreIsFoundAndNamed) {
  if (mpiexec().empty()) GTEST_SKIP() << "mpiexec is missing";
  for (const std::string fault : {"wrong_element", "nan"}) {
    const auto records = run_burn(2, "--plant " + fault, 1);
    ASSERT_EQ(records.size(), 1u);
    ASSERT_EQ(records[0].devices.size(), 2u);
    EXPECT_EQ(records[0].devices[0].check.status, CheckStatus::pass) << records[0].devices[0].check.how;
    const DeviceResult& wrong = records[0].devices[1];
    EXPECT_EQ(wrong.check.status, CheckStatus::fail);
    EXPECT_EQ(wrong.check.error, 1.0);
    EXPECT_THAT(wrong.check.how, HasSubstr("1 wrong; first on CPU "));
    EXPECT_THAT(wrong.check.how, HasSubstr(fault == "nan" ? "product element 0" : "memory byte "));
    EXPECT_EQ(wrong.metrics.at("wrong_cores"), 1);
  }
}

TEST(BurnSpec, NeedsAStartOfItsOwnAndMemoryForEachCore) {
  const Benchmark& benchmark = find_benchmark("node/burn");
  EXPECT_TRUE(benchmark.spec.own_start);
  ProcessGroup group;
  Context context{group};
  context.threads = 4;
  Parameters parameters = complete_parameters(benchmark.spec, {{"bytes", std::int64_t{65536}}}, {});
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("128 KiB"));
  parameters["bytes"] = std::int64_t{1} << 45;
  EXPECT_THAT(benchmark.unsupported(parameters, context), HasSubstr("fewer bytes"));
  parameters["bytes"] = std::int64_t{0};
  EXPECT_EQ(benchmark.unsupported(parameters, context), "");
}

}  // namespace
}  // namespace assay::bench::burn
