// How parameters are added up to a checksum, element by element: the same for the host and for GPUs. Pure.
//
//   mixed(x)              twice: x ^= x >> 32; x *= 0xd6e8feb86659fd93; then x ^ (x >> 32)       (mod 2^64)
//   place(tensor, i)      mixed(tensor + 1) + G i,  G = 0x9e3779b97f4a7c15 (2^64 over the golden ratio, odd)
//   checksum              the sum over elements of mixed(place ^ bits)                           (mod 2^64)
#pragma once

#include <cstdint>

namespace assay::device {

inline constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;

/// Mixes 64 bits so that each bit of the input changes about half of the output; one to one.
constexpr std::uint64_t mixed(std::uint64_t bits) {
  for (int round = 0; round < 2; ++round) {
    bits ^= bits >> 32;
    bits *= 0xd6e8feb86659fd93ULL;
  }
  return bits ^ (bits >> 32);
}

constexpr std::uint64_t checksum_place(int tensor, std::int64_t element) {
  return mixed(static_cast<std::uint64_t>(tensor) + 1) + golden * static_cast<std::uint64_t>(element);
}

}  // namespace assay::device
