#include "suites/compute/gemm/gemm_data.h"

#include <cmath>
#include <limits>

namespace assay::bench {

using device::Bf16;
using device::Element;

namespace {

/// Elements below which waking other threads costs more than it saves.
constexpr std::size_t worth_threads = 1 << 15;
constexpr std::int32_t integer_poison = std::numeric_limits<std::int32_t>::min();

/// data[i] = make(i) for all i, on all threads (which also places the pages near them).
template <typename T, typename Make>
void fill(void* data, std::size_t count, Make make) {
  T* values = static_cast<T*>(data);
#pragma omp parallel for schedule(static) if (count > worth_threads)
  for (std::size_t i = 0; i < count; ++i) values[i] = make(i);
}

float unit_f32(std::uint64_t bits) {
  return static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f;
}
double unit_f64(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-52 - 1.0;
}

}  // namespace

std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  std::uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t stream_key(std::uint64_t seed, int rank, int slot, int matrix) {
  std::uint64_t key = random_bits(seed, static_cast<std::uint64_t>(rank));
  key = random_bits(key, static_cast<std::uint64_t>(slot));
  return random_bits(key, static_cast<std::uint64_t>(matrix));
}

void fill_uniform(void* data, std::size_t count, Element element, int range, std::uint64_t key) {
  switch (element) {
    case Element::f64:
      fill<double>(data, count, [key](std::size_t i) { return unit_f64(random_bits(key, i)); });
      return;
    case Element::f32:
      fill<float>(data, count, [key](std::size_t i) { return unit_f32(random_bits(key, i)); });
      return;
    case Element::bf16:
      fill<Bf16>(data, count,
                 [key](std::size_t i) { return device::to_bf16(unit_f32(random_bits(key, i))); });
      return;
    case Element::int8: {
      const auto values = static_cast<std::uint64_t>(2 * range + 1);
      fill<std::int8_t>(data, count, [=](std::size_t i) {
        // The upper half times the number of values: uniform but for one part in 2^24.
        return static_cast<std::int8_t>(static_cast<int>(((random_bits(key, i) >> 32) * values) >> 32) -
                                        range);
      });
      return;
    }
    case Element::int32:
      return;  // a result, never an operand
  }
}

void fill_poison(void* data, std::size_t count, Element element) {
  switch (element) {
    case Element::f64:
      fill<double>(data, count, [](std::size_t) { return std::numeric_limits<double>::quiet_NaN(); });
      return;
    case Element::f32:
      fill<float>(data, count, [](std::size_t) { return std::numeric_limits<float>::quiet_NaN(); });
      return;
    case Element::bf16:
      fill<Bf16>(data, count, [](std::size_t) { return Bf16{0x7fc0}; });
      return;
    case Element::int32:
      fill<std::int32_t>(data, count, [](std::size_t) { return integer_poison; });
      return;
    case Element::int8:
      return;  // an operand, never a result
  }
}

double element_at(const void* data, std::size_t index, Element element) {
  switch (element) {
    case Element::f64:
      return static_cast<const double*>(data)[index];
    case Element::f32:
      return static_cast<double>(static_cast<const float*>(data)[index]);
    case Element::bf16:
      return static_cast<double>(device::to_float(static_cast<const Bf16*>(data)[index]));
    case Element::int8:
      return static_cast<double>(static_cast<const std::int8_t*>(data)[index]);
    case Element::int32:
      return static_cast<double>(static_cast<const std::int32_t*>(data)[index]);
  }
  return 0;
}

void set_element(void* data, std::size_t index, Element element, double value) {
  switch (element) {
    case Element::f64:
      static_cast<double*>(data)[index] = value;
      return;
    case Element::f32:
      static_cast<float*>(data)[index] = static_cast<float>(value);
      return;
    case Element::bf16:
      static_cast<Bf16*>(data)[index] = device::to_bf16(static_cast<float>(value));
      return;
    case Element::int8:
      static_cast<std::int8_t*>(data)[index] = static_cast<std::int8_t>(value);
      return;
    case Element::int32:
      static_cast<std::int32_t*>(data)[index] =
          std::isnan(value) ? integer_poison : static_cast<std::int32_t>(value);
      return;
  }
}

}  // namespace assay::bench
