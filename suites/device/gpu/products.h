// Products of the operators: every transposition, sums into f32, biases. By the vendor's library or the tiled
// kernel.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "suites/device/element.h"
#include "suites/device/gpu/runtime.h"

namespace assay::gpu {

struct Sizes {
  std::int64_t m = 0, n = 0, k = 0;
  auto operator<=>(const Sizes&) const = default;
};

/// C (+)= A B, row-major: A is m x k, B k x n, C m x n; what is transposed is stored as its transpose.
struct ProductShape {
  bool a_transposed = false, b_transposed = false;
  bool exact = false;  ///< C is of device::exact_of the operands' element
  Sizes sizes;
  auto operator<=>(const ProductShape&) const = default;
};

class Products {
 public:
  virtual ~Products() = default;
  /// Plans it, with a bias and without.
  virtual void reserve(const ProductShape& shape) = 0;
  /// `bias` (null: none) has n numbers, not with `accumulate`. Throws std::logic_error where the shape was
  /// not reserved.
  virtual void run(const ProductShape& shape, const void* a, const void* b, const void* bias, void* c,
                   bool accumulate) = 0;
  virtual std::map<std::string, std::string> describe() const = 0;
  /// Of the device, that plans take together.
  virtual std::int64_t scratch_bytes() const = 0;
};

/// Of f64, f32 or bf16. The queue outlives them.
std::unique_ptr<Products> plan_products(device::Element element, Queue& queue);

/// As plan_products: by the library (which blas_library says is there), by the tiled kernel.
std::unique_ptr<Products> plan_library_products(device::Element element, Queue& queue);
std::unique_ptr<Products> plan_tiled_products(device::Element element, Queue& queue);

}  // namespace assay::gpu
