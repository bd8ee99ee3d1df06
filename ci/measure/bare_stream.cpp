// The peer of memory/stream: five plain loops under `omp parallel for` over arrays of doubles, as
// BabelStream's OpenMP variant has them, compiled as any program would be. No thread is bound and no large
// page is asked for: that is left to OMP_PROC_BIND and the system.
//
//   bare_stream [ELEMENTS [PASSES]]          default 33554432 elements, 100 passes
//
// Prints one number: the best triad rate in bytes per second (24 bytes an element). The best rates of all
// five loops and the median of triad go to stderr. Exit status 1 when a result is wrong.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr double scalar = 0.4;
constexpr std::array<const char*, 5> loops = {"copy", "scale", "add", "triad", "dot"};
constexpr std::array<double, 5> arrays_moved = {2, 2, 3, 3, 2};

double* array_of(std::size_t count) {
  void* memory =
      std::aligned_alloc(std::size_t{2} << 20, (count * sizeof(double) + 0x1fffff) & ~std::size_t{0x1fffff});
  if (memory == nullptr) {
    std::fprintf(stderr, "bare_stream: no memory for %zu elements\n", count);
    std::exit(4);
  }
  return static_cast<double*>(memory);
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

int main(int argc, char** argv) {
  const long long elements = argc > 1 ? std::atoll(argv[1]) : 33554432;
  const int passes = argc > 2 ? std::atoi(argv[2]) : 100;
  if (elements < 1 || passes < 2) {
    std::fprintf(stderr,
                 "usage: bare_stream [ELEMENTS [PASSES]] (at least 2 passes: the first is not counted)\n");
    return 3;
  }
  const auto count = static_cast<std::size_t>(elements);
  double* const a = array_of(count);
  double* const b = array_of(count);
  double* const c = array_of(count);
#pragma omp parallel for
  for (std::size_t i = 0; i < count; ++i) {
    a[i] = 0.1;
    b[i] = 0.2;
    c[i] = 0.0;
  }

  std::array<std::vector<double>, 5> seconds;
  double sum = 0;
  for (int pass = 0; pass < passes; ++pass) {
    std::array<double, 6> marks{};
    marks[0] = now_s();
#pragma omp parallel for
    for (std::size_t i = 0; i < count; ++i) c[i] = a[i];
    marks[1] = now_s();
#pragma omp parallel for
    for (std::size_t i = 0; i < count; ++i) b[i] = scalar * c[i];
    marks[2] = now_s();
#pragma omp parallel for
    for (std::size_t i = 0; i < count; ++i) c[i] = a[i] + b[i];
    marks[3] = now_s();
#pragma omp parallel for
    for (std::size_t i = 0; i < count; ++i) a[i] = b[i] + scalar * c[i];
    marks[4] = now_s();
    sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
    marks[5] = now_s();
    if (pass == 0) continue;
    for (std::size_t loop = 0; loop < loops.size(); ++loop)
      seconds[loop].push_back(marks[loop + 1] - marks[loop]);
  }

  double right_a = 0.1, right_b = 0, right_c = 0;
  for (int pass = 0; pass < passes; ++pass) {
    right_b = scalar * right_a;
    right_c = right_a + right_b;
    right_a = right_b + scalar * right_c;
  }
  double worst = std::abs(sum / (right_a * right_b * static_cast<double>(count)) - 1);
  bool numbers = worst == worst;
  for (std::size_t i = 0; i < count; ++i) {
    const double error =
        std::abs(a[i] / right_a - 1) + std::abs(b[i] / right_b - 1) + std::abs(c[i] / right_c - 1);
    numbers = numbers && error == error;
    worst = std::max(worst, error);
  }
  if (!numbers || worst > 1e-8) {
    std::fprintf(stderr, "bare_stream: wrong result, relative error %g\n", worst);
    return 1;
  }

  double best_triad = 0;
  const double bytes = static_cast<double>(count) * sizeof(double);
  for (std::size_t loop = 0; loop < loops.size(); ++loop) {
    std::sort(seconds[loop].begin(), seconds[loop].end());
    const double best = arrays_moved[loop] * bytes / seconds[loop].front();
    const double median = arrays_moved[loop] * bytes / seconds[loop][seconds[loop].size() / 2];
    std::fprintf(stderr, "%-6s best %8.3f GB/s, median %8.3f GB/s\n", loops[loop], best / 1e9, median / 1e9);
    if (loop == 3) best_triad = best;
  }
  std::printf("%.9e\n", best_triad);
  std::free(a);
  std::free(b);
  std::free(c);
  return 0;
}
