#include "suites/device/gpu/products.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "suites/device/gpu/blas.h"
#include "suites/device/gpu/operator_kernels.h"
#include "suites/device/gpu/tiled_gemm.h"

namespace assay::gpu {

namespace {

template <typename E>
class TiledProducts final : public Products {
 public:
  explicit TiledProducts(Queue& queue) : queue_(queue) {}

  void reserve(const ProductShape& shape) override {
    if (!reserved(shape)) reserved_.push_back(shape);
  }

  void run(const ProductShape& shape, const void* a, const void* b, const void* bias, void* c,
           bool accumulate) override {
    if (!reserved(shape))
      throw std::logic_error("a product of this shape was not reserved before the first step");
    const auto stream = static_cast<Stream>(queue_.stream());
    const auto *const left = static_cast<const E*>(a), *const right = static_cast<const E*>(b);
    if (shape.exact)
      begin_tiled_product(stream, shape, left, right, static_cast<const Exact<E>*>(nullptr),
                          static_cast<Exact<E>*>(c), accumulate);
    else
      begin_tiled_product(stream, shape, left, right, static_cast<const E*>(bias), static_cast<E*>(c),
                          accumulate);
  }
  std::map<std::string, std::string> describe() const override {
    return {{"library", "none: Assay's tiled kernel, which uses no matrix units"}};
  }
  std::int64_t scratch_bytes() const override { return 0; }

 private:
  bool reserved(const ProductShape& shape) const {
    return std::find(reserved_.begin(), reserved_.end(), shape) != reserved_.end();
  }

  Queue& queue_;
  std::vector<ProductShape> reserved_;  // not a set: clang 15 fails on that as HIP
};

}  // namespace

std::unique_ptr<Products> plan_tiled_products(device::Element element, Queue& queue) {
  if (element == device::Element::f64) return std::make_unique<TiledProducts<double>>(queue);
  if (element == device::Element::f32) return std::make_unique<TiledProducts<float>>(queue);
  return std::make_unique<TiledProducts<device::Bf16>>(queue);
}

std::unique_ptr<Products> plan_products(device::Element element, Queue& queue) {
  return blas_library().missing.empty() ? plan_library_products(element, queue)
                                        : plan_tiled_products(element, queue);
}

}  // namespace assay::gpu
