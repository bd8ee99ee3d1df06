// The peer of compute/gemm: the library alone, as its manual shows it, over a ring of operands of the same
// size.
//
//   bare_gemm DTYPE M N K RING SECONDS
//
// DTYPE is f64 (OpenBLAS, cblas_dgemm), f32, bf16 or int8 (oneDNN's matmul on plain row-major matrices; bf16
// stores bf16, int8 stores int32). OpenBLAS takes its kernels from OPENBLAS_CORETYPE, unset for its own
// choice; all libraries use OMP_NUM_THREADS threads. Prints one number: seconds per product, the median over
// intervals of at least 2 ms. The best and the median rate go to stderr, with the kernel.
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

namespace {

struct Options {
  std::string dtype;
  std::int64_t m = 0, n = 0, k = 0;
  std::size_t ring = 0;
  double seconds = 0;
};

/// Memory on a page boundary, never freed: the program ends.
void* memory_of(std::size_t bytes) {
  void* memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, bytes);
  return memory;
}

/// A cheap stream of numbers; the benchmark proper checks results, this program only needs them not to be
/// zero.
std::uint32_t next_bits() {
  static std::uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<std::uint32_t>(state >> 32);
}

template <typename T>
T* random_matrix(std::int64_t count) {
  T* values = static_cast<T*>(memory_of(static_cast<std::size_t>(count) * sizeof(T)));
  for (std::int64_t i = 0; i < count; ++i) {
    const float uniform = static_cast<float>(next_bits() >> 8) * 0x1p-23f - 1.0f;
    if constexpr (sizeof(T) == 1) {
      values[i] = static_cast<T>(uniform * 127.0f);
    } else if constexpr (sizeof(T) == 2) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &uniform, sizeof bits);
      values[i] = static_cast<T>(bits >> 16);
    } else {
      values[i] = static_cast<T>(uniform);
    }
  }
  return values;
}

using Product = std::function<void(std::size_t slot)>;

Product openblas_product(const Options& options) {
  struct Slot {
    double *a, *b, *c;
  };
  std::vector<Slot> slots;
  for (std::size_t i = 0; i < options.ring; ++i)
    slots.push_back({random_matrix<double>(options.m * options.k),
                     random_matrix<double>(options.k * options.n),
                     random_matrix<double>(options.m * options.n)});
  std::fprintf(stderr, "OpenBLAS, %s kernels, %d threads\n", openblas_get_corename(),
               openblas_get_num_threads());
  return [=](std::size_t slot) {
    const auto m = static_cast<int>(options.m), n = static_cast<int>(options.n),
               k = static_cast<int>(options.k);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1.0, slots[slot].a, k, slots[slot].b, n,
                0.0, slots[slot].c, n);
  };
}

template <typename Operand, typename Result>
Product onednn_product(const Options& options, dnnl::memory::data_type operand,
                       dnnl::memory::data_type result) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto matrix = [](std::int64_t rows, std::int64_t columns, dnnl::memory::data_type type) {
    return dnnl::memory::desc({rows, columns}, type, dnnl::memory::format_tag::ab);
  };
  const auto a = matrix(options.m, options.k, operand), b = matrix(options.k, options.n, operand),
             c = matrix(options.m, options.n, result);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine);
  std::fprintf(stderr, "oneDNN, %s\n", description.impl_info_str());
  const dnnl::matmul product(description);
  std::vector<std::unordered_map<int, dnnl::memory>> arguments;
  for (std::size_t i = 0; i < options.ring; ++i)
    arguments.push_back(
        {{DNNL_ARG_SRC, dnnl::memory(a, engine, random_matrix<Operand>(options.m * options.k))},
         {DNNL_ARG_WEIGHTS, dnnl::memory(b, engine, random_matrix<Operand>(options.k * options.n))},
         {DNNL_ARG_DST, dnnl::memory(c, engine, random_matrix<Result>(options.m * options.n))}});
  return [=](std::size_t slot) mutable {
    product.execute(stream, arguments[slot]);
    stream.wait();
  };
}

Product make_product(const Options& options) {
  using Type = dnnl::memory::data_type;
  if (options.dtype == "f64") return openblas_product(options);
  if (options.dtype == "f32") return onednn_product<float, float>(options, Type::f32, Type::f32);
  if (options.dtype == "bf16")
    return onednn_product<std::uint16_t, std::uint16_t>(options, Type::bf16, Type::bf16);
  if (options.dtype == "int8") return onednn_product<std::int8_t, std::int32_t>(options, Type::s8, Type::s32);
  return {};
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds per product in each interval: whole passes over the ring, as many as last 2 ms.
std::vector<double> measure(const Product& product, const Options& options) {
  std::vector<double> times;
  long passes = 1;
  bool warm = false;
  const double begin = now_s();
  do {
    const double start = now_s();
    for (long pass = 0; pass < passes; ++pass)
      for (std::size_t slot = 0; slot < options.ring; ++slot) product(slot);
    const double one = (now_s() - start) / (static_cast<double>(passes) * static_cast<double>(options.ring));
    if (warm) {
      times.push_back(one);
    } else {
      passes = static_cast<long>(2e-3 / (one * static_cast<double>(options.ring))) + 1;
      warm = now_s() - begin > options.seconds / 10;
    }
  } while (now_s() - begin < options.seconds || times.size() < 3);
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc == 7) {
    options = {argv[1],
               std::atoll(argv[2]),
               std::atoll(argv[3]),
               std::atoll(argv[4]),
               static_cast<std::size_t>(std::max(0ll, std::atoll(argv[5]))),
               std::atof(argv[6])};
  }
  if (options.m < 1 || options.n < 1 || options.k < 1 || options.ring < 1 || !(options.seconds > 0)) {
    std::fprintf(stderr, "usage: bare_gemm f64|f32|bf16|int8 M N K RING SECONDS\n");
    return 3;
  }
  try {
    const Product product = make_product(options);
    if (!product) {
      std::fprintf(stderr, "bare_gemm: dtype '%s' is none of f64 f32 bf16 int8\n", options.dtype.c_str());
      return 3;
    }
    std::vector<double> times = measure(product, options);
    std::sort(times.begin(), times.end());
    const double median = times.size() % 2 == 1 ? times[times.size() / 2]
                                                : (times[times.size() / 2 - 1] + times[times.size() / 2]) / 2;
    const double operations = 2.0 * static_cast<double>(options.m) * static_cast<double>(options.n) *
                              static_cast<double>(options.k);
    std::fprintf(stderr, "best %.4g, median %.4g operations per second over %zu intervals\n",
                 operations / times.front(), operations / median, times.size());
    std::printf("%.9g\n", median);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_gemm: %s\n", error.what());
    return 4;
  }
  return 0;
}
