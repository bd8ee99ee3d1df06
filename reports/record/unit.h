// Units with a checked dimension. Data holds base units (seconds, bytes, FLOP, ...); only reading what people
// write and printing for people scales.
#pragma once

#include <string>
#include <string_view>

#include "reports/base/error.h"

namespace assay {

/// Exponents of the base quantities. "TFLOP/s" is {arithmetic: 1, time: -1}.
struct Dimension {
  int time = 0;         ///< second
  int information = 0;  ///< byte
  int arithmetic = 0;   ///< FLOP (OP for integers): one arithmetic operation
  int token = 0;        ///< token of a language model
  int item = 0;         ///< counted things: IO, message, file, sample
  int energy = 0;       ///< joule; a watt is energy 1, time -1
  int temperature = 0;  ///< degree Celsius
  friend bool operator==(const Dimension&, const Dimension&) = default;
};

struct Quantity {
  double value = 0;  ///< in base units
  Dimension dimension;
};

/// A unit as written: "TFLOP/s", "GB/s", "GiB/s", "us", "tokens/s", "%", "J", "kW", "MHz", "" or "1".
/// Prefixes: k M G T P E (powers of 1000), Ki Mi Gi Ti Pi (powers of 1024, bytes only), m u n p.
struct Unit {
  double scale = 1;  ///< base units in one of it
  Dimension dimension;
};

/// Throws Error(bad_input) for an unknown unit, with the nearest known one.
Unit parse_unit(std::string_view text);

/// "700 TFLOP/s", "70 %", "150 s", "2 min", "8", "8 MiB", "8MiB". Negative and non-finite numbers are refused
/// unless the number is plain and negative (a caller that allows it checks the sign). Throws
/// Error(bad_input).
Quantity parse_quantity(std::string_view text);

/// What a dimension is called in a message: "a rate of arithmetic (such as TFLOP/s)".
std::string describe(const Dimension& dimension);

/// A value in base units, scaled for people: format_value(7.0e14, "FLOP/s") is "700.0 TFLOP/s";
/// four significant digits; `unit` is a base unit as records hold it ("s", "B/s", "FLOP/s", "token/s", "1").
std::string format_value(double value, std::string_view unit, int significant_digits = 4);

/// Like format_value, with as many digits as it takes to read differently from `other` when the two differ:
/// a failing value is never displayed as its target.
std::string format_distinct(double value, double other, std::string_view unit);

/// A share as a percentage: format_share(0.7031) is "70.31 %".
std::string format_share(double share, int decimals = 2);

/// A size in bytes as people name message sizes: 8 "8 B", 1048576 "1 MiB", 65537 "65537 B".
std::string format_bytes(double bytes);

/// A duration: "0.63 us", "12.4 ms", "150 s", "2 h 5 min".
std::string format_duration(double seconds);

}  // namespace assay
