#include "suites/device/host/fma_probe.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "suites/device/host/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::device {

namespace {

// Two multiply-add pipes with a latency of four or five cycles need ten independent chains. AVX-512 has 32
// registers, AVX2 sixteen, and two of them hold the factors. Those are 1 and tiny (or small), so that no
// chain overflows or becomes denormal.
constexpr int chains_512 = 16;
constexpr int chains_256 = 12;

/// Does `rounds` rounds of one multiply-add in each chain and returns a number that depends on all of them.
using Kernel = double (*)(std::int64_t rounds);

struct Probe {
  Kernel kernel = nullptr;
  double operations_per_round = 0;
  const char* name = "";
};

volatile double hidden_one = 1.0;  // the compiler must not know the factors
double one() {
  return hidden_one;
}
float one_f32() {
  return static_cast<float>(hidden_one);
}
char one_byte() {
  return static_cast<char>(hidden_one);
}

// Plain C++ for processors without an instruction of their own below: the compiler's baseline vectors.
template <typename T>
double plain_kernel(std::int64_t rounds) {
  constexpr int lanes = 64;
  std::array<T, lanes> sums{};
  const T factor = static_cast<T>(hidden_one), term = static_cast<T>(1e-9);
  for (std::int64_t round = 0; round < rounds; ++round)
    for (T& sum : sums) sum = sum * factor + term;
  double total = 0;
  for (const T sum : sums) total += static_cast<double>(sum);
  return total;
}

#if defined(__x86_64__)

template <typename Vector>
double add_up(const Vector& sums, std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  std::memcpy(raw.data(), &sums, bytes);
  double total = 0;
  for (const unsigned char byte : raw) total += byte;
  return total;
}

// One kernel: `count` accumulators of `vector`, each updated by `update` (which sees sum, x and y).
#define ASSAY_FMA_KERNEL(name, isa, vector, count, zero, make_x, make_y, update) \
  __attribute__((target(isa))) double name(std::int64_t rounds) {                \
    vector sums[count];                                                          \
    for (int i = 0; i < (count); ++i) sums[i] = zero;                            \
    const auto x = make_x;                                                       \
    const auto y = make_y;                                                       \
    for (std::int64_t round = 0; round < rounds; ++round) {                      \
      _Pragma("GCC unroll 16") for (int i = 0; i < (count); ++i) {               \
        vector& sum = sums[i];                                                   \
        sum = update;                                                            \
      }                                                                          \
    }                                                                            \
    return add_up(sums, sizeof sums);                                            \
  }

ASSAY_FMA_KERNEL(f64_avx512, "avx512f", __m512d, chains_512, _mm512_setzero_pd(), _mm512_set1_pd(one()),
                 _mm512_set1_pd(1e-9), _mm512_fmadd_pd(sum, x, y))
ASSAY_FMA_KERNEL(f32_avx512, "avx512f", __m512, chains_512, _mm512_setzero_ps(), _mm512_set1_ps(one_f32()),
                 _mm512_set1_ps(1e-9f), _mm512_fmadd_ps(sum, x, y))
ASSAY_FMA_KERNEL(bf16_avx512, "avx512f,avx512bw,avx512vl,avx512bf16", __m512, chains_512, _mm512_setzero_ps(),
                 _mm512_cvtne2ps_pbh(_mm512_set1_ps(one_f32()), _mm512_set1_ps(0.5f)),
                 _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.25f), _mm512_set1_ps(one_f32())),
                 _mm512_dpbf16_ps(sum, x, y))
ASSAY_FMA_KERNEL(int8_avx512, "avx512f,avx512bw,avx512vnni", __m512i, chains_512, _mm512_setzero_si512(),
                 _mm512_set1_epi8(one_byte()), _mm512_set1_epi8(one_byte()), _mm512_dpbusd_epi32(sum, x, y))
ASSAY_FMA_KERNEL(f64_avx2, "avx2,fma", __m256d, chains_256, _mm256_setzero_pd(), _mm256_set1_pd(one()),
                 _mm256_set1_pd(1e-9), _mm256_fmadd_pd(sum, x, y))
