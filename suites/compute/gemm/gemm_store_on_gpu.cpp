#include <vector>

#include "suites/compute/gemm/gemm_data.h"
#include "suites/compute/gemm/gemm_kernels.h"
#include "suites/compute/gemm/gemm_store.h"
#include "suites/device/gpu/gpu_device.h"

namespace assay::bench {

namespace {

using device::Element;

/// Numbers on the GPU for the length of a check.
class Numbers {
 public:
  Numbers(std::size_t count, gpu::Queue& queue)
      : count_(count),
        queue_(queue),
        memory_(static_cast<double*>(gpu::allocate_bytes(count * sizeof(double)))) {}
  ~Numbers() { gpu::release_bytes(memory_); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;

  double* data() { return memory_; }
  void push(const std::vector<double>& values) {
    queue_.copy(memory_, values.data(), count_ * sizeof(double));
    queue_.finish();  // the values may be a temporary
  }
  std::vector<double> pull() {
    std::vector<double> values(count_);
    queue_.copy(values.data(), memory_, count_ * sizeof(double));
    queue_.finish();
    return values;
  }

 private:
  std::size_t count_;
  gpu::Queue& queue_;
  double* memory_;
};

/// What multiply_rows_on_gpu gives.
struct Rows {
  Rows(std::int64_t rows, gpu::Queue& queue)
      : sums(static_cast<std::size_t>(rows) * freivalds_vectors, queue),
        squares(static_cast<std::size_t>(rows), queue),
        storing(static_cast<std::size_t>(rows), queue) {}
  RowProducts pull() { return {sums.pull(), squares.pull(), storing.pull()}; }
  Numbers sums, squares, storing;
};

class GpuGemmStore final : public GemmStore {
 public:
  explicit GpuGemmStore(gpu::GpuDevice& gpu)
      : queue_(gpu.queue()), workers_(gpu.hardware().multiprocessors) {}

  void fill(device::Buffer& buffer, std::size_t count, Element element, int range,
            std::uint64_t key) override {
    fill_uniform_on_gpu(queue_, buffer.device(), count, element, range, key);
    queue_.finish();
  }
  void poison(device::Buffer& buffer, std::size_t count, Element element) override {
    fill_poison_on_gpu(queue_, buffer.device(), count, element);
    queue_.finish();
  }
  double read(device::Buffer& buffer, std::size_t index, Element element) override {
    unsigned char bytes[sizeof(double)];
    queue_.copy(bytes, place_of(buffer, index, element), bytes_of(element));
    queue_.finish();
    return element_at(bytes, 0, element);
  }
  void write(device::Buffer& buffer, std::size_t index, Element element, double value) override {
    unsigned char bytes[sizeof(double)];
    set_element(bytes, 0, element, value);
    queue_.copy(place_of(buffer, index, element), bytes, bytes_of(element));
    queue_.finish();
  }

  ProductCheck check(const StoredProduct& product, std::uint64_t seed) override {
    return worse(rows(product, seed), elements(product, seed));
  }
  const char* place() const override { return "on the device, "; }
  int workers() const override { return workers_; }

 private:
  static unsigned char* place_of(device::Buffer& buffer, std::size_t index, Element element) {
    return static_cast<unsigned char*>(buffer.device()) + index * bytes_of(element);
  }

  void multiply(const void* matrix, std::int64_t rows, std::int64_t columns, Element element, bool transposed,
                Numbers& vectors, Rows& result) {
    multiply_rows_on_gpu(queue_, matrix, rows, columns, element, transposed, vectors.data(),
                         result.sums.data(), result.squares.data(), result.storing.data());
  }

  ProductCheck rows(const StoredProduct& product, std::uint64_t seed) {
    const auto& [element, m, n, k] = product.gemm;
    Numbers x(static_cast<std::size_t>(n) * freivalds_vectors, queue_);
    x.push(random_signs(n, seed));
    Rows b(k, queue_), a(m, queue_), c(m, queue_);
    multiply(product.operands.b->device(), k, n, second_operand_of(element), product.b_transposed, x, b);
    multiply(product.operands.a->device(), m, k, element, false, b.sums, a);
    multiply(product.operands.c->device(), m, n, product_of(element), false, x, c);
    double b_square = 0;
    for (const double square : b.squares.pull()) b_square += square;
    b_square /= static_cast<double>(k) * static_cast<double>(n);
    return check_rows(element, m, n, k, c.pull(), a.pull(), b_square);
  }

  /// A and B are made again on the host, so that operands that never reached the device are found as well.
  ProductCheck elements(const StoredProduct& product, std::uint64_t seed) {
    const GemmCase gemm = product.gemm;
    const auto a = [&](std::int64_t i, std::int64_t l) {
      return uniform_at(static_cast<std::uint64_t>(i * gemm.k + l), gemm.element, product.range,
                        product.a_key);
    };
    const auto b = [&](std::int64_t l, std::int64_t j) {
      const std::int64_t index = product.b_transposed ? j * gemm.k + l : l * gemm.n + j;
      return uniform_at(static_cast<std::uint64_t>(index), second_operand_of(gemm.element), product.range,
                        product.b_key);
    };
    const auto c = [&](std::int64_t i, std::int64_t j) {
      return read(*product.operands.c, static_cast<std::size_t>(i * gemm.n + j), product_of(gemm.element));
    };
    return check_elements(gemm.element, gemm.m, gemm.n, gemm.k, seed, {a, b, c});
  }

  gpu::Queue& queue_;
  int workers_;
};

}  // namespace

std::unique_ptr<GemmStore> gpu_gemm_store(device::Device& gpu) {
  return std::make_unique<GpuGemmStore>(dynamic_cast<gpu::GpuDevice&>(gpu));
}

}  // namespace assay::bench
