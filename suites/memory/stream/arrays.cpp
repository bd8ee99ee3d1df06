#include "suites/memory/stream/arrays.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>

namespace assay::bench::stream {

namespace {

constexpr std::uint64_t line_bytes = 64;
constexpr std::uint64_t large_page = std::uint64_t{2} << 20;

std::uint64_t whole_pages(std::uint64_t bytes) {
  return (bytes + large_page - 1) / large_page * large_page;
}

/// One array, or the sum, against its value: the largest relative error and where the first one beyond the
/// bound is.
struct Comparison {
  const char* name = "";
  double error = 0;
  bool not_a_number = false;
  std::uint64_t wrong = 0;
  std::uint64_t first = 0;
  double found = 0;
  long double right = 0;
  double bound = 0;

  bool passes() const { return !not_a_number && error <= bound; }
};

}  // namespace

template <typename T>
StreamArrays<T>::StreamArrays(std::uint64_t bytes, int threads, PageSize pages)
    : elements_(bytes / sizeof(T)),
      threads_(threads),
      pages_(3 * whole_pages(bytes), pages),
      a_(reinterpret_cast<T*>(pages_.data())),
      b_(reinterpret_cast<T*>(pages_.data() + whole_pages(bytes))),
      c_(reinterpret_cast<T*>(pages_.data() + 2 * whole_pages(bytes))),
      partial_sums_(static_cast<std::size_t>(threads)) {}

template <typename T>
typename StreamArrays<T>::Part StreamArrays<T>::part(int thread) const {
  constexpr std::uint64_t in_line = line_bytes / sizeof(T);
  const std::uint64_t lines = elements_ / in_line;
  const auto of = static_cast<std::uint64_t>(threads_);
  const std::uint64_t begin = lines * static_cast<std::uint64_t>(thread) / of;
  const std::uint64_t end = lines * (static_cast<std::uint64_t>(thread) + 1) / of;
  return {begin * in_line, (end - begin) * in_line};
}

template <typename T>
void StreamArrays<T>::touch() {
#pragma omp parallel num_threads(threads_)
  {
    const Part mine = part(omp_get_thread_num());
    std::fill_n(a_ + mine.begin, mine.count, static_cast<T>(initial_a));
    std::fill_n(b_ + mine.begin, mine.count, static_cast<T>(initial_b));
    std::fill_n(c_ + mine.begin, mine.count, static_cast<T>(initial_c));
  }
}

template <typename T>
void StreamArrays<T>::restart_a() {
#pragma omp parallel num_threads(threads_)
  {
    const Part mine = part(omp_get_thread_num());
    std::fill_n(a_ + mine.begin, mine.count, static_cast<T>(initial_a));
  }
}

template <typename T>
void StreamArrays<T>::poison() {
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
#pragma omp parallel num_threads(threads_)
  {
    const Part mine = part(omp_get_thread_num());
    std::fill_n(b_ + mine.begin, mine.count, nan);
    std::fill_n(c_ + mine.begin, mine.count, nan);
  }
  sum_ = std::numeric_limits<double>::quiet_NaN();
}

template <typename T>
void StreamArrays<T>::run(Loop loop, const StreamKernels<T>& kernels, bool drain) {
  const T s = static_cast<T>(scalar);
#pragma omp parallel num_threads(threads_)
  {
    const int thread = omp_get_thread_num();
    const auto [begin, count] = part(thread);
    T* const mine_a = a_ + begin;
    T* const mine_b = b_ + begin;
    T* const mine_c = c_ + begin;
    switch (loop) {
      case copy:
        kernels.copy(mine_c, mine_a, mine_a, s, count);
        break;
      case scale:
        kernels.scale(mine_b, mine_c, mine_c, s, count);
        break;
      case add:
        kernels.add(mine_c, mine_a, mine_b, s, count);
        break;
      case triad:
        kernels.triad(mine_a, mine_b, mine_c, s, count);
        break;
      case dot:
        partial_sums_[static_cast<std::size_t>(thread)].value = kernels.dot(mine_a, mine_b, count);
        break;
    }
    if (drain) drain_stores();
  }
  if (loop != dot) return;
  double sum = 0;
  for (const PartialSum& partial : partial_sums_) sum += partial.value;
  sum_ = sum;
}

template <typename T>
Check StreamArrays<T>::check(int passes, std::size_t lanes) const {
  const StreamValues right = expected<T>(passes, elements_);
  const auto compare = [&](const char* name, const T* values, long double value) {
    Comparison result{name, 0, false, 0, elements_, 0, value, array_bound<T>(passes)};
    double worst = 0;
    std::uint64_t wrong = 0, first = elements_, not_numbers = 0;
    const auto expected_value = static_cast<double>(value);
#pragma omp parallel for num_threads(threads_) schedule(static) reduction(max : worst) \
    reduction(+ : wrong, not_numbers) reduction(min : first)
    for (std::uint64_t i = 0; i < elements_; ++i) {
      const double error = std::abs(static_cast<double>(values[i]) - expected_value) / expected_value;
      if (!(error <= result.bound)) {
        ++wrong;
        first = std::min(first, i);
      }
      if (error != error) ++not_numbers;
      worst = std::max(worst, error);
    }
    result.error = worst;
    result.wrong = wrong;
    result.not_a_number = not_numbers > 0;
    result.first = first;
    if (first < elements_) result.found = static_cast<double>(values[first]);
    return result;
  };
  std::vector<Comparison> all = {compare("a", a_, right.a), compare("b", b_, right.b),
                                 compare("c", c_, right.c)};
  Comparison dot_sum{"dot", 0, false, 0, 0, sum_, right.dot, 0};
  dot_sum.bound = dot_bound<T>(passes, lanes, part(0).count + line_bytes, threads_);
  dot_sum.error = static_cast<double>(std::abs(static_cast<long double>(sum_) - right.dot) / right.dot);
  dot_sum.not_a_number = dot_sum.error != dot_sum.error;
  if (!dot_sum.passes()) dot_sum.wrong = 1;
  all.push_back(dot_sum);

  // The one nearest to its bound, or furthest beyond it, is reported; NaN before all.
  const auto badness = [](const Comparison& one) {
    return one.not_a_number ? std::numeric_limits<double>::infinity() : one.error / one.bound;
  };
  const Comparison& worst =
      *std::max_element(all.begin(), all.end(),
                        [&](const Comparison& x, const Comparison& y) { return badness(x) < badness(y); });
  Check check;
  check.bound = worst.bound;
  if (!worst.not_a_number) check.error = worst.error;
  check.status = check.error && *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
  check.how =
      "closed form after " + std::to_string(passes) + (passes == 1 ? " pass" : " passes") +
      " since the arrays began, every element of a, b and c and the dot product; relative error, of " +
      worst.name;
  for (const Comparison& one : all) {
    if (one.passes()) continue;
    char text[160];
    if (one.name == dot_sum.name) {
      std::snprintf(text, sizeof text, "; dot is %.9g instead of %.9Lg", one.found, one.right);
    } else {
      std::snprintf(text, sizeof text, "; %llu wrong in %s, first element %llu: %.9g instead of %.9Lg",
                    static_cast<unsigned long long>(one.wrong), one.name,
                    static_cast<unsigned long long>(one.first), one.found, one.right);
    }
    check.how += text;
  }
  return check;
}

template class StreamArrays<double>;
template class StreamArrays<float>;

}  // namespace assay::bench::stream