ASSAY_FMA_KERNEL(f32_avx2, "avx2,fma", __m256, chains_256, _mm256_setzero_ps(), _mm256_set1_ps(one_f32()),
                 _mm256_set1_ps(1e-9f), _mm256_fmadd_ps(sum, x, y))
ASSAY_FMA_KERNEL(int8_avx2, "avx2,avxvnni", __m256i, chains_256, _mm256_setzero_si256(),
                 _mm256_set1_epi8(one_byte()), _mm256_set1_epi8(one_byte()),
                 _mm256_dpbusd_avx_epi32(sum, x, y))

#undef ASSAY_FMA_KERNEL

#endif

Probe choose(Element element) {
#if defined(__x86_64__)
  const CpuFeatures& cpu = cpu_features();
  switch (element) {
    case Element::f64:
      if (cpu.avx512) return {f64_avx512, chains_512 * 8 * 2.0, "AVX-512"};
      if (cpu.fma) return {f64_avx2, chains_256 * 4 * 2.0, "AVX2"};
      break;
    case Element::f32:
      if (cpu.avx512) return {f32_avx512, chains_512 * 16 * 2.0, "AVX-512"};
      if (cpu.fma) return {f32_avx2, chains_256 * 8 * 2.0, "AVX2"};
      break;
    case Element::bf16:  // a bf16 dot product: two multiply-adds in each of 16 lanes
      if (cpu.avx512_bf16 && !cpu.amx_bf16) return {bf16_avx512, chains_512 * 16 * 4.0, "AVX-512 BF16"};
      return {};
    case Element::int8:  // four multiply-adds in each lane
      if (cpu.amx_int8) return {};
      if (cpu.avx512_vnni) return {int8_avx512, chains_512 * 16 * 8.0, "AVX-512 VNNI"};
      if (cpu.avx_vnni) return {int8_avx2, chains_256 * 8 * 8.0, "AVX-VNNI"};
      return {};
    default:
      return {};
  }
#endif
  if (element == Element::f64) return {plain_kernel<double>, 64 * 2.0, "baseline vectors"};
  if (element == Element::f32) return {plain_kernel<float>, 64 * 2.0, "baseline vectors"};
  return {};
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

volatile double sink;  // what the kernels return ends here

/// Seconds from the first thread's start to the last one's end.
double run_window(const Probe& probe, std::int64_t rounds, int threads) {
  double first = std::numeric_limits<double>::infinity(), last = 0, total = 0;
#pragma omp parallel num_threads(threads) reduction(min : first) reduction(max : last) reduction(+ : total)
  {
#pragma omp barrier
    first = seconds_now();
    total = probe.kernel(rounds);
    last = seconds_now();
  }
  sink = total;
  return last - first;
}

}  // namespace

std::optional<Ceiling> measure_fma_ceiling(Element element, int threads) {
  const Probe probe = choose(element);
  if (probe.kernel == nullptr || threads < 1) return std::nullopt;
  // Short windows: one that nothing interrupts on any thread is then likely even on a shared machine. A
  // window is long enough by its shortest run, so that an interruption does not pass for work.
  constexpr double window_s = 0.0016;
  constexpr int tries = 3, windows = 24;
  const auto shortest = [&](std::int64_t rounds, int runs) {
    double best = std::numeric_limits<double>::infinity();
    for (int run = 0; run < runs; ++run) best = std::min(best, run_window(probe, rounds, threads));
    return best;
  };
  std::int64_t rounds = 10'000;  // some 20 us
  for (double once = shortest(rounds, tries); once < window_s / 2; once = shortest(rounds, tries))
    rounds *= static_cast<std::int64_t>(std::clamp(window_s / once, 2.0, 64.0));
  const double best = shortest(rounds, windows);
  if (!(best > 0)) return std::nullopt;
  const double operations = probe.operations_per_round * static_cast<double>(rounds) * threads;
  return Ceiling{operations / best, std::string("FMA probe, ") + probe.name + ", " + std::to_string(threads) +
                                        (threads == 1 ? " thread" : " threads")};
}

}  // namespace assay::device
