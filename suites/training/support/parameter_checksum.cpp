#include "suites/training/support/parameter_checksum.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

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

/// The numbers of a flat buffer, as many at once as the host sees.
class Window {
 public:
  Window(const LocalTensor& tensor, Element element, std::byte* weights, const HostView& view)
      : end_(tensor.offset + tensor.count()),
        each_(device::bytes_of(element)),
        weights_(weights),
        view_(view) {}

  /// Those from `flat` on, and how many of `count` there are.
  std::pair<const std::byte*, std::int64_t> from(std::int64_t flat, std::int64_t count) {
    if (flat >= seen_end_) {
      seen_ = flat;
      seen_end_ = view_.direct()
                      ? end_
                      : std::min(end_, flat + static_cast<std::int64_t>(view_.most_bytes() / each_));
      piece_ = view_.get(weights_ + static_cast<std::size_t>(flat) * each_,
                         static_cast<std::size_t>(seen_end_ - seen_) * each_);
    }
    return {piece_ + static_cast<std::size_t>(flat - seen_) * each_, std::min(count, seen_end_ - flat)};
  }

 private:
  const std::int64_t end_;
  const std::size_t each_;
  std::byte* const weights_;
  const HostView& view_;
  std::int64_t seen_ = 0, seen_end_ = -1;
  const std::byte* piece_ = nullptr;
};

/// As add_run; many numbers of a device, which would leave it waiting, by all threads.
std::uint64_t add_long_run(int tensor, std::int64_t first, std::int64_t count, Element element,
                           const std::byte* values) {
  constexpr std::int64_t part = 65536;
  std::uint64_t sum = 0;
#pragma omp parallel for reduction(+ : sum) if (count > 4 * part)
  for (std::int64_t at = 0; at < count; at += part)
    sum += add_run(0, tensor, first + at, std::min(part, count - at), element,
                   values + static_cast<std::size_t>(at) * device::bytes_of(element));
  return sum;
}

}  // namespace

std::uint64_t parameter_checksum(const LocalTensor& tensor, Element element, std::byte* weights,
                                 const HostView& view) {
  std::uint64_t sum = 0;
  std::int64_t flat = tensor.offset;
  Window window(tensor, element, weights, view);
  const auto add = [&](std::int64_t first, std::int64_t count) {
    while (count > 0) {
      const auto [values, some] = window.from(flat, count);
      sum = view.direct() ? add_run(sum, tensor.index, first, some, element, values)
                          : sum + add_long_run(tensor.index, first, some, element, values);
      first += some;
      flat += some;
      count -= some;
    }
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

std::uint64_t parameter_checksum(const LocalInventory& local, std::int64_t tensor_rank, Element element,
                                 std::byte* weights, const HostView& view) {
  std::uint64_t sum = 0;
  for (const LocalTensor& tensor : local.tensors) {
    if (tensor.copy || (tensor.whole.split == Split::none && tensor_rank > 0)) continue;
    sum += parameter_checksum(tensor, element, weights, view);
  }
  return sum;
}

}  // namespace assay::training
