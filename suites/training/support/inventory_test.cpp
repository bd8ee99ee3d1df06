#include "suites/training/support/inventory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "suites/training/support/generator.h"
#include "suites/training/support/layout.h"
#include "suites/training/support/reference_runs.h"

namespace assay::training {
namespace {

TEST(Inventory, ListAndInitialValuesAreThoseOfTheIndependentReference) {
  const std::vector<ReferenceRun> runs = reference_runs(ASSAY_SOURCE_DIR);
  EXPECT_EQ(runs.size(), 4U);
  for (const ReferenceRun& run : runs) {
    require_valid(run.shape);
    const std::vector<Tensor> tensors = inventory(run.shape);
    ASSERT_EQ(tensors.size(), run.tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const ReferenceTensor& expected = run.tensors[i];
      EXPECT_EQ(tensors[i].name, expected.name);
      EXPECT_EQ(tensors[i].rows, expected.rows);
      EXPECT_EQ(tensors[i].columns, expected.columns);
      EXPECT_EQ(tensors[i].decays, tensors[i].columns > 1);
      const InitialValues values(run.seed, static_cast<int>(i), tensors[i].mean, tensors[i].deviation);
      double sum = 0;
      for (std::int64_t e = 0; e < tensors[i].count(); ++e) sum += values(e);
      EXPECT_NEAR(sum, expected.initial_sum, 1e-11) << run.name << ": " << tensors[i].name;
    }
    const std::vector<std::int32_t> tokens = run.tokens(0);
    ASSERT_EQ(run.first_tokens.size(), static_cast<std::size_t>(run.shape.sequence) + 1);
    EXPECT_TRUE(std::equal(run.first_tokens.begin(), run.first_tokens.end(), tokens.begin()));
  }
}

TEST(Inventory, InitialValuesHaveTheirMomentsAndAreExactInF32) {
  const InitialValues values(5, 3, 0, 0.02);
  const RandomBits bits(5, Stream::weights, 3);
  double sum = 0, square = 0;
  constexpr int count = 200000;
  for (int i = 0; i < count; ++i) {
    sum += values(i);
    square += values(i) * values(i);
    ASSERT_EQ(static_cast<double>(static_cast<float>(bits.uniform(i))), bits.uniform(i));
    ASSERT_LT(std::abs(bits.uniform(i)), 1);
  }
  EXPECT_NEAR(sum / count, 0, 5 * 0.02 / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(square / count), 0.02, 0.0002);
}

TEST(Inventory, ResidualProjectionsStartSmallerAndGainsAtOne) {
  const std::vector<Tensor> tensors = inventory(preset("gpt2-124m"));
  std::map<std::string, Tensor> by_name;
  for (const Tensor& tensor : tensors) by_name[tensor.name] = tensor;
  EXPECT_DOUBLE_EQ(by_name.at("layers.11.feed_forward_out_weight").deviation, 0.02 / std::sqrt(24.0));
  EXPECT_DOUBLE_EQ(by_name.at("layers.0.attention_output_weight").deviation, 0.02 / std::sqrt(24.0));
  EXPECT_DOUBLE_EQ(by_name.at("layers.0.qkv_weight").deviation, 0.02);
  EXPECT_EQ(by_name.at("last_norm_gain").mean, 1);
  EXPECT_FALSE(by_name.at("last_norm_gain").decays);
  EXPECT_TRUE(by_name.at("position_table").decays);
  // A bias whose layer is dealt out by columns belongs to no rank alone.
  EXPECT_EQ(by_name.at("layers.0.feed_forward_out_bias").split, Split::none);
  EXPECT_TRUE(by_name.at("layers.0.feed_forward_out_bias").seen_by_token);
  EXPECT_EQ(by_name.at("layers.0.feed_forward_in_bias").split, Split::rows);
  EXPECT_FALSE(by_name.at("layers.0.feed_forward_in_bias").seen_by_token);
}

TEST(Inventory, BlocksAreEvenAndComplete) {
  for (const std::int64_t count : {1, 7, 8, 50257}) {
    for (const std::int64_t parts : {1, 2, 3, 8}) {
      std::int64_t next = 0;
      for (std::int64_t part = 0; part < parts; ++part) {
        const Block block = block_of(count, part, parts);
        EXPECT_EQ(block.begin, next);
        EXPECT_TRUE(block.count == count / parts || block.count == count / parts + 1);
        next += block.count;
      }
      EXPECT_EQ(next, count);
    }
  }
}

/// How often the ranks of all tensor and pipeline coordinates hold each element of each tensor.
void expect_held(const ModelShape& shape, const ParallelLayout& layout) {
  const std::vector<Tensor> tensors = inventory(shape);
  std::vector<std::vector<int>> held;
  for (const Tensor& tensor : tensors) held.emplace_back(static_cast<std::size_t>(tensor.count()));
  int copies = 0;
  for (std::int64_t rank = 0; rank < layout.ranks(); ++rank) {
    std::int64_t end = 0;
    for (const LocalTensor& tensor : local_inventory(shape, layout, rank).tensors) {
      EXPECT_EQ(tensor.offset % flat_alignment, 0);
      EXPECT_GE(tensor.offset, end);
      end = tensor.offset + tensor.count();
      std::int64_t count = 0;
      for (const Rectangle& piece : tensor.pieces) {
        count += piece.rows * piece.columns;
        for (std::int64_t row = piece.row; row < piece.row + piece.rows && !tensor.copy; ++row) {
          for (std::int64_t column = piece.column; column < piece.column + piece.columns; ++column)
            ++held[static_cast<std::size_t>(tensor.index)]
                  [static_cast<std::size_t>(row * tensor.whole.columns + column)];
        }
      }
      EXPECT_EQ(count, tensor.count()) << tensor.whole.name;
      copies += tensor.copy ? 1 : 0;
    }
  }
  EXPECT_EQ(copies, shape.tied_head && layout.pipeline > 1 ? layout.tensor * layout.data : 0);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto times = layout.data * (tensors[i].split == Split::none ? layout.tensor : 1);
    EXPECT_EQ(std::count(held[i].begin(), held[i].end(), times), static_cast<long>(held[i].size()))
        << tensors[i].name;
  }
}

TEST(Inventory, EveryElementIsHeldExactlyWhereItShouldBe) {
  const ModelShape gpt = preset("tiny", {.layers = 3, .width = 24, .vocabulary = 37});
  const ModelShape llama =
      preset("llama3-8b", {.layers = 3, .width = 32, .heads = 8, .kv_heads = 4, .vocabulary = 41});
  for (const std::int64_t tensor : {1, 2, 4}) {
    for (const std::int64_t pipeline : {1, 2, 3}) {
      for (const std::int64_t data : {1, 2}) {
        const ParallelLayout layout{
            .data = data, .tensor = tensor, .pipeline = pipeline, .global_batch = data};
        expect_held(gpt, layout);
        expect_held(llama, layout);
      }
    }
  }
}

TEST(Inventory, FusedRowsAreDealtOutPartByPart) {
  const ModelShape llama = preset("llama3-8b", {.width = 32, .heads = 8, .kv_heads = 4});
  for (const Tensor& tensor : inventory(llama)) {
    if (tensor.name != "layers.0.qkv_weight") continue;
    // Rows 0-31 are queries, 32-47 keys, 48-63 values: the second of two ranks has heads 4-7 and 2-3.
    const std::vector<Rectangle> pieces = rectangles(tensor, 1, 2);
    ASSERT_EQ(pieces.size(), 3U);
    EXPECT_EQ(pieces[0].row, 16);
    EXPECT_EQ(pieces[0].rows, 16);
    EXPECT_EQ(pieces[1].row, 40);
    EXPECT_EQ(pieces[1].rows, 8);
    EXPECT_EQ(pieces[2].row, 56);
    return;
  }
  FAIL() << "no such tensor";
}

TEST(Inventory, ShardsOfTheOptimizerCoverEveryElementOnce) {
  const ModelShape gpt = preset("tiny", {.layers = 1, .width = 20, .vocabulary = 37});
  const LocalInventory local = local_inventory(gpt, {}, 0);
  for (const std::int64_t ranks : {1, 2, 3, 5, 100, 3000}) {
    std::vector<int> updated(static_cast<std::size_t>(local.count));
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      const Block shard = shard_of(local.count, rank, ranks);
      EXPECT_LE(shard.count, shard_length(local.count, ranks));
      EXPECT_GE(shard.count, 0);
      for (const Segment& segment : segments(local, shard)) {
        const LocalTensor& tensor = local.tensors[static_cast<std::size_t>(segment.tensor)];
        EXPECT_GE(segment.begin, tensor.offset);
        EXPECT_LE(segment.begin + segment.count, tensor.offset + tensor.count());
        for (std::int64_t i = 0; i < segment.count; ++i)
          ++updated[static_cast<std::size_t>(segment.begin + i)];
      }
    }
    std::int64_t once = 0;
    for (const int times : updated) {
      EXPECT_LE(times, 1);
      once += times;
    }
    EXPECT_EQ(once, parameter_count(gpt)) << ranks << " ranks";
  }
}

}  // namespace
}  // namespace assay::training
