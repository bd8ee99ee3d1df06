#include "suites/compute/gemm/gemm_data.h"

#include <cmath>
#include <limits>
#include <type_traits>

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

template <typename T>
void fill_with(void* data, std::size_t count, int range, std::uint64_t key) {
  fill<T>(data, count, [=](std::size_t i) { return UniformValue<T>::of(random_bits(key, i), range); });
}

/// The poison of a format.
template <typename T>
void poison_with(void* data, std::size_t count, T value) {
  fill<T>(data, count, [=](std::size_t) { return value; });
}

template <typename T>
T* typed(void* data) {
  return static_cast<T*>(data);
}

/// Calls `work` with a value of the type that `element` is stored in.
template <typename Work>
auto with_type(Element element, Work work) {
  switch (element) {
    case Element::f64:
      return work(double{});
    case Element::bf16:
      return work(Bf16{});
    case Element::int8:
      return work(std::int8_t{});
    case Element::int32:
      return work(std::int32_t{});
    case Element::tf32:
      return work(Tf32{});
    case Element::f16:
      return work(device::F16{});
    case Element::fp8_e4m3:
      return work(device::Fp8E4m3{});
    case Element::fp8_e5m2:
      return work(device::Fp8E5m2{});
    case Element::f32:
      break;
  }
  return work(float{});
}

}  // namespace

std::uint64_t stream_key(std::uint64_t seed, int rank, int slot, int matrix) {
  std::uint64_t key = random_bits(seed, static_cast<std::uint64_t>(rank));
  key = random_bits(key, static_cast<std::uint64_t>(slot));
  return random_bits(key, static_cast<std::uint64_t>(matrix));
}

void fill_uniform(void* data, std::size_t count, Element element, int range, std::uint64_t key) {
  with_type(element, [=]<typename T>(T) {
    if constexpr (!std::is_same_v<T, std::int32_t>)
      fill_with<T>(data, count, range, key);  // int32 is a result
  });
}

double uniform_at(std::uint64_t index, Element element, int range, std::uint64_t key) {
  return with_type(element, [=]<typename T>(T) {
    if constexpr (std::is_same_v<T, std::int32_t>)
      return 0.0;
    else
      return static_cast<double>(number(UniformValue<T>::of(random_bits(key, index), range)));
  });
}

void fill_poison(void* data, std::size_t count, Element element) {
  with_type(element, [=]<typename T>(T) {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    if constexpr (std::is_floating_point_v<T>)
      poison_with<T>(data, count, std::numeric_limits<T>::quiet_NaN());
    if constexpr (std::is_same_v<T, Bf16>) poison_with(data, count, device::to_bf16(nan));
    if constexpr (std::is_same_v<T, device::F16>) poison_with(data, count, device::to_f16(nan));
    if constexpr (std::is_same_v<T, std::int32_t>) poison_with(data, count, integer_poison);
    // The others are operands, never results.
  });
}

double element_at(const void* data, std::size_t index, Element element) {
  return with_type(element, [=]<typename T>(T) {
    return static_cast<double>(number(static_cast<const T*>(data)[index]));
  });
}

void set_element(void* data, std::size_t index, Element element, double value) {
  const auto small = static_cast<float>(value);
  switch (element) {
    case Element::f64:
      typed<double>(data)[index] = value;
      return;
    case Element::f32:
      typed<float>(data)[index] = small;
      return;
    case Element::bf16:
      typed<Bf16>(data)[index] = device::to_bf16(small);
      return;
    case Element::int8:
      typed<std::int8_t>(data)[index] = static_cast<std::int8_t>(value);
      return;
    case Element::int32:
      typed<std::int32_t>(data)[index] =
          std::isnan(value) ? integer_poison : static_cast<std::int32_t>(value);
      return;
    case Element::tf32:
      typed<float>(data)[index] = device::round_to_tf32(small);
      return;
    case Element::f16:
      typed<device::F16>(data)[index] = device::to_f16(small);
      return;
    case Element::fp8_e4m3:
      typed<device::Fp8E4m3>(data)[index] = device::to_e4m3(small);
      return;
    case Element::fp8_e5m2:
      typed<device::Fp8E5m2>(data)[index] = device::to_e5m2(small);
      return;
  }
}

}  // namespace assay::bench
