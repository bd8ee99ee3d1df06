#include "suites/collectives/support/arithmetic.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace assay::bench {

namespace {

/// Inputs are of magnitude around one, as gradients are, rather than integers.
constexpr int f32_exponent = -12;
constexpr int f64_exponent = -28;
constexpr int bf16_exponent = -6;

int exponent_of(Element element) {
  switch (element) {
    case Element::f32:
      return f32_exponent;
    case Element::f64:
      return f64_exponent;
    case Element::bf16:
      return bf16_exponent;
    default:
      return 0;
  }
  return 0;
}

template <typename Value>
void store(Value value, std::byte* at) {
  std::memcpy(at, &value, sizeof value);
}

template <typename Value>
Value load(const std::byte* at) {
  Value value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// An MPI_User_function.
void add_bf16_for_mpi(void* in, void* in_out, int* length, MPI_Datatype*) {
  add_bf16(static_cast<const device::Bf16*>(in), static_cast<device::Bf16*>(in_out),
           static_cast<std::size_t>(*length));
}

}  // namespace

Element parse_element(const std::string& name) {
  for (const Element element : {Element::f64, Element::f32, Element::bf16, Element::int32}) {
    if (device::name_of(element) == name) return element;
  }
  throw std::logic_error("no element type '" + name + "' is reduced");
}

std::int64_t exact_limit(Element element) {
  switch (element) {
    case Element::f64:
      return std::int64_t{1} << 53;
    case Element::f32:
      return std::int64_t{1} << 24;
    case Element::bf16:
      return std::int64_t{1} << 8;
    case Element::int32:
      return std::numeric_limits<std::int32_t>::max();
    case Element::int8:
    default:
      break;
  }
  return 0;
}

double unit_of(Element element) {
  return std::ldexp(1.0, exponent_of(element));
}

void add_bf16(const device::Bf16* a, device::Bf16* b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    b[i] = device::to_bf16(device::to_float(a[i]) + device::to_float(b[i]));
}

void encode(Element element, std::int64_t units, std::byte* at) {
  const double value = static_cast<double>(units) * unit_of(element);
  switch (element) {
    case Element::f64:
      return store(value, at);
    case Element::f32:
      return store(static_cast<float>(value), at);
    case Element::bf16:
      return store(device::to_bf16(static_cast<float>(value)), at);
    case Element::int32:
      return store(static_cast<std::int32_t>(units), at);
    case Element::int8:
    default:
      break;
  }
}

double decode(Element element, const std::byte* at) {
  switch (element) {
    case Element::f64:
      return load<double>(at);
    case Element::f32:
      return static_cast<double>(load<float>(at));
    case Element::bf16:
      return static_cast<double>(device::to_float(load<device::Bf16>(at)));
    case Element::int32:
      return static_cast<double>(load<std::int32_t>(at));
    case Element::int8:
    default:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::byte poison_byte(Element element, std::size_t byte_of_element) {
  if (element != Element::int32) return std::byte{0xff};
  // INT32_MIN as bytes in the order of this machine.
  constexpr auto most_negative = std::bit_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::min());
  const auto bytes = std::bit_cast<std::array<std::byte, 4>>(most_negative);
  return bytes[byte_of_element % 4];
}

ElementSum::ElementSum(Element element, bool alone) {
  if (alone) return;
  switch (element) {
    case Element::f32:
      type_ = MPI_FLOAT;
      operation_ = MPI_SUM;
      break;
    case Element::f64:
      type_ = MPI_DOUBLE;
      operation_ = MPI_SUM;
      break;
    case Element::int32:
      type_ = MPI_INT32_T;
      operation_ = MPI_SUM;
      break;
    case Element::bf16:
      type_ = MPI_UINT16_T;
      MPI_Op_create(&add_bf16_for_mpi, 1, &operation_);
      own_ = true;
      break;
    case Element::int8:
    default:
      throw std::logic_error("int8 is not reduced");
  }
}

ElementSum::~ElementSum() {
  if (own_) MPI_Op_free(&operation_);
}

std::string ElementSum::name(Element element) {
  return element == Element::bf16 ? "user-defined bf16 sum" : "MPI_SUM";
}

}  // namespace assay::bench
