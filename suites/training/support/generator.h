// Numbers in closed form: any weight or token can be computed from its place alone, without the ones before
// it, by us and by whoever checks us (tests/reference/README.md has the same formulas in words).
//
//   mixed(x)      twice: x ^= x >> 32; x *= 0xd6e8feb86659fd93; then x ^ (x >> 32)       (mod 2^64)
//   key           mixed(seed + G (stream + 1)),  G = 0x9e3779b97f4a7c15 (2^64 over the golden ratio, odd)
//   bits(i)       mixed(key + G (i + 1))
//   uniform(i)    (2 k + 1 - 2^24) 2^-24 with k = bits(i) >> 40: exact in f32, never 0, within (-1, 1)
//
// A weight is mean + scale uniform(i) in f64, where scale is deviation sqrt(3) rounded to f32: the product is
// then exact in f64, so that the sum is rounded once, whether or not a compiler fuses the two.
#pragma once

#include <cmath>
#include <cstdint>

#include "suites/device/checksum.h"

namespace assay::training {

using device::golden;
using device::mixed;

/// What a stream of random bits is for; streams of one seed have nothing in common.
/// The tensors of the model's list have the streams 0, 1, ...
enum class Stream : std::uint64_t {
  weights = 0,
  tokens = std::uint64_t{1} << 32,   ///< + shard
  shuffle = std::uint64_t{2} << 32,  ///< + epoch
  source = std::uint64_t{3} << 32,   ///< the structure of the Markov source
};

class RandomBits {
 public:
  constexpr RandomBits(std::uint64_t seed, Stream stream, std::uint64_t member)
      : key_(mixed(seed + golden * (static_cast<std::uint64_t>(stream) + member + 1))) {}

  constexpr std::uint64_t operator()(std::uint64_t index) const { return mixed(key_ + golden * (index + 1)); }

  /// Exact in f32; within (-1, 1), never 0; variance 1/3.
  constexpr double uniform(std::uint64_t index) const {
    const auto k = static_cast<std::int64_t>((*this)(index) >> 40);
    return static_cast<double>(2 * k + 1 - (std::int64_t{1} << 24)) * 0x1p-24;
  }

 private:
  std::uint64_t key_;
};

/// Initial values of one tensor of the model's list, by element of the whole tensor, however it is split.
class InitialValues {
 public:
  InitialValues(std::uint64_t seed, int tensor, double mean, double deviation)
      : bits_(seed, Stream::weights, static_cast<std::uint64_t>(tensor)),
        mean_(mean),
        scale_(static_cast<float>(deviation * std::sqrt(3.0))) {}

  double operator()(std::int64_t element) const {
    return mean_ + scale_ * bits_.uniform(static_cast<std::uint64_t>(element));
  }

 private:
  RandomBits bits_;
  double mean_;
  double scale_;
};

}  // namespace assay::training
