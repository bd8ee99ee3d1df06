#include "suites/node/burn/compute.h"

#include <bit>
#include <cstring>
#include <limits>

#include "suites/node/burn/kernels.h"

namespace assay::bench::burn {

namespace {

/// Random odd integers of `bits` bits and a sign, never zero, as doubles.
class Integers {
 public:
  explicit Integers(std::uint64_t seed) : state_(seed * 2 + 1) {}

  std::vector<double> make(std::size_t count, int bits) {
    std::vector<double> values(count);
    for (double& value : values) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      const auto magnitude = static_cast<std::int64_t>(state_ >> (64 - bits)) | 1;
      value = static_cast<double>((state_ & (std::uint64_t{1} << 20)) != 0 ? -magnitude : magnitude);
    }
    return values;
  }

 private:
  std::uint64_t state_;
};

std::int64_t whole(double value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

BlockShape geometry_of(VectorWidth width) {
  const LoadKernels kernels = kernels_of(width);
  return {kernels.rows, kernels.vectors * kernels.lanes, kernels.chains * kernels.lanes};
}

double operations_of(VectorWidth width) {
  const BlockShape geometry = geometry_of(width);
  const std::size_t product = panels * geometry.rows * geometry.columns * depth;
  return 2.0 * (static_cast<double>(product) +
                static_cast<double>(geometry.chain_lanes) * static_cast<double>(chain_rounds));
}

CoreWork::CoreWork(VectorWidth width, std::uint64_t seed) : width_(width), geometry_(geometry_of(width)) {
  // 22 bits: products of 44, and sums of 96 of them below 2^51. The chains' 16 bits: 2^32 times 2^10 rounds.
  constexpr int product_bits = 22;
  constexpr int chain_bits = 16;
  const auto [rows, columns, chain_lanes] = geometry_;
  const std::size_t lanes = kernels_of(width).lanes;
  Integers integers(seed);
  a_ = integers.make(panels * depth * rows, product_bits);
  b_ = integers.make(depth * columns, product_bits);
  x_ = integers.make(2 * lanes, chain_bits);
  y_ = integers.make(2 * lanes, chain_bits);
  begin_sums_ = integers.make(chain_lanes, product_bits);
  c_.resize(panels * rows * columns);
  sums_.resize(chain_lanes);
  for (std::size_t panel = 0; panel < panels; ++panel) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < columns; ++column) {
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < depth; ++k)
          sum += whole(a_[(panel * depth + k) * rows + row]) * whole(b_[k * columns + column]);
        right_c_.push_back(static_cast<double>(sum));
      }
    }
  }
  for (std::size_t i = 0; i < chain_lanes; ++i) {
    const std::size_t vector = i / lanes, lane = i % lanes;
    const std::int64_t product =
        whole(x_[vector % 2 * lanes + lane]) * whole(y_[vector / 2 % 2 * lanes + lane]);
    right_sums_.push_back(
        static_cast<double>(whole(begin_sums_[i]) + product * static_cast<std::int64_t>(chain_rounds)));
  }
  poison();
}

void CoreWork::repeat(std::uint64_t repetitions) {
  const LoadKernels kernels = kernels_of(width_);
  const std::size_t panel_a = depth * geometry_.rows, panel_c = geometry_.rows * geometry_.columns;
  for (std::uint64_t repetition = 0; repetition < repetitions; ++repetition) {
    for (std::size_t panel = 0; panel < panels; ++panel)
      kernels.product(&a_[panel * panel_a], b_.data(), &c_[panel * panel_c], depth);
    sums_ = begin_sums_;
    kernels.chain(x_.data(), y_.data(), sums_.data(), chain_rounds);
    compare();
  }
}

void CoreWork::poison() {
  c_.assign(c_.size(), std::numeric_limits<double>::quiet_NaN());
  sums_.assign(sums_.size(), std::numeric_limits<double>::quiet_NaN());
}

void CoreWork::compare() {
  compare("product", c_, right_c_);
  compare("chain", sums_, right_sums_);
}

void CoreWork::compare(const char* part, const std::vector<double>& found, const std::vector<double>& right) {
  verified_ += right.size();
  // Bits, not values: NaN differs, and so does -0 from 0.
  if (std::memcmp(found.data(), right.data(), right.size() * sizeof(double)) == 0) return;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto found_bits = std::bit_cast<std::uint64_t>(found[i]);
    const auto right_bits = std::bit_cast<std::uint64_t>(right[i]);
    if (found_bits == right_bits) continue;
    ++wrong_;
    if (!first_) first_ = WrongResult{part, i, found_bits, right_bits};
  }
}

}  // namespace assay::bench::burn
