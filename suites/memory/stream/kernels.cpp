#include "suites/memory/stream/kernels.h"

#include <algorithm>

#include "suites/device/host/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::bench::stream {

namespace {

// NOLINTBEGIN(bugprone-macro-parentheses): types cannot be in parentheses.

// One loop over vectors of type `vector`: `put` stores the expression of the vectors xs, ys and the scalar s.
// The empty assembler statement keeps the compiler from making a call of memcpy of the copy, which would
// choose its stores itself.
#define ASSAY_STREAM_MAP(name, isa, type, vector, put, expression)                         \
  isa void name(type* out, const type* x, const type* y, type scalar, std::size_t count) { \
    constexpr std::size_t lanes = sizeof(vector) / sizeof(type);                           \
    const vector s = vector{} + scalar;                                                    \
    for (std::size_t i = 0; i < count; i += lanes) {                                       \
      const vector xs = *reinterpret_cast<const vector*>(x + i);                           \
      const vector ys = *reinterpret_cast<const vector*>(y + i);                           \
      put(vector, out + i, expression);                                                    \
      static_cast<void>(s);                                                                \
      static_cast<void>(ys);                                                               \
      asm volatile("" : : : "memory");                                                     \
    }                                                                                      \
  }

#define ASSAY_STREAM_DOT(name, isa, type, vector)                                                     \
  isa double name(const type* x, const type* y, std::size_t count) {                                  \
    constexpr std::size_t lanes = sizeof(vector) / sizeof(type);                                      \
    double total = 0;                                                                                 \
    for (std::size_t begin = 0; begin < count; begin += dot_block) {                                  \
      const std::size_t end = std::min(count, begin + dot_block);                                     \
      vector sums[dot_chains] = {};                                                                   \
      std::size_t i = begin;                                                                          \
      for (; i + dot_chains * lanes <= end; i += dot_chains * lanes) {                                \
        _Pragma("GCC unroll 8") for (std::size_t chain = 0; chain < dot_chains; ++chain) {            \
          sums[chain] += *reinterpret_cast<const vector*>(x + i + chain * lanes) *                    \
                         *reinterpret_cast<const vector*>(y + i + chain * lanes);                     \
        }                                                                                             \
      }                                                                                               \
      for (; i < end; i += lanes)                                                                     \
        sums[0] += *reinterpret_cast<const vector*>(x + i) * *reinterpret_cast<const vector*>(y + i); \
      for (std::size_t half = dot_chains / 2; half > 0; half /= 2)                                    \
        for (std::size_t chain = 0; chain < half; ++chain) sums[chain] += sums[chain + half];         \
      for (std::size_t lane = 0; lane < lanes; ++lane) total += static_cast<double>(sums[0][lane]);   \
    }                                                                                                 \
    return total;                                                                                     \
  }

#define ASSAY_STREAM_MAPS(prefix, isa, type, vector, put)         \
  ASSAY_STREAM_MAP(prefix##_copy, isa, type, vector, put, xs)     \
  ASSAY_STREAM_MAP(prefix##_scale, isa, type, vector, put, s* xs) \
  ASSAY_STREAM_MAP(prefix##_add, isa, type, vector, put, xs + ys) \
  ASSAY_STREAM_MAP(prefix##_triad, isa, type, vector, put, xs + s * ys)

#define ASSAY_STREAM_SET(prefix, vector, type)                                                          \
  StreamKernels<type> {                                                                                 \
    prefix##_copy, prefix##_scale, prefix##_add, prefix##_triad, nullptr, sizeof(vector) / sizeof(type) \
  }

#define ASSAY_BASELINE
#define ASSAY_AVX2 __attribute__((target("avx2,fma")))
#define ASSAY_AVX512 __attribute__((target("avx512f")))

// How a vector is stored: through the caches, or past them.
#define ASSAY_PUT(vector, to, value) *reinterpret_cast<vector*>(to) = (value)
#define ASSAY_PAST_PD128(vector, to, value) _mm_stream_pd(to, value)
#define ASSAY_PAST_PS128(vector, to, value) _mm_stream_ps(to, value)
#define ASSAY_PAST_PD256(vector, to, value) _mm256_stream_pd(to, value)
#define ASSAY_PAST_PS256(vector, to, value) _mm256_stream_ps(to, value)
#define ASSAY_PAST_PD512(vector, to, value) _mm512_stream_pd(to, value)
#define ASSAY_PAST_PS512(vector, to, value) _mm512_stream_ps(to, value)

using Baseline64 = double __attribute__((vector_size(16), may_alias));
using Baseline32 = float __attribute__((vector_size(16), may_alias));

ASSAY_STREAM_MAPS(f64_generic, ASSAY_BASELINE, double, Baseline64, ASSAY_PUT)
ASSAY_STREAM_MAPS(f32_generic, ASSAY_BASELINE, float, Baseline32, ASSAY_PUT)
ASSAY_STREAM_DOT(f64_generic_dot, ASSAY_BASELINE, double, Baseline64)
ASSAY_STREAM_DOT(f32_generic_dot, ASSAY_BASELINE, float, Baseline32)

#if defined(__x86_64__)
ASSAY_STREAM_MAPS(f64_generic_past, ASSAY_BASELINE, double, __m128d, ASSAY_PAST_PD128)
ASSAY_STREAM_MAPS(f32_generic_past, ASSAY_BASELINE, float, __m128, ASSAY_PAST_PS128)

ASSAY_STREAM_MAPS(f64_avx2, ASSAY_AVX2, double, __m256d, ASSAY_PUT)
ASSAY_STREAM_MAPS(f32_avx2, ASSAY_AVX2, float, __m256, ASSAY_PUT)
ASSAY_STREAM_MAPS(f64_avx2_past, ASSAY_AVX2, double, __m256d, ASSAY_PAST_PD256)
ASSAY_STREAM_MAPS(f32_avx2_past, ASSAY_AVX2, float, __m256, ASSAY_PAST_PS256)
ASSAY_STREAM_DOT(f64_avx2_dot, ASSAY_AVX2, double, __m256d)
ASSAY_STREAM_DOT(f32_avx2_dot, ASSAY_AVX2, float, __m256)

ASSAY_STREAM_MAPS(f64_avx512, ASSAY_AVX512, double, __m512d, ASSAY_PUT)
ASSAY_STREAM_MAPS(f32_avx512, ASSAY_AVX512, float, __m512, ASSAY_PUT)
ASSAY_STREAM_MAPS(f64_avx512_past, ASSAY_AVX512, double, __m512d, ASSAY_PAST_PD512)
ASSAY_STREAM_MAPS(f32_avx512_past, ASSAY_AVX512, float, __m512, ASSAY_PAST_PS512)
ASSAY_STREAM_DOT(f64_avx512_dot, ASSAY_AVX512, double, __m512d)
ASSAY_STREAM_DOT(f32_avx512_dot, ASSAY_AVX512, float, __m512)
#endif

// NOLINTEND(bugprone-macro-parentheses)

template <typename T>
StreamKernels<T> with_dot(StreamKernels<T> set, Dot<T> dot) {
  set.dot = dot;
  return set;
}

}  // namespace

template <>
StreamKernels<double> kernels(Isa isa, StoreKind stores) {
  const bool past = stores == StoreKind::nontemporal;
#if defined(__x86_64__)
  if (isa == Isa::avx512)
    return with_dot(past ? ASSAY_STREAM_SET(f64_avx512_past, __m512d, double)
                         : ASSAY_STREAM_SET(f64_avx512, __m512d, double),
                    f64_avx512_dot);
  if (isa == Isa::avx2)
    return with_dot(
        past ? ASSAY_STREAM_SET(f64_avx2_past, __m256d, double) : ASSAY_STREAM_SET(f64_avx2, __m256d, double),
        f64_avx2_dot);
  if (past) return with_dot(ASSAY_STREAM_SET(f64_generic_past, __m128d, double), f64_generic_dot);
#endif
  if (isa != Isa::generic || past) return {};
  return with_dot(ASSAY_STREAM_SET(f64_generic, Baseline64, double), f64_generic_dot);
}

template <>
StreamKernels<float> kernels(Isa isa, StoreKind stores) {
  const bool past = stores == StoreKind::nontemporal;
#if defined(__x86_64__)
  if (isa == Isa::avx512)
    return with_dot(
        past ? ASSAY_STREAM_SET(f32_avx512_past, __m512, float) : ASSAY_STREAM_SET(f32_avx512, __m512, float),
        f32_avx512_dot);
  if (isa == Isa::avx2)
    return with_dot(
        past ? ASSAY_STREAM_SET(f32_avx2_past, __m256, float) : ASSAY_STREAM_SET(f32_avx2, __m256, float),
        f32_avx2_dot);
  if (past) return with_dot(ASSAY_STREAM_SET(f32_generic_past, __m128, float), f32_generic_dot);
#endif
  if (isa != Isa::generic || past) return {};
  return with_dot(ASSAY_STREAM_SET(f32_generic, Baseline32, float), f32_generic_dot);
}

Isa best_isa() {
  const device::CpuFeatures& cpu = device::cpu_features();
  if (cpu.avx512) return Isa::avx512;
  if (cpu.fma) return Isa::avx2;
  return Isa::generic;
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "AVX-512";
    case Isa::avx2:
      return "AVX2";
    case Isa::generic:
      break;
  }
  return "baseline vectors";
}

void drain_stores() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace assay::bench::stream
