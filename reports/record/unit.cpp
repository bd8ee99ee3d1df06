#include "reports/record/unit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "reports/base/names.h"

namespace assay {
namespace {

struct BaseUnit {
  std::string_view symbol;
  double scale;
  Dimension dimension;
  bool decimal_prefixes;  ///< k M G T P E and m u n p may precede it
  bool binary_prefixes;   ///< Ki Mi Gi Ti Pi may precede it
};

constexpr Dimension time_{.time = 1};
constexpr Dimension bytes_{.information = 1};
constexpr Dimension arithmetic_{.arithmetic = 1};
constexpr Dimension tokens_{.token = 1};
constexpr Dimension items_{.item = 1};
constexpr Dimension energy_{.energy = 1};

constexpr std::array<BaseUnit, 29> base_units{{
    {"s", 1, time_, true, false},
    {"min", 60, time_, false, false},
    {"h", 3600, time_, false, false},
    {"d", 86400, time_, false, false},
    {"Hz", 1, {.time = -1}, true, false},
    {"B", 1, bytes_, true, true},
    {"FLOP", 1, arithmetic_, true, false},
    {"OP", 1, arithmetic_, true, false},
    {"token", 1, tokens_, true, false},
    {"tokens", 1, tokens_, true, false},
    {"IO", 1, items_, true, false},
    {"IOPS", 1, {.time = -1, .item = 1}, true, false},
    {"message", 1, items_, true, false},
    {"messages", 1, items_, true, false},
    {"file", 1, items_, true, false},
    {"files", 1, items_, true, false},
    {"sample", 1, items_, true, false},
    {"samples", 1, items_, true, false},
    {"step", 1, items_, true, false},
    {"steps", 1, items_, true, false},
    {"J", 1, energy_, true, false},
    {"W", 1, {.time = -1, .energy = 1}, true, false},
    {"Wh", 3600, energy_, true, false},
    {"%", 0.01, {}, false, false},
    {"ppm", 1e-6, {}, false, false},
    {"1", 1, {}, false, false},
    {"degC", 1, {.temperature = 1}, false, false},
    {"°C", 1, {.temperature = 1}, false, false},
    {"µs", 1e-6, time_, false, false},
}};

struct Prefix {
  std::string_view symbol;
  double scale;
};
constexpr std::array<Prefix, 10> decimal_prefixes{{{"k", 1e3},
                                                   {"M", 1e6},
                                                   {"G", 1e9},
                                                   {"T", 1e12},
                                                   {"P", 1e15},
                                                   {"E", 1e18},
                                                   {"m", 1e-3},
                                                   {"u", 1e-6},
                                                   {"n", 1e-9},
                                                   {"p", 1e-12}}};
constexpr std::array<Prefix, 5> binary_prefixes{{{"Ki", 1024.0},
                                                 {"Mi", 1048576.0},
                                                 {"Gi", 1073741824.0},
                                                 {"Ti", 1099511627776.0},
                                                 {"Pi", 1125899906842624.0}}};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// One factor of a unit, with its prefix: "GiB", "us", "tokens".
bool find_factor(std::string_view text, Unit& unit) {
  for (const BaseUnit& base : base_units) {
    if (text == base.symbol) {
      unit = {base.scale, base.dimension};
      return true;
    }
  }
  for (const BaseUnit& base : base_units) {
    if (text.size() <= base.symbol.size() || !text.ends_with(base.symbol)) continue;
    const std::string_view prefix = text.substr(0, text.size() - base.symbol.size());
    const auto apply = [&](const auto& prefixes) {
      for (const Prefix& known : prefixes) {
        if (prefix == known.symbol) {
          unit = {base.scale * known.scale, base.dimension};
          return true;
        }
      }
      return false;
    };
    if (base.decimal_prefixes && apply(decimal_prefixes)) return true;
    if (base.binary_prefixes && apply(binary_prefixes)) return true;
  }
  return false;
}

void add(Dimension& sum, const Dimension& other, int sign) {
  sum.time += sign * other.time;
  sum.information += sign * other.information;
  sum.arithmetic += sign * other.arithmetic;
  sum.token += sign * other.token;
  sum.item += sign * other.item;
  sum.energy += sign * other.energy;
  sum.temperature += sign * other.temperature;
}

/// `value` with `digits` significant digits, in plain notation where that is short.
std::string significant(double value, int digits) {
  std::array<char, 64> buffer{};
  if (value == 0) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::fabs(value))));
  if (magnitude < -4 || magnitude > 14) {
    std::snprintf(buffer.data(), buffer.size(), "%.*e", digits - 1, value);
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%.*f", std::max(0, digits - 1 - magnitude), value);
  }
  return buffer.data();
}

/// Units whose values are read in thousands: everything but shares, degrees and plain numbers.
std::string scaled(double value, std::string_view unit, int digits) {
  static constexpr std::array<Prefix, 6> up{
      {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"E", 1e18}}};
  static constexpr std::array<Prefix, 4> down{{{"m", 1e-3}, {"u", 1e-6}, {"n", 1e-9}, {"p", 1e-12}}};
  Prefix chosen{"", 1};
  const double size = std::fabs(value);
  if (unit == "s") {
    if (size < 1) {
      for (const Prefix& prefix : down) {
        chosen = prefix;
        if (size >= prefix.scale) break;
      }
      if (size == 0) chosen = {"", 1};
    }
  } else {
    for (const Prefix& prefix : up) {
      if (size >= prefix.scale) chosen = prefix;
    }
  }
  std::string text = significant(value / chosen.scale, digits);
  text += ' ';
  text += chosen.symbol;
  text += unit;
  return text;
}

}  // namespace

