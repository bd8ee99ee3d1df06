// What the GPU does for compute/gemm besides the product itself; in gemm.gpu.cpp. Everything is begun on the
// queue; pointers are the device's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "suites/device/element.h"
#include "suites/device/gpu/runtime.h"

namespace assay::bench {

/// As fill_uniform and fill_poison, to the bit.
void fill_uniform_on_gpu(gpu::Queue& queue, void* data, std::size_t count, device::Element element, int range,
                         std::uint64_t key);
void fill_poison_on_gpu(gpu::Queue& queue, void* data, std::size_t count, device::Element element);

/// sums[i] (freivalds_vectors numbers) = sum over j of matrix(i, j) vectors[j], squares[i] = sum of matrix(i,
/// j)^2, storing_squares[i] as in RowProducts, for all rows, in f64. `transposed`: the matrix is stored as
/// columns x rows.
void multiply_rows_on_gpu(gpu::Queue& queue, const void* matrix, std::int64_t rows, std::int64_t columns,
                          device::Element element, bool transposed, const double* vectors, double* sums,
                          double* squares, double* storing_squares);

}  // namespace assay::bench
