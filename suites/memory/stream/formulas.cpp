#include <algorithm>
#include <cmath>
#include <limits>

#include "reports/record/unit.h"
#include "suites/memory/stream/kernels.h"
#include "suites/memory/stream/stream.h"

namespace assay::bench::stream {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t line_bytes = 64;

/// The largest relative error of one rounding to nearest.
template <typename T>
constexpr double rounding = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;

constexpr double second_order = 1.02;

}  // namespace

std::uint64_t array_bytes(std::uint64_t asked, std::uint64_t cache_bytes, int sharers) {
  if (asked > 0) return (asked + line_bytes - 1) / line_bytes * line_bytes;
  const std::uint64_t cache = cache_bytes > 0 ? cache_bytes : 64 * mebibyte;
  const std::uint64_t together = std::max(4 * cache, 64 * mebibyte);
  const std::uint64_t each = together / static_cast<std::uint64_t>(std::max(1, sharers)) + 1;
  return (each + mebibyte - 1) / mebibyte * mebibyte;
}

std::string does_not_fit(std::uint64_t bytes, int ranks, std::uint64_t available_bytes) {
  if (available_bytes == 0) return {};
  const double needed = 3.0 * static_cast<double>(bytes) * ranks;
  const double allowed = 0.9 * static_cast<double>(available_bytes);
  if (needed <= allowed) return {};
  const auto gigabytes = [](double value) { return format_value(value, "B"); };
  return "three arrays of " + format_bytes(static_cast<double>(bytes)) + " on each of " +
         std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks") + " of a node are " + gigabytes(needed) +
         ", and the node has " + gigabytes(static_cast<double>(available_bytes)) +
         " left (nine tenths may be used); free memory, or give smaller arrays with bytes";
}

template <typename T>
StreamValues expected(int passes, std::uint64_t elements) {
  const auto s = static_cast<long double>(static_cast<T>(scalar));
  const auto a0 = static_cast<long double>(static_cast<T>(initial_a));
  const long double factor = s * (2 + s);
  const long double before = a0 * std::pow(factor, static_cast<long double>(passes - 1));
  StreamValues values;
  values.a = before * factor;
  values.b = s * before;
  values.c = before + s * before;
  values.dot = values.a * values.b * static_cast<long double>(elements);
  return values;
}

template <typename T>
double array_bound(int passes) {
  return second_order * (4 * passes + 1) * rounding<T>;
}

template <typename T>
double dot_bound(int passes, std::size_t lanes, std::uint64_t elements_of_a_thread, int threads) {
  const double chain = static_cast<double>(dot_block) / static_cast<double>(dot_chains * lanes) +
                       2.0 * static_cast<double>(dot_chains);  // a block's rest, and the chains added up
  const double blocks = static_cast<double>(elements_of_a_thread) / static_cast<double>(dot_block) + 1;
  const double in_double = blocks * static_cast<double>(lanes) + threads;
  return 2 * array_bound<T>(passes) +
         second_order * ((1 + chain) * rounding<T> + in_double * rounding<double>);
}

template StreamValues expected<double>(int, std::uint64_t);
template StreamValues expected<float>(int, std::uint64_t);
template double array_bound<double>(int);
template double array_bound<float>(int);
template double dot_bound<double>(int, std::size_t, std::uint64_t, int);
template double dot_bound<float>(int, std::size_t, std::uint64_t, int);

}  // namespace assay::bench::stream
