// Arithmetic of the element types that are reduced: exact range, conversion, and how MPI adds them.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "suites/device/element.h"

namespace assay::bench {

using device::Element;

/// From the parameter's word ("f32"); anything else is a fault of the program.
Element parse_element(const std::string& name);

/// Integers up to this magnitude, and no power of two beyond it, are all represented exactly: 2^(significand
/// bits), or the largest int32.
std::int64_t exact_limit(Element element);

/// Writes `units` * unit_of(element) to `at`. |units| <= exact_limit.
void encode(Element element, std::int64_t units, std::byte* at);
double decode(Element element, const std::byte* at);

/// The power of two by which integers are scaled; 1 for int32.
double unit_of(Element element);

/// No right answer looks like this: NaN, or for int32 the most negative number (sums stay within +-(2^31 -
/// 1)).
std::byte poison_byte(Element element, std::size_t byte_of_element);

/// b[i] = a[i] + b[i], each sum rounded once: what the operation of our own does.
void add_bf16(const device::Bf16* a, device::Bf16* b, std::size_t count);

/// An MPI data type with its sum. MPI 3.1 has no bf16, so that type gets an operation of our own, freed with
/// the object.
class ElementSum {
 public:
  /// `alone`: without MPI nothing is created.
  ElementSum(Element element, bool alone);
  ~ElementSum();
  ElementSum(const ElementSum&) = delete;
  ElementSum& operator=(const ElementSum&) = delete;

  MPI_Datatype type() const { return type_; }
  MPI_Op operation() const { return operation_; }
  /// "MPI_SUM" or "user-defined bf16 sum".
  static std::string name(Element element);

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
  MPI_Op operation_ = MPI_OP_NULL;
  bool own_ = false;
};

}  // namespace assay::bench
