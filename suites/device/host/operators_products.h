// The matrix products of the host's operators: oneDNN for f32 and bf16, OpenBLAS for f64. Planned once for
// each shape; row-major without padding.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "suites/device/operators.h"

namespace assay::device {

enum class ProductForm {
  forward,  ///< C = A B^T + bias: rows x in times out x in, C is rows x out
  input,    ///< C = A B: rows x out times out x in, C is rows x in
  weight    ///< C = A^T B: rows x out, transposed, times rows x in, C is out x in; always exact
};

struct Product {
  ProductForm form = ProductForm::forward;
  std::int64_t rows = 0, in = 0, out = 0;
  bool exact = false;  ///< C is exact_of(element) instead of the element
  auto operator<=>(const Product&) const = default;
};

class Products {
 public:
  virtual ~Products() = default;
  /// Throws Error(cannot_run) when the library refuses, std::bad_alloc.
  virtual void reserve(const Product& product) = 0;
  /// `bias` (forward only) may be null; `accumulate` (exact results only) adds to C. Throws std::logic_error
  /// for a product that was not reserved.
  virtual void run(const Product& product, ConstValues a, ConstValues b, ConstValues bias, Values c,
                   bool accumulate) = 0;
  virtual std::int64_t scratch_bytes() const = 0;
  virtual std::map<std::string, std::string> describe() const = 0;
};

std::unique_ptr<Products> openblas_products(int threads);
/// f32 or bf16. `counting`: `reserve` only counts scratch, and nothing can be run.
std::unique_ptr<Products> onednn_products(Element element, int threads, bool counting = false);

}  // namespace assay::device
