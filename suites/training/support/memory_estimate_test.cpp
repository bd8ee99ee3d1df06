#include "suites/training/support/memory_estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "suites/device/device.h"
#include "suites/training/support/operator_shapes.h"

namespace assay::training {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// C 32, 4 heads, F 128, T 8, V 48, 2 layers: every tensor's count is a multiple of 16, so nothing is padded.
ModelShape small() {
  return preset("tiny", {.width = 32, .sequence = 8, .positions = 8, .vocabulary = 48});
}

std::int64_t bytes(const std::vector<MemoryItem>& items, const std::string& name) {
  return find_item(items, name).bytes();
}

TEST(MemoryEstimate, OneRankByHand) {
  const ModelShape shape = small();
  // 2 (12 * 1024 + 13 * 32) + (48 + 8 + 2) * 32
  const std::int64_t n = 2 * 12704 + 1856;
  ASSERT_EQ(parameter_count(shape), n);
  const ParallelLayout layout{.micro_batch = 3, .global_batch = 6};  // R = 24
  const auto items = memory_items(shape, layout, 0, {.element = Element::f32, .scratch_bytes = 1000});
  EXPECT_EQ(bytes(items, "weights"), 4 * n);
  EXPECT_EQ(bytes(items, "gradients"), 4 * n);
  EXPECT_EQ(bytes(items, "first_moment"), 4 * n);
  EXPECT_THROW(find_item(items, "master"), std::out_of_range);
  EXPECT_EQ(bytes(items, "kept.residual_in"), 2 * 24 * 32 * 4);
  EXPECT_EQ(bytes(items, "kept.qkv"), 2 * 24 * 96 * 4);
  EXPECT_EQ(bytes(items, "kept.attention_norm_statistics"), 2 * 24 * 2 * 4);
  EXPECT_EQ(bytes(items, "kept.log_sum"), 2 * 24 * 4 * 4);
  EXPECT_EQ(bytes(items, "kept.feed_forward_in"), 2 * 24 * 128 * 4);
  // 5 widths, qkv, 2 F, statistics and log_sum, of 2 layers.
  std::int64_t kept = 0;
  for (const MemoryItem& item : items) kept += item.name.starts_with("kept.") ? item.bytes() : 0;
  EXPECT_EQ(kept, 2 * 24 * 4 * (5 * 32 + 96 + 2 * 128 + 4 + 4));
  EXPECT_EQ(bytes(items, "end.head"), 4 * 24 * 4);
  EXPECT_EQ(bytes(items, "scratch"), 1000);
  std::int64_t sum = 0;
  for (const MemoryItem& item : items) sum += item.bytes();
  EXPECT_EQ(total_bytes(items), sum);
}

TEST(MemoryEstimate, Bf16KeepsF32Masters) {
  const auto items = memory_items(small(), {}, 0, {.element = Element::bf16});
  const std::int64_t n = parameter_count(small());
  EXPECT_EQ(bytes(items, "weights"), 2 * n);
  EXPECT_EQ(bytes(items, "gradients"), 4 * n);
  EXPECT_EQ(bytes(items, "master"), 4 * n);
  EXPECT_EQ(bytes(items, "kept.qkv"), 2 * 8 * 96 * 2);
  EXPECT_EQ(bytes(items, "kept.log_sum"), 2 * 8 * 4 * 4);
}

TEST(MemoryEstimate, NarrowMomentsTakeHalf) {
  const auto items = memory_items(small(), {}, 0, {.element = Element::f32, .narrow_moments = true});
  const std::int64_t n = parameter_count(small());
  EXPECT_EQ(bytes(items, "first_moment"), 2 * n);
  EXPECT_EQ(bytes(items, "second_moment"), 2 * n);
  EXPECT_EQ(bytes(items, "gradients"), 4 * n);
}

TEST(MemoryEstimate, ADevicesMemoryHoldsWhatPassesBetweenItAndTheHost) {
  const ParallelLayout layout{.pipeline = 2, .micro_batch = 3, .global_batch = 6};  // R = 24
  const MemoryRequest host{.scratch_bytes = 0, .loader_bytes = 500},
      device{.loader_bytes = 500, .apart = true};
  const auto here = memory_items(small(), layout, 0, host), there = memory_items(small(), layout, 0, device);
  EXPECT_EQ(bytes(here, "loader"), 500);
  EXPECT_THROW(find_item(here, "tokens"), std::out_of_range);
  EXPECT_THROW(find_item(there, "loader"), std::out_of_range);
  EXPECT_EQ(bytes(there, "tokens"), 2 * 24 * 4);
  EXPECT_EQ(bytes(there, "targets"), 2 * 24 * 4);
  EXPECT_EQ(bytes(there, "work.received"), 24 * 32 * 4);
  EXPECT_EQ(total_bytes(there) - total_bytes(here), 4 * 24 * 4 + 24 * 32 * 4 + host_view_bytes - 500);
}

TEST(MemoryEstimate, AShardedOptimizerHoldsItsPart) {
  const ParallelLayout layout{.data = 4, .shard_optimizer = true, .global_batch = 4};
  const auto items = memory_items(small(), layout, 0, {.element = Element::bf16});
  const std::int64_t shard = shard_length(parameter_count(small()), 4);
  EXPECT_EQ(bytes(items, "master"), 4 * shard);
  EXPECT_EQ(bytes(items, "second_moment"), 4 * shard);
  EXPECT_EQ(bytes(items, "gradients"), 4 * 4 * shard);
}

TEST(MemoryEstimate, OneRankHoldsTheWeightsOfASharedWindow) {
  const ParallelLayout layout{.data = 4, .shard_optimizer = true, .shared_window = true, .global_batch = 4};
  const auto first = memory_items(small(), layout, 0, {}), other = memory_items(small(), layout, 1, {});
  const std::int64_t shard = 4 * shard_length(parameter_count(small()), 4);  // bytes
  EXPECT_EQ(total_bytes(first) - total_bytes(other), 4 * shard);
  EXPECT_EQ(resident_bytes(first), resident_bytes(other));
  EXPECT_EQ(bytes(first, "others' gradients"), 3 * shard);
  EXPECT_EQ(resident_bytes(first) - total_bytes(first), 3 * shard);
  EXPECT_THROW(find_item(first, "mpi"), std::out_of_range);
}

TEST(MemoryEstimate, RecomputationKeepsOneLayer) {
  const ParallelLayout layout{
      .pipeline = 2, .micro_batch = 1, .global_batch = 8, .recompute_activations = true};
  const auto first = memory_items(small(), layout, 0, {});
  // One layer on each stage; two micro-batches are under way on the first.
  EXPECT_EQ(bytes(first, "kept.residual_in"), 2 * 8 * 32 * 4);
  EXPECT_EQ(bytes(first, "kept.qkv"), 8 * 96 * 4);
  EXPECT_THROW(find_item(first, "end.head"), std::out_of_range);
  const auto last = memory_items(small(), layout, 1, {});
  EXPECT_EQ(bytes(last, "kept.residual_in"), 8 * 32 * 4);
  // The copy of the tied table: one layer, the last norm and the table, without positions.
  EXPECT_EQ(bytes(last, "weights"), 4 * (12704 + 64 + 48 * 32));
}

TEST(MemoryEstimate, TensorAndSequenceParallelismSplitActivations) {
  ParallelLayout layout{.tensor = 2, .micro_batch = 2, .global_batch = 2};
  const auto plain = memory_items(small(), layout, 0, {});
  EXPECT_EQ(bytes(plain, "kept.residual_in"), 2 * 16 * 32 * 4);
  EXPECT_EQ(bytes(plain, "kept.qkv"), 2 * 16 * 48 * 4);
  layout.sequence_parallel = true;
  const auto split = memory_items(small(), layout, 0, {});
  EXPECT_EQ(bytes(split, "kept.residual_in"), 2 * 8 * 32 * 4);
  EXPECT_EQ(bytes(split, "kept.qkv"), 2 * 16 * 48 * 4);
  EXPECT_EQ(bytes(split, "work.gathered"), 2 * 16 * 32 * 4);
}

TEST(MemoryEstimate, WhatDoesNotFitIsSaidWithWaysThatHelp) {
  const ModelShape llama = preset("llama3-8b");
  const ParallelLayout layout{.micro_batch = 4, .global_batch = 4};
  const MemoryRequest request{.element = Element::bf16};
  const std::int64_t limit = 64LL << 30;
  const std::string words = memory_refusal(llama, layout, request, limit);
  EXPECT_THAT(words,
              AllOf(HasSubstr("rank 0 would need"), HasSubstr("64 GiB are there"), HasSubstr("recompute"),
                    HasSubstr("also micro_batch = 1"), HasSubstr("pipeline = "), HasSubstr("fits")));
  // What it says would fit, fits; and the limit itself is enough.
  EXPECT_EQ(memory_refusal(small(), {}, {}, total_bytes(memory_items(small(), {}, 0, {}))), "");
  EXPECT_NE(memory_refusal(small(), {}, {}, total_bytes(memory_items(small(), {}, 0, {})) - 1), "");
}

TEST(MemoryEstimate, TheLargestRankIsFound) {
  const ModelShape shape = preset("tiny", {.layers = 3, .vocabulary = 511});
  const ParallelLayout layout{.tensor = 2, .pipeline = 3, .global_batch = 4};
  const std::int64_t worst = largest_rank(shape, layout, {});
  for (std::int64_t rank = 0; rank < 6; ++rank) {
    EXPECT_LE(total_bytes(memory_items(shape, layout, rank, {})),
              total_bytes(memory_items(shape, layout, worst, {})));
  }
}

TEST(MemoryEstimate, ScratchIsCountedBeforeItIsThere) {
  const ModelShape llama =
      preset("llama3-8b", {.layers = 2, .width = 128, .sequence = 70, .vocabulary = 9001});
  for (const Element element : {Element::f64, Element::f32, Element::bf16}) {
    if (!device::host().gemm_unsupported(element).empty()) continue;
    for (const ModelShape& shape : {small(), llama}) {
      for (const std::int64_t tensor : {1, 4}) {
        const ParallelLayout layout{.tensor = tensor, .micro_batch = 3, .global_batch = 3};
        const auto operators = device::host_operators(element, 2);
        reserve_operators(*operators, shape, layout, tensor - 1);
        EXPECT_EQ(operator_scratch_bytes(shape, layout, tensor - 1, element, 2), operators->scratch_bytes());
        EXPECT_GT(operators->scratch_bytes(), 0);
      }
    }
  }
}

TEST(MemoryEstimate, ARefusalAsksForTheScratchOfEachWayOut) {
  const ParallelLayout layout{.micro_batch = 4, .global_batch = 4};
  MemoryRequest request;
  request.scratch = [](const ParallelLayout& asked, std::int64_t) { return asked.micro_batch << 30; };
  EXPECT_EQ(bytes(memory_items(small(), layout, 0, request), "scratch"), std::int64_t{4} << 30);
  const std::string words = memory_refusal(small(), layout, request, std::int64_t{3} << 30);
  EXPECT_THAT(words, AllOf(HasSubstr("scratch 4 GiB"), HasSubstr("micro_batch = 1 (1 GiB, fits)")));
}

}  // namespace
}  // namespace assay::training
