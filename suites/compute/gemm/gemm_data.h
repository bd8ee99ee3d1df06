// Inputs of compute/gemm: uniform numbers that depend on the seed, the rank, the slot and the index, and on
// nothing else, so that every element can be made again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "suites/compute/gemm/gemm_values.h"
#include "suites/device/element.h"

namespace assay::bench {

/// A stream of numbers of its own for each combination.
std::uint64_t stream_key(std::uint64_t seed, int rank, int slot, int matrix);

/// Fills `count` elements, in parallel: floating point uniform in [-1, 1) on a grid of 2^-23 (f32; the
/// shorter formats rounded to nearest) or 2^-52 (f64); int8 uniform over the integers of [-range, range].
/// `data` is of `element`.
void fill_uniform(void* data, std::size_t count, device::Element element, int range, std::uint64_t key);

/// Overwrites with what no right answer has: NaN, or for int32 its smallest value.
void fill_poison(void* data, std::size_t count, device::Element element);

/// The element that fill_uniform writes at `index`, as a number.
double uniform_at(std::uint64_t index, device::Element element, int range, std::uint64_t key);

/// One element as a number.
double element_at(const void* data, std::size_t index, device::Element element);
/// Stores a number, rounded to the element's format; NaN becomes the poison of an integer.
void set_element(void* data, std::size_t index, device::Element element, double value);

}  // namespace assay::bench
