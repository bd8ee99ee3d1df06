// The operators' products by cuBLASLt or hipBLASLt. A plan is the first proposal of the library's heuristic,
// taken when a shape is reserved: no step asks for one. The proposals are not timed: the quickest of two that
// are close changes with the moment, and with the algorithm the order of sums; nodes whose results are
// compared bit by bit, and a run and its repetition, must choose alike.
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "suites/device/gpu/blas.h"
#include "suites/device/gpu/blas_lt.h"
#include "suites/device/gpu/operator_kernels.h"
#include "suites/device/gpu/products.h"

namespace assay::gpu {

#if ASSAY_HAS_LT

using namespace lt;  // NOLINT: one file's names

namespace {

using device::Element;

constexpr std::size_t workspace_bytes = std::size_t{64} << 20;

/// A product as the library plans it. Unaligned operands (not all on 16 bytes) have plans of their own.
struct PlanKey {
  ProductShape shape;
  bool bias = false, aligned = true;
  auto operator<=>(const PlanKey&) const = default;
};

/// The library counts by columns, so it sees the transposes: C^T = B^T A^T, B first.
class Plan {
 public:
  Plan(Element element, const PlanKey& key) {
    const Functions& f = functions();
    const BlasType type = element == Element::f64   ? ASSAY_TYPE(R_64F)
                          : element == Element::f32 ? ASSAY_TYPE(R_32F)
                                                    : ASSAY_TYPE(R_16BF);
    const BlasType exact = element == Element::f64 ? ASSAY_TYPE(R_64F) : ASSAY_TYPE(R_32F);
    const BlasCompute compute =
        element == Element::f64 ? ASSAY_BLAS_CONSTANT(COMPUTE_64F) : ASSAY_BLAS_CONSTANT(COMPUTE_32F);
    require(f.create_operation(&operation, compute, exact), "a description");
    const BlasOperation plain = ASSAY_BLAS_CONSTANT(OP_N), transposed = ASSAY_BLAS_CONSTANT(OP_T);
    const BlasOperation first = key.shape.b_transposed ? transposed : plain,
                        second = key.shape.a_transposed ? transposed : plain;
    require(f.set_operation(operation, ASSAY_LT_CONSTANT(MATMUL_DESC_TRANSA), &first, sizeof first),
            "a transposed operand");
    require(f.set_operation(operation, ASSAY_LT_CONSTANT(MATMUL_DESC_TRANSB), &second, sizeof second),
            "a transposed operand");
    const auto m = static_cast<std::uint64_t>(key.shape.sizes.m),
               n = static_cast<std::uint64_t>(key.shape.sizes.n),
               k = static_cast<std::uint64_t>(key.shape.sizes.k);
    const auto layout = [&](auto& to, BlasType of, std::uint64_t rows, std::uint64_t columns) {
      require(f.create_layout(&to, of, rows, columns, static_cast<std::int64_t>(rows)), "a layout");
    };
    key.shape.b_transposed ? layout(b, type, k, n) : layout(b, type, n, k);
    key.shape.a_transposed ? layout(a, type, m, k) : layout(a, type, k, m);
    layout(c, key.shape.exact ? exact : type, n, m);
    if (key.bias) {
      const auto epilogue = ASSAY_LT_CONSTANT(EPILOGUE_BIAS);
      require(f.set_operation(operation, ASSAY_LT_CONSTANT(MATMUL_DESC_EPILOGUE), &epilogue, sizeof epilogue),
              "a bias");
    }
    ask_heuristic(element, key);
  }
  ~Plan() {
    for (const auto layout : {a, b, c})
      if (layout != nullptr) functions().destroy_layout(layout);
    if (operation != nullptr) functions().destroy_operation(operation);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  bool found() const { return count_ > 0; }
  const ASSAY_LT(MatmulAlgo_t) & algorithm() const { return proposal_.algo; }

  ASSAY_LT(MatmulDesc_t) operation = nullptr;
  ASSAY_LT(MatrixLayout_t) a = nullptr, b = nullptr, c = nullptr;

 private:
  void ask_heuristic([[maybe_unused]] Element element, const PlanKey& key) {
    const Functions& f = functions();
    ASSAY_LT(MatmulPreference_t) preference = nullptr;
    require(f.create_preference(&preference), "a preference");
    const std::size_t workspace = workspace_bytes;
    BlasStatus status = f.set_preference(preference, ASSAY_LT_CONSTANT(MATMUL_PREF_MAX_WORKSPACE_BYTES),
                                         &workspace, sizeof workspace);
#if defined(ASSAY_GPU_CUDA)
    // Pointers into a parameter's middle stand on 16 bytes where the width allows it, never on more.
    const auto on = static_cast<std::uint32_t>(key.aligned ? 16 : bytes_of(element));
    for (const auto which :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      if (status == CUBLAS_STATUS_SUCCESS) status = f.set_preference(preference, which, &on, sizeof on);
#else
    static_cast<void>(key);
#endif
    if (status == ASSAY_BLAS_CONSTANT(STATUS_SUCCESS))
      status = f.heuristic(handle(), operation, b, a, c, c, preference, 1, &proposal_, &count_);
    f.destroy_preference(preference);
    if (status != ASSAY_BLAS_CONSTANT(STATUS_SUCCESS) ||
        (count_ > 0 && proposal_.state != ASSAY_BLAS_CONSTANT(STATUS_SUCCESS)))
      count_ = 0;
  }

  ASSAY_LT(MatmulHeuristicResult_t) proposal_{};
  int count_ = 0;
};

class LibraryProducts final : public Products {
 public:
  LibraryProducts(Element element, Queue& queue)
      : element_(element), queue_(queue), workspace_(allocate_bytes(workspace_bytes)) {}
  ~LibraryProducts() override { release_bytes(workspace_); }
  LibraryProducts(const LibraryProducts&) = delete;
  LibraryProducts& operator=(const LibraryProducts&) = delete;

  void reserve(const ProductShape& shape) override {
    for (const bool on_16_bytes : {true, false}) {
      if (!plan(shape, false, on_16_bytes).found() && on_16_bytes) refuse(shape);
      // Where the library adds no bias itself, a kernel does.
      if (!shape.exact && element_ != Element::f64) plan(shape, true, on_16_bytes);
    }
  }

  void run(const ProductShape& shape, const void* a, const void* b, const void* bias, void* c,
           bool accumulate) override {
    const bool on_16_bytes = aligned(a, b, c, bias);
    const Plan* planned = bias != nullptr ? find({shape, true, on_16_bytes}) : nullptr;
    const bool fused = planned != nullptr && planned->found();
    if (!fused) planned = find({shape, false, on_16_bytes});
    if (planned == nullptr)
      throw std::logic_error("a product of this shape was not reserved before the first step");
    const Plan& p = *planned;
    if (!p.found()) refuse(shape);
    if (fused)
      require(functions().set_operation(p.operation, ASSAY_LT_CONSTANT(MATMUL_DESC_BIAS_POINTER), &bias,
                                        sizeof bias),
              "a bias");
    static constexpr float one_f32 = 1, zero_f32 = 0;
    static constexpr double one_f64 = 1, zero_f64 = 0;
    const bool f64 = element_ == Element::f64;
    const void *const one = f64 ? static_cast<const void*>(&one_f64) : &one_f32,
                      *const zero = f64 ? static_cast<const void*>(&zero_f64) : &zero_f32;
    require(functions().multiply(handle(), p.operation, one, b, p.b, a, p.a, accumulate ? one : zero, c, p.c,
                                 c, p.c, &p.algorithm(), workspace_, workspace_bytes,
                                 static_cast<Stream>(queue_.stream())),
            "a product that it had planned");
    if (bias != nullptr && !fused) add_bias(shape, bias, c);
  }

  std::map<std::string, std::string> describe() const override {
    return {{"library", std::string(library_name) + " " + blas_library().version},
            {"algorithms", "the first proposal of the library's heuristic"}};
  }
  std::int64_t scratch_bytes() const override { return static_cast<std::int64_t>(workspace_bytes); }

 private:
  struct Planned {
    PlanKey key;
    std::unique_ptr<Plan> plan;
  };

  const Plan& plan(const ProductShape& shape, bool bias, bool on_16_bytes) {
    const PlanKey key{shape, bias, on_16_bytes};
    if (find(key) == nullptr) plans_.push_back({key, std::make_unique<Plan>(element_, key)});
    return *find(key);
  }
  const Plan* find(const PlanKey& key) const {
    for (const Planned& one : plans_)
      if (one.key == key) return one.plan.get();
    return nullptr;
  }
  [[noreturn]] void refuse(const ProductShape& shape) const {
    throw GpuError(std::string(library_name) + " has no algorithm for " + std::string(name_of(element_)) +
                   " at " + std::to_string(shape.sizes.m) + " x " + std::to_string(shape.sizes.n) + " x " +
                   std::to_string(shape.sizes.k) + " on this GPU; try other sizes, or f32");
  }
  template <typename E>
  void add_bias_of(const ProductShape& shape, const void* bias, void* c) {
    begin_add_bias(static_cast<Stream>(queue_.stream()), shape.sizes.m, shape.sizes.n,
                   static_cast<const E*>(bias), static_cast<E*>(c));
  }
  void add_bias(const ProductShape& shape, const void* bias, void* c) {
    if (element_ == Element::f64) return add_bias_of<double>(shape, bias, c);
    if (element_ == Element::f32) return add_bias_of<float>(shape, bias, c);
    add_bias_of<device::Bf16>(shape, bias, c);
  }

  Element element_;
  Queue& queue_;
  void* workspace_;
  std::vector<Planned> plans_;  // a few shapes; not a map: clang 15 fails on that as HIP
};

}  // namespace

std::unique_ptr<Products> plan_library_products(device::Element element, Queue& queue) {
  return std::make_unique<LibraryProducts>(element, queue);
}

#else

std::unique_ptr<Products> plan_library_products(device::Element, Queue&) {
  throw GpuError(blas_library().missing);
}

#endif

}  // namespace assay::gpu