Unit parse_unit(std::string_view text) {
  text = trimmed(text);
  Unit result;
  if (text.empty()) return result;
  std::string_view rest = text;
  int sign = 1;
  for (;;) {
    const auto slash = rest.find('/');
    const std::string_view factor = trimmed(rest.substr(0, slash));
    Unit unit;
    if (!find_factor(factor, unit)) {
      std::vector<std::string> known;
      for (const char* example :
           {"FLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "TOP/s", "GB/s", "GiB/s", "MB/s", "B",
            "KiB",    "MiB",     "GiB",     "us",      "ms",    "s",    "min",   "h",    "tokens/s",
            "IOPS",   "files/s", "J",       "kWh",     "W",     "kW",   "MHz",   "%"}) {
        known.emplace_back(example);
      }
      throw bad_input("'" + std::string(text) + "' is not a unit", suggest(text, known));
    }
    result.scale *= sign > 0 ? unit.scale : 1 / unit.scale;
    add(result.dimension, unit.dimension, sign);
    if (slash == std::string_view::npos) return result;
    rest = rest.substr(slash + 1);
    sign = -1;
  }
}

Quantity parse_quantity(std::string_view text) {
  const std::string_view whole = trimmed(text);
  double number = 0;
  const auto [end, failure] = std::from_chars(whole.data(), whole.data() + whole.size(), number);
  if (failure != std::errc() || !std::isfinite(number)) {
    throw bad_input("'" + std::string(text) + "' does not begin with a finite number",
                    "write it like \"700 TFLOP/s\", \"2 min\" or \"8 MiB\"");
  }
  const Unit unit =
      parse_unit(std::string_view(end, static_cast<std::size_t>(whole.data() + whole.size() - end)));
  return {number * unit.scale, unit.dimension};
}

std::string describe(const Dimension& d) {
  const Dimension per_second{.time = -1};
  const auto is = [&](const Dimension& other) { return d == other; };
  if (is({})) return "a plain number or a share (such as 0.7 or 70 %)";
  if (is(time_)) return "a time (such as us, s or min)";
  if (is(bytes_)) return "an amount of data (such as GB or GiB)";
  if (is({.time = -1, .information = 1})) return "a rate of data (such as GB/s)";
  if (is(arithmetic_)) return "an amount of arithmetic (such as TFLOP)";
  if (is({.time = -1, .arithmetic = 1})) return "a rate of arithmetic (such as TFLOP/s)";
  if (is({.time = -1, .token = 1})) return "a rate of tokens (such as tokens/s)";
  if (is({.time = -1, .item = 1})) return "a rate of operations (such as IOPS or files/s)";
  if (is(energy_)) return "an energy (such as J or kWh)";
  if (is({.time = -1, .energy = 1})) return "a power (such as W or kW)";
  if (is(per_second)) return "a frequency (such as MHz)";
  if (is({.temperature = 1})) return "a temperature (degC)";
  if (is({.arithmetic = 1, .energy = -1})) return "arithmetic per energy (such as GFLOP/J)";
  std::vector<std::string> factors;
  const auto name = [&](int exponent, const char* symbol) {
    if (exponent != 0)
      factors.push_back(std::string(symbol) + (exponent == 1 ? "" : "^" + std::to_string(exponent)));
  };
  name(d.information, "B");
  name(d.arithmetic, "FLOP");
  name(d.token, "token");
  name(d.item, "item");
  name(d.energy, "J");
  name(d.temperature, "degC");
  name(d.time, "s");
  return "a quantity in " + join(factors, " ");
}

std::string format_value(double value, std::string_view unit, int significant_digits) {
  if (!std::isfinite(value)) return "not a number";
  if (unit == "1" || unit.empty()) return significant(value, significant_digits);
  if (unit == "%" || unit == "degC") return significant(value, significant_digits) + " " + std::string(unit);
  return scaled(value, unit, significant_digits);
}

std::string format_distinct(double value, double other, std::string_view unit) {
  // Texts may differ where the numbers they say do not: "100.00" and "100.0".
  const auto rounded = [](double number, int digits) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*e", digits - 1, number);
    return std::strtod(buffer.data(), nullptr);
  };
  for (int digits = 4; digits < 17; ++digits) {
    std::string text = format_value(value, unit, digits);
    if (value == other || rounded(value, digits) != rounded(other, digits)) return text;
  }
  return format_value(value, unit, 17);
}

std::string format_share(double share, int decimals) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f %%", decimals, 100 * share);
  return buffer.data();
}

std::string format_bytes(double bytes) {
  std::array<char, 64> buffer{};
  for (auto prefix = binary_prefixes.rbegin(); prefix != binary_prefixes.rend(); ++prefix) {
    const double count = bytes / prefix->scale;
    // A tenth of a unit is still a name that people use ("1.5 GiB"); finer ones are not.
    if (count >= 1 && std::fabs(count * 10 - std::round(count * 10)) < 1e-9) {
      std::snprintf(buffer.data(), buffer.size(), "%.15g %sB", count, std::string(prefix->symbol).c_str());
      return buffer.data();
    }
  }
  std::snprintf(buffer.data(), buffer.size(), "%.15g B", bytes);
  return buffer.data();
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  if (seconds < 60) return format_value(seconds, "s", 3);
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  if (whole < 86400) return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
  return std::to_string(whole / 86400) + " d " + std::to_string(whole % 86400 / 3600) + " h";
}

}  // namespace assay
