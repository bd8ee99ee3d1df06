#include "suites/node/burn/kernels.h"

#include "suites/device/host/cpu.h"

namespace assay::bench::burn {

namespace {

// The compiler must not find that a chain adds the same product every time.
#if defined(__x86_64__)
#define ASSAY_HIDE(vector) asm volatile("" : "+x"(vector))
#define ASSAY_HIDE_512(vector) asm volatile("" : "+v"(vector))
#elif defined(__aarch64__)
#define ASSAY_HIDE(vector) asm volatile("" : "+w"(vector))
#else
#define ASSAY_HIDE(vector) asm volatile("" : "+m"(vector))
#endif

// NOLINTBEGIN(bugprone-macro-parentheses): types cannot be in parentheses.

// `x - vector{}` makes a vector of a scalar: unlike x + 0 it is x to the last bit, so that nothing is
// computed.
#define ASSAY_PRODUCT(name, isa, vector, rows, vectors)                                                     \
  isa void name(const double* a, const double* b, double* c, std::size_t length) {                          \
    constexpr std::size_t lanes = sizeof(vector) / sizeof(double);                                          \
    vector sums[rows][vectors] = {};                                                                        \
    for (std::size_t k = 0; k < length; ++k) {                                                              \
      vector bs[vectors];                                                                                   \
      _Pragma("GCC unroll 8") for (std::size_t v = 0; v < (vectors); ++v) bs[v] =                           \
          *reinterpret_cast<const vector*>(b + (k * (vectors) + v) * lanes);                                \
      _Pragma("GCC unroll 8") for (std::size_t row = 0; row < (rows); ++row) {                              \
        const vector factor = a[k * (rows) + row] - vector{};                                               \
        _Pragma("GCC unroll 8") for (std::size_t v = 0; v < (vectors); ++v) sums[row][v] += factor * bs[v]; \
      }                                                                                                     \
    }                                                                                                       \
    _Pragma("GCC unroll 8") for (std::size_t row = 0; row < (rows); ++row)                                  \
            _Pragma("GCC unroll 8") for (std::size_t v = 0; v < (vectors); ++v) *                           \
        reinterpret_cast<vector*>(c + (row * (vectors) + v) * lanes) = sums[row][v];                        \
  }

#define ASSAY_CHAIN(name, isa, vector, chains, hide)                                                   \
  isa void name(const double* x, const double* y, double* sums, std::uint64_t rounds) {                \
    constexpr std::size_t lanes = sizeof(vector) / sizeof(double);                                     \
    vector x0 = *reinterpret_cast<const vector*>(x), x1 = *reinterpret_cast<const vector*>(x + lanes); \
    vector y0 = *reinterpret_cast<const vector*>(y), y1 = *reinterpret_cast<const vector*>(y + lanes); \
    vector all[chains];                                                                                \
    _Pragma("GCC unroll 16") for (std::size_t i = 0; i < (chains); ++i) all[i] =                       \
        *reinterpret_cast<const vector*>(sums + i * lanes);                                            \
    for (std::uint64_t round = 0; round < rounds; ++round) {                                           \
      hide(x0);                                                                                        \
      hide(x1);                                                                                        \
      hide(y0);                                                                                        \
      hide(y1);                                                                                        \
      _Pragma("GCC unroll 16") for (std::size_t i = 0; i < (chains); ++i) all[i] +=                    \
          (i % 2 == 0 ? x0 : x1) * (i / 2 % 2 == 0 ? y0 : y1);                                         \
    }                                                                                                  \
    _Pragma("GCC unroll 16") for (std::size_t i = 0; i < (chains); ++i) *                              \
        reinterpret_cast<vector*>(sums + i * lanes) = all[i];                                          \
  }

#define ASSAY_BASELINE
// Operands are in std::vector: aligned to 16 bytes only.
using Two = double __attribute__((vector_size(16), may_alias, aligned(8)));
ASSAY_PRODUCT(product_generic, ASSAY_BASELINE, Two, 4, 2)
ASSAY_CHAIN(chain_generic, ASSAY_BASELINE, Two, 8, ASSAY_HIDE)

#if defined(__x86_64__)
#define ASSAY_AVX2 __attribute__((target("avx2,fma")))
#define ASSAY_AVX512 __attribute__((target("avx512f")))
using Four = double __attribute__((vector_size(32), may_alias, aligned(8)));
using Eight = double __attribute__((vector_size(64), may_alias, aligned(8)));
ASSAY_PRODUCT(product_avx2, ASSAY_AVX2, Four, 4, 3)
ASSAY_CHAIN(chain_avx2, ASSAY_AVX2, Four, 12, ASSAY_HIDE)
ASSAY_PRODUCT(product_avx512, ASSAY_AVX512, Eight, 8, 3)
ASSAY_CHAIN(chain_avx512, ASSAY_AVX512, Eight, 16, ASSAY_HIDE_512)
#endif

// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

LoadKernels kernels_of(VectorWidth width) {
#if defined(__x86_64__)
  if (width == VectorWidth::avx512) return {product_avx512, chain_avx512, 8, 8, 3, 16};
  if (width == VectorWidth::avx2) return {product_avx2, chain_avx2, 4, 4, 3, 12};
#endif
  static_cast<void>(width);
  return {product_generic, chain_generic, 2, 4, 2, 8};
}

VectorWidth best_width() {
  const device::CpuFeatures& cpu = device::cpu_features();
  if (cpu.avx512) return VectorWidth::avx512;
  return cpu.fma ? VectorWidth::avx2 : VectorWidth::generic;
}

const char* name_of(VectorWidth width) {
  switch (width) {
    case VectorWidth::avx512:
      return "AVX-512, f64";
    case VectorWidth::avx2:
      return "AVX2, f64";
    case VectorWidth::generic:
      break;
  }
  return "baseline vectors, f64";
}

}  // namespace assay::bench::burn
