// The tiled kernel for the operators' products; for *.gpu.cpp.
#pragma once

#include "suites/device/gpu/gpu.h"
#include "suites/device/gpu/products.h"

namespace assay::gpu {

/// `bias` may be null. T, R: f64, f32, or bf16 with either bf16 or f32.
template <typename T, typename R>
void begin_tiled_product(Stream stream, const ProductShape& shape, const T* a, const T* b, const R* bias,
                         R* c, bool accumulate);

}  // namespace assay::gpu
