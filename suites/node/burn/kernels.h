// The loops of node/burn for each width of vectors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "suites/node/burn/compute.h"

namespace assay::bench::burn {

/// One panel: c[rows][columns] = sum over k of a[k][rows] b[k][columns].
using ProductKernel = void (*)(const double* a, const double* b, double* c, std::size_t length);
/// Vector i of sums grows by x[i mod 2] * y[i / 2 mod 2], `rounds` times; x and y are two vectors each. (The
/// sums begin differently, or the compiler would make one of those that grow alike.)
using ChainKernel = void (*)(const double* x, const double* y, double* sums, std::uint64_t rounds);

struct LoadKernels {
  ProductKernel product = nullptr;
  ChainKernel chain = nullptr;
  std::size_t lanes = 0;    ///< of a vector
  std::size_t rows = 0;     ///< of a panel
  std::size_t vectors = 0;  ///< that make up a row of B
  std::size_t chains = 0;   ///< vectors of sums
};

LoadKernels kernels_of(VectorWidth width);

}  // namespace assay::bench::burn
