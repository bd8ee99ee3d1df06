#include "suites/training/support/parameter_checksum.h"

#include <algorithm>
#include <array>
#include <span>

#include "suites/training/support/fingerprint.h"

namespace assay::training {

namespace {

using device::Element;

/// A run of elements that lie side by side in the flat buffer and in the whole tensor.
std::uint64_t add_run(std::uint64_t sum, int tensor, std::int64_t first, std::int64_t count, Element element,
                      const std::byte* values) {
  const auto length = static_cast<std::size_t>(count);
  if (element == Element::f64)
    return add_parameters(sum, tensor, first, std::span(reinterpret_cast<const double*>(values), length));
  if (element == Element::f32)
    return add_parameters(sum, tensor, first, std::span(reinterpret_cast<const float*>(values), length));
  const auto* narrow = reinterpret_cast<const device::Bf16*>(values);
  std::array<float, 4096> wide;
  for (std::size_t done = 0; done < length; done += wide.size()) {
    const std::size_t part = std::min(wide.size(), length - done);
    std::transform(narrow + done, narrow + done + part, wide.begin(),
                   [](device::Bf16 value) { return device::to_float(value); });
    sum = add_parameters(sum, tensor, first + static_cast<std::int64_t>(done), std::span(wide.data(), part));
  }
  return sum;
}

}  // namespace

std::uint64_t parameter_checksum(const LocalTensor& tensor, Element element, const std::byte* weights) {
  std::uint64_t sum = 0;
  std::int64_t flat = tensor.offset;
  const auto add = [&](std::int64_t first, std::int64_t count) {
    sum = add_run(sum, tensor.index, first, count, element,
                  weights + static_cast<std::size_t>(flat) * device::bytes_of(element));
    flat += count;
  };
  for (const Rectangle& piece : tensor.pieces) {
    if (piece.columns == tensor.whole.columns) {
      add(piece.row * piece.columns, piece.rows * piece.columns);
      continue;
    }
    for (std::int64_t row = piece.row; row < piece.row + piece.rows; ++row)
      add(row * tensor.whole.columns + piece.column, piece.columns);
  }
  return sum;
}

bool stands_for(const LocalTensor& tensor, std::int64_t tensor_rank) {
  return !tensor.copy && (tensor.whole.split != Split::none || tensor_rank == 0);
}

std::uint64_t parameter_checksum(const LocalInventory& local, std::int64_t tensor_rank, Element element,
                                 const std::byte* weights) {
  std::uint64_t sum = 0;
  for (const LocalTensor& tensor : local.tensors)
    if (stands_for(tensor, tensor_rank)) sum += parameter_checksum(tensor, element, weights);
  return sum;
}

}  // namespace assay::training
