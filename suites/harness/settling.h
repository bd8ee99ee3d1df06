// When is a device warm? Pure: decided on what a row of windows of one load gave.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace assay::bench {

/// One window of a load.
struct LoadWindow {
  double length_s = 0;
  double iteration_s = 0;          ///< seconds per iteration
  std::optional<double> clock_hz;  ///< of the device meanwhile, where it was read
};

struct SettlingRule {
  double span_s = 0.25;    ///< two spans of windows, each at least this long, are compared
  std::size_t fewest = 3;  ///< windows of a span, at least
  double within = 0.01;    ///< relative difference of their medians
};

/// How much the two latest spans of windows differ, relative: the larger of the differences between their
/// median seconds per iteration and, where both hold a clock, their median clocks. Absent: too few windows.
std::optional<double> latest_change(const std::vector<LoadWindow>& windows, const SettlingRule& rule = {});

/// Whether rate and clock have become stable.
bool has_settled(const std::vector<LoadWindow>& windows, const SettlingRule& rule = {});

/// "settled after 0.62 s: rate and clock within 1 %", "not settled after 2 s, the limit: the latest 0.25 s
/// differ by 3.1 % from those before".
std::string settling_words(const std::vector<LoadWindow>& windows, const SettlingRule& rule = {});

}  // namespace assay::bench
