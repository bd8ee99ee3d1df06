// A product without a library: tiles of both operands in shared memory, a square of results in the registers
// of each thread. It uses no matrix units.
#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "suites/device/gpu/blas.h"
#include "suites/device/gpu/kernel_numbers.h"
#include "suites/device/gpu/tiled_gemm.h"

namespace assay::gpu {

namespace {

using device::Element;
using device::GemmPlan;

constexpr int side = 16;           // threads of a block, each way
constexpr int each = 4;            // results of a thread, each way
constexpr int tile = side * each;  // results of a block, each way
constexpr int depth = 16;          // of k, at a time
constexpr int threads_per_block = side * side;

/// C (+)= A B + bias (n numbers or null), row-major; what is transposed is stored as its transpose. A block
/// makes tile x tile of C; blockIdx.x counts tiles of columns, blockIdx.y of rows. Neighbouring threads load
/// neighbours.
template <typename T, typename Sum, typename R, bool a_transposed, bool b_transposed>
__global__ void __launch_bounds__(threads_per_block)
    multiply_tiles(const T* a, const T* b, const R* bias, R* c, std::int64_t m, std::int64_t n,
                   std::int64_t k, bool accumulate) {
  __shared__ Sum a_tile[depth][tile + 1];
  __shared__ Sum b_tile[depth][tile + 1];
  const int thread = static_cast<int>(threadIdx.x), column = thread % side, row = thread / side;
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
  for (std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile; first_row < m;
       first_row += static_cast<std::int64_t>(gridDim.y) * tile) {
    Sum sums[each][each] = {};
    for (std::int64_t from = 0; from < k; from += depth) {
      for (int i = thread; i < tile * depth; i += threads_per_block) {
        const int i_row = a_transposed ? i % tile : i / depth, i_depth = a_transposed ? i / tile : i % depth;
        const std::int64_t r = first_row + i_row, l = from + i_depth;
        a_tile[i_depth][i_row] = r < m && l < k ? widen(a[a_transposed ? l * m + r : r * k + l]) : Sum{};
      }
      for (int i = thread; i < tile * depth; i += threads_per_block) {
        const int i_depth = b_transposed ? i % depth : i / tile,
                  i_column = b_transposed ? i / depth : i % tile;
        const std::int64_t l = from + i_depth, j = first_column + i_column;
        b_tile[i_depth][i_column] = l < k && j < n ? widen(b[b_transposed ? j * k + l : l * n + j]) : Sum{};
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
        if (r >= m || s >= n) continue;
        Sum sum = sums[i][j];
        if (bias != nullptr) sum += static_cast<Sum>(widen(bias[s]));
        if (accumulate) sum += static_cast<Sum>(widen(c[r * n + s]));
        c[r * n + s] = Narrow<R>::from(sum);
      }
  }
}

/// What products of T are summed in.
template <typename T>
using SumOf = std::conditional_t<std::is_same_v<T, std::int8_t>, std::int32_t, Exact<T>>;

template <typename T, typename R, bool a_transposed, bool b_transposed>
void begin(Stream stream, const T* a, const T* b, const R* bias, R* c, std::int64_t m, std::int64_t n,
           std::int64_t k, bool accumulate) {
  constexpr std::int64_t most_rows_of_blocks = 65535;
  if (m == 0 || n == 0) return;
  const dim3 blocks(static_cast<unsigned>((n + tile - 1) / tile),
                    static_cast<unsigned>(std::min(most_rows_of_blocks, (m + tile - 1) / tile)));
  launch(multiply_tiles<T, SumOf<T>, R, a_transposed, b_transposed>, blocks, threads_per_block, 0, stream, a,
         b, bias, c, m, n, k, accumulate);
}

template <typename T, typename R = T>
void begin(const GemmPlan& plan, const device::GemmOperands& operands, Stream stream) {
  begin<T, R, false, false>(stream, static_cast<const T*>(operands.a->device()),
                            static_cast<const T*>(operands.b->device()), nullptr,
                            static_cast<R*>(operands.c->device()), plan.m, plan.n, plan.k, false);
}

class TiledGemm final : public device::Gemm {
 public:
  TiledGemm(const GemmPlan& plan, Queue& queue) : plan_(plan), queue_(queue) {}

  void run(int slot) override {
    const device::GemmOperands& operands = plan_.slots[static_cast<std::size_t>(slot)];
    const auto stream = static_cast<Stream>(queue_.stream());
    switch (plan_.element) {
      case Element::f64:
        return begin<double>(plan_, operands, stream);
      case Element::bf16:
        return begin<device::Bf16>(plan_, operands, stream);
      case Element::f16:
        return begin<device::F16>(plan_, operands, stream);
      case Element::int8:
        return begin<std::int8_t, std::int32_t>(plan_, operands, stream);
      default:
        return begin<float>(plan_, operands, stream);
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

template <typename T, typename R>
void begin_tiled_product(Stream stream, const ProductShape& shape, const T* a, const T* b, const R* bias,
                         R* c, bool accumulate) {
  const auto [m, n, k] = shape.sizes;
  if (shape.a_transposed)
    shape.b_transposed ? begin<T, R, true, true>(stream, a, b, bias, c, m, n, k, accumulate)
                       : begin<T, R, true, false>(stream, a, b, bias, c, m, n, k, accumulate);
  else
    shape.b_transposed ? begin<T, R, false, true>(stream, a, b, bias, c, m, n, k, accumulate)
                       : begin<T, R, false, false>(stream, a, b, bias, c, m, n, k, accumulate);
}
template void begin_tiled_product(Stream, const ProductShape&, const double*, const double*, const double*,
                                  double*, bool);
template void begin_tiled_product(Stream, const ProductShape&, const float*, const float*, const float*,
                                  float*, bool);
template void begin_tiled_product(Stream, const ProductShape&, const device::Bf16*, const device::Bf16*,
                                  const float*, float*, bool);
template void begin_tiled_product(Stream, const ProductShape&, const device::Bf16*, const device::Bf16*,
                                  const device::Bf16*, device::Bf16*, bool);

std::unique_ptr<device::Gemm> plan_tiled_gemm(const GemmPlan& plan, Queue& queue) {
  return std::make_unique<TiledGemm>(plan, queue);
}

}  // namespace assay::gpu
