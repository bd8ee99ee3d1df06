#include "suites/training/support/parameter_checksum.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "suites/training/support/fingerprint.h"
#include "suites/training/support/layout.h"

namespace assay::training {
namespace {

using device::Element;

/// Every element of the whole model has a value of its own, which f32 and bf16 hold exactly enough to differ.
float value(int tensor, std::int64_t element) {
  return static_cast<float>(tensor) + static_cast<float>(element) / 4096.0F;
}

std::vector<float> weights_of(const LocalInventory& local) {
  std::vector<float> weights(static_cast<std::size_t>(local.count));
  for (const LocalTensor& tensor : local.tensors) {
    auto flat = static_cast<std::size_t>(tensor.offset);
    for (const Rectangle& piece : tensor.pieces) {
      for (std::int64_t row = piece.row; row < piece.row + piece.rows; ++row) {
        for (std::int64_t column = piece.column; column < piece.column + piece.columns; ++column)
          weights[flat++] = value(tensor.index, row * tensor.whole.columns + column);
      }
    }
  }
  return weights;
}

std::uint64_t whole_checksum(const ModelShape& shape) {
  std::uint64_t sum = 0;
  const std::vector<Tensor> tensors = inventory(shape);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    for (std::int64_t element = 0; element < tensors[i].count(); ++element) {
      const float one = value(static_cast<int>(i), element);
      sum = add_parameters(sum, static_cast<int>(i), element, std::span(&one, 1));
    }
  }
  return sum;
}

std::uint64_t checksum(const LocalInventory& local, std::int64_t tensor_rank,
                       const std::vector<float>& weights) {
  return parameter_checksum(local, tensor_rank, Element::f32,
                            reinterpret_cast<const std::byte*>(weights.data()));
}

TEST(ParameterChecksum, IsTheSameForEveryLayout) {
  const ModelShape shape = preset("tiny", {.layers = 3, .width = 24, .vocabulary = 31});
  const std::uint64_t expected = whole_checksum(shape);
  for (const std::int64_t tensor : {1, 2, 4}) {
    for (const std::int64_t pipeline : {1, 2, 3}) {
      ParallelLayout layout;
      layout.tensor = tensor;
      layout.pipeline = pipeline;
      std::uint64_t sum = 0;
      for (std::int64_t rank = 0; rank < layout.ranks(); ++rank) {
        const LocalInventory local = local_inventory(shape, layout, rank);
        sum += checksum(local, coordinates_of(layout, rank).tensor, weights_of(local));
      }
      EXPECT_EQ(sum, expected) << tensor << " x " << pipeline;
    }
  }
}

TEST(ParameterChecksum, OneFlippedBitChangesIt) {
  const ModelShape shape = preset("tiny", {.layers = 1, .width = 24, .vocabulary = 31});
  const LocalInventory local = local_inventory(shape, ParallelLayout{}, 0);
  std::vector<float> weights = weights_of(local);
  const std::uint64_t before = checksum(local, 0, weights);
  auto* bytes = reinterpret_cast<unsigned char*>(weights.data());
  bytes[4 * static_cast<std::size_t>(local.tensors.back().offset)] ^= 1U;
  EXPECT_NE(checksum(local, 0, weights), before);
}

TEST(ParameterChecksum, NarrowWeightsCountAsTheSinglesThatTheyAre) {
  const ModelShape shape =
      preset("tiny", {.layers = 1, .width = 256});  // rows beyond one block of conversion
  const LocalInventory local = local_inventory(shape, ParallelLayout{}, 0);
  std::vector<float> wide = weights_of(local);
  std::vector<device::Bf16> narrow(wide.size());
  for (std::size_t i = 0; i < wide.size(); ++i) {
    narrow[i] = device::to_bf16(wide[i]);
    wide[i] = device::to_float(narrow[i]);
  }
  EXPECT_EQ(parameter_checksum(local, 0, Element::bf16, reinterpret_cast<const std::byte*>(narrow.data())),
            checksum(local, 0, wide));
  const std::vector<double> exact(wide.begin(), wide.end());
  EXPECT_NE(parameter_checksum(local, 0, Element::f64, reinterpret_cast<const std::byte*>(exact.data())),
            checksum(local, 0, wide));
}

}  // namespace
}  // namespace assay::training
