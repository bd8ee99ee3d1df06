#include "suites/io/checkpoint/checkpoint_sizes.h"

#include <gtest/gtest.h>

#include "reports/base/error.h"

namespace assay::bench {
namespace {

constexpr double gib = 1024.0 * 1024.0 * 1024.0;

TEST(CheckpointSizes, ParametersOfAShapeCountedByHand) {
  // One layer, h = 4, f = 8, 2 heads, 1 of them for keys and values, vocabulary 10:
  // queries 16, keys 8, values 8, output 16; gate, up, down 3 x 32; norms 8; tables 2 x 40; last norm 4.
  EXPECT_DOUBLE_EQ(parameters_of({1, 4, 8, 2, 1, 10}), 48 + 96 + 8 + 80 + 4);
  // Meta's Llama 3 8B has 8,030,261,248 parameters.
  EXPECT_DOUBLE_EQ(checkpoint_model("llama3-8b").parameters, 8030261248.0);
}

TEST(CheckpointSizes, AreThoseOfThePublishedTable) {
  // 105 GB on 8, 912 GB on 64, 5.29 TB on 512, 18 TB on 1024 (counted in GiB).
  ASSERT_EQ(checkpoint_models().size(), 4u);
  const int ranks[] = {8, 64, 512, 1024};
  int place = 0;
  for (const CheckpointModel& model : checkpoint_models()) {
    EXPECT_EQ(model.ranks(), ranks[place++]) << model.name;
    EXPECT_NEAR(model.bytes() / gib / model.published_gib, 1, 0.003) << model.name;
    EXPECT_DOUBLE_EQ(model.bytes(), 14 * model.parameters);
  }
  // mlcommons/storage lists model and optimizer apart: 15 and 90, 755 and 4533 GiB.
  EXPECT_NEAR(checkpoint_model("llama3-8b").model_bytes() / gib, 15, 0.1);
  EXPECT_NEAR(checkpoint_model("llama3-8b").optimizer_bytes() / gib, 90, 0.5);
  EXPECT_NEAR(checkpoint_model("llama3-405b").model_bytes() / gib, 755, 1);
  EXPECT_NEAR(checkpoint_model("llama3-405b").optimizer_bytes() / gib, 4533, 4);
  // The shape published for the last one gives less than the size published for it.
  EXPECT_NEAR(14 * parameters_of(checkpoint_model("1t").architecture) / gib, 15427, 1);
}

TEST(CheckpointSizes, StageThreeSharesEverythingEvenly) {
  const CheckpointModel& model = checkpoint_model("llama3-8b");
  for (const int ranks : {1, 2, 3, 8}) {
    std::uint64_t sum = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const RankShare share = rank_share(model, 0.01, rank, ranks);
      EXPECT_EQ(share.bytes(), rank_share(model, 0.01, 0, ranks).bytes());
      EXPECT_EQ(share.model_bytes % checkpoint_block, 0u);
      EXPECT_EQ(share.optimizer_bytes % checkpoint_block, 0u);
      EXPECT_GT(share.model_bytes, 0u);
      sum += share.bytes();
    }
    EXPECT_EQ(sum, checkpoint_bytes(model, 0.01, ranks));
    EXPECT_GE(static_cast<double>(sum), 0.01 * model.bytes());
    EXPECT_LT(static_cast<double>(sum), 0.01 * model.bytes() + 2.0 * ranks * checkpoint_block);
  }
}

TEST(CheckpointSizes, StageOneWritesTheWeightsOnce) {
  const CheckpointModel& model = checkpoint_model("llama3-405b");  // two data-parallel copies
  EXPECT_GT(rank_share(model, 1e-4, 0, 1).model_bytes, 0u);
  EXPECT_GT(rank_share(model, 1e-4, 0, 2).model_bytes, 0u);
  EXPECT_EQ(rank_share(model, 1e-4, 1, 2).model_bytes, 0u);
  EXPECT_GT(rank_share(model, 1e-4, 1, 2).optimizer_bytes, 0u);
  EXPECT_GT(rank_share(model, 1, 255, 512).model_bytes, 0u);
  EXPECT_EQ(rank_share(model, 1, 256, 512).model_bytes, 0u);
  for (const int ranks : {1, 2, 3, 5, 512}) {
    std::uint64_t sum = 0;
    for (int rank = 0; rank < ranks; ++rank) sum += rank_share(model, 1e-4, rank, ranks).bytes();
    EXPECT_EQ(sum, checkpoint_bytes(model, 1e-4, ranks));
    EXPECT_NEAR(static_cast<double>(sum) / (1e-4 * model.bytes()), 1, 0.01);
  }
}

TEST(CheckpointSizes, AnUnknownModelIsAnError) {
  EXPECT_THROW(checkpoint_model("llama4"), Error);
}

}  // namespace
}  // namespace assay::bench
