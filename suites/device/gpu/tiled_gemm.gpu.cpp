// A product without a library: tiles of both operands in shared memory, a square of results in the registers
// of each thread. It uses no matrix units.
#include <algorithm>
#include <string>
#include <utility>

#include "suites/device/gpu/blas.h"
#include "suites/device/gpu/gpu.h"

namespace assay::gpu {

namespace {

using device::Element;
using device::GemmPlan;

constexpr int side = 16;           // threads of a block, each way
constexpr int each = 4;            // results of a thread, each way
constexpr int tile = side * each;  // results of a block, each way
constexpr int depth = 16;          // of k, at a time
constexpr int threads_per_block = side * side;

__device__ inline double widen(double value) {
  return value;
}
__device__ inline float widen(float value) {
  return value;
}
__device__ inline float widen(device::Bf16 value) {
  return device::to_float(value);
}
__device__ inline float widen(device::F16 value) {
  return device::to_float(value);
}
__device__ inline std::int32_t widen(std::int8_t value) {
  return value;
}

template <typename T>
struct Narrow {
  template <typename Sum>
  __device__ static T from(Sum sum) {
    return static_cast<T>(sum);
  }
};
template <>
struct Narrow<device::Bf16> {
  __device__ static device::Bf16 from(float sum) { return device::to_bf16(sum); }
};
template <>
struct Narrow<device::F16> {
  __device__ static device::F16 from(float sum) { return device::to_f16(sum); }
};

/// C = A B, row-major. A block makes tile x tile of C; blockIdx.x counts tiles of columns, blockIdx.y of
/// rows.
template <typename T, typename Sum, typename R>
__global__ void __launch_bounds__(threads_per_block)
    multiply_tiles(const T* a, const T* b, R* c, std::int64_t m, std::int64_t n, std::int64_t k) {
  __shared__ Sum a_tile[depth][tile + 1];
  __shared__ Sum b_tile[depth][tile];
  const int thread = static_cast<int>(threadIdx.x), column = thread % side, row = thread / side;
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
  for (std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile; first_row < m;
       first_row += static_cast<std::int64_t>(gridDim.y) * tile) {
    Sum sums[each][each] = {};
    for (std::int64_t from = 0; from < k; from += depth) {
      for (int i = thread; i < tile * depth; i += threads_per_block) {
        const std::int64_t r = first_row + i / depth, l = from + i % depth;
        a_tile[i % depth][i / depth] = r < m && l < k ? widen(a[r * k + l]) : Sum{};
      }
      for (int i = thread; i < tile * depth; i += threads_per_block) {
        const std::int64_t l = from + i / tile, j = first_column + i % tile;
        b_tile[i / tile][i % tile] = l < k && j < n ? widen(b[l * n + j]) : Sum{};
      }
      __syncthreads();
#pragma unroll
      for (int l = 0; l < depth; ++l) {
        Sum left[each], right[each];
#pragma unroll
        for (int i = 0; i < each; ++i) {
          left[i] = a_tile[l][row + i * side];
          right[i] = b_tile[l][column + i * side];
        }
#pragma unroll
        for (int i = 0; i < each; ++i)
#pragma unroll
          for (int j = 0; j < each; ++j) sums[i][j] += left[i] * right[j];
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < each; ++i)
#pragma unroll
      for (int j = 0; j < each; ++j) {
        const std::int64_t r = first_row + row + i * side, s = first_column + column + j * side;
        if (r < m && s < n) c[r * n + s] = Narrow<R>::from(sums[i][j]);
      }
  }
}

template <typename T, typename Sum, typename R>
void launch(const GemmPlan& plan, const device::GemmOperands& operands, Stream stream) {
  constexpr std::int64_t most_rows_of_blocks = 65535;
  const dim3 blocks(static_cast<unsigned>((plan.n + tile - 1) / tile),
                    static_cast<unsigned>(std::min(most_rows_of_blocks, (plan.m + tile - 1) / tile)));
  multiply_tiles<T, Sum, R><<<blocks, threads_per_block, 0, stream>>>(
      static_cast<const T*>(operands.a->device()), static_cast<const T*>(operands.b->device()),
      static_cast<R*>(operands.c->device()), plan.m, plan.n, plan.k);
  ASSAY_GPU_LAUNCHED();
}

class TiledGemm final : public device::Gemm {
 public:
  TiledGemm(const GemmPlan& plan, Queue& queue) : plan_(plan), queue_(queue) {}

  void run(int slot) override {
    const device::GemmOperands& operands = plan_.slots[static_cast<std::size_t>(slot)];
    const auto stream = static_cast<Stream>(queue_.stream());
    switch (plan_.element) {
      case Element::f64:
        return launch<double, double, double>(plan_, operands, stream);
      case Element::bf16:
        return launch<device::Bf16, float, device::Bf16>(plan_, operands, stream);
      case Element::f16:
        return launch<device::F16, float, device::F16>(plan_, operands, stream);
      case Element::int8:
        return launch<std::int8_t, std::int32_t, std::int32_t>(plan_, operands, stream);
      default:
        return launch<float, float, float>(plan_, operands, stream);
    }
  }
  void finish() override { queue_.finish(); }

  std::map<std::string, std::string> describe() const override {
    const bool f64 = plan_.element == Element::f64, int8 = plan_.element == Element::int8;
    return {{"library", "none: Assay's tiled kernel, which uses no matrix units"},
            {"kernel", "tiles of " + std::to_string(tile) + " x " + std::to_string(tile) + " x " +
                           std::to_string(depth)},
            {"accumulation", f64    ? "f64"
                             : int8 ? "int32"
                                    : "f32"},
            {"output", std::string(name_of(product_of(plan_.element)))},
            {"operands", "A and B plain, row-major"}};
  }

 private:
  GemmPlan plan_;
  Queue& queue_;
};

}  // namespace

bool tiled_gemm_knows(Element element) {
  return element == Element::f64 || element == Element::f32 || element == Element::f16 ||
         element == Element::bf16 || element == Element::int8;
}

std::unique_ptr<device::Gemm> plan_tiled_gemm(const GemmPlan& plan, Queue& queue) {
  return std::make_unique<TiledGemm>(plan, queue);
}

}  // namespace assay::gpu
